"""What a worker is told: everything that it needs to open the log and to serve.

Not here: how it gets it (worker_process.py) and what it does (worker.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.logs.address import open_address
from longwave.logs.bell import EventBell
from longwave.server.messages.log_format import LogFormat
from longwave.server.metrics.sample_exchange import SampleExchange

if TYPE_CHECKING:
    from longwave.logs.base import Log
    from longwave.logs.retention import Retention
    from longwave.server.config import ServerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The same for all workers, but for `number`.

    config: with the port that is reserved for all. log, durability, retention: as `open_address` takes them.
    log_level, log_format: of messages. folder: where workers ask each other for metrics, "" if they do not.
    number: the worker's own, from 0. bells: one descriptor for each worker, which it inherits.
    supervisor: random name of the one that started it, "" for none.
    """

    config: ServerConfig
    log: str
    durability: str
    retention: Retention
    log_level: str
    log_format: LogFormat = LogFormat.HUMAN
    folder: str = ""
    number: int = 0
    bells: tuple[int, ...] = ()
    supervisor: str = ""

    @property
    def place(self) -> str:
        """The name of the worker's place, which the next one gets after its end."""
        return f"{self.supervisor}-{self.number}" if self.supervisor else ""

    def open_log(self) -> Log:
        """Return the log, with the bell of this worker. Raises InvalidValue for an address that is none."""
        others = [bell for number, bell in enumerate(self.bells) if number != self.number]
        bell = EventBell(self.bells[self.number], others)
        return open_address(self.log, retention=self.retention, durability=self.durability, bell=bell)

    def sample_exchange(self) -> SampleExchange | None:
        """Return how the worker asks the others for their metrics, None where nobody asks."""
        return SampleExchange(self.folder, self.number, self.config.workers) if self.folder else None
