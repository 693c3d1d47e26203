"""What a worker is told: everything that it needs to open the log and to serve.

Not here: how it gets it (worker_process.py) and what it does (worker.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.logs.address import open_address
from longwave.logs.bell import EventBell

if TYPE_CHECKING:
    from longwave.logs.base import Log
    from longwave.logs.retention import Retention
    from longwave.server.config import ServerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The same for all workers, but for `number`.

    config: with the port that is reserved for all. log, durability, retention: as `open_address` takes them.
    log_level: of messages. number: the worker's own, from 0. bells: one descriptor for each worker, which it inherits.
    """

    config: ServerConfig
    log: str
    durability: str
    retention: Retention
    log_level: str
    number: int = 0
    bells: tuple[int, ...] = ()

    def open_log(self) -> Log:
        """Return the log, with the bell of this worker. Raises InvalidValue for an address that is none."""
        others = [bell for number, bell in enumerate(self.bells) if number != self.number]
        bell = EventBell(self.bells[self.number], others)
        return open_address(self.log, retention=self.retention, durability=self.durability, bell=bell)
