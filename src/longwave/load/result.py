"""The result of one run, as one frozen value that serialises to JSON.

Not here: how it is printed (cli/bench.py), drawn (plot.py) or come by (run.py).
Rules that always hold: percentiles are of all deliveries of all processes together; times are in milliseconds, sizes in
bytes, processor time in microseconds.

The JSON of a result is an object with these keys, each an object unless said otherwise:
- `format`: 1. `scenario`: the fields of Scenario. `target`: the server's name as given.
- `verdict`: "valid", "failed" or "generator-bound"; `reasons`: list of strings. `faults`: the fields of Faults.
- `delivery`, `last_subscriber`, `acknowledgement`, `subscribe`, `publisher_lag`, `receiver_pass`, `outage`, `churn`:
  the fields of Summary. `histograms`: the first three in the text form of HdrHistogram (V2, microseconds).
- `counts`: the fields of Counts. `rates`: the fields of Rates.
- `generators`: list, the fields of Generator. `server`: null, or the fields of Server.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longwave.load.accounting import Account
    from longwave.load.latency import Summary
    from longwave.load.scenario import Scenario
    from longwave.load.sequence import Faults
    from longwave.load.verdict import Verdict

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there was of everything, over the whole run.

    published: events that the server acknowledged; refused: that it did not take; unsent: that it had no time for;
    uncertain: whose answer never came. delivered, expected: deliveries that came and that were to come.
    incomplete: measured events that did not reach all. disconnects, reconnects: of subscribers that read.
    publisher_disconnects: of publishers that waited for an answer. evicted: stalled subscribers that the server let go.
    churned, churn_failures: passing subscribers.
    """

    published: int
    refused: int
    unsent: int
    uncertain: int
    delivered: int
    expected: int
    incomplete: int
    disconnects: int
    reconnects: int
    publisher_disconnects: int
    evicted: int
    churned: int
    churn_failures: int


@dataclass(frozen=True, slots=True)
class Rates:
    """A second.

    intended: events in the schedule of the measured window. connects: subscriptions to the response's first bytes,
    while all were connecting. deliveries: in the measured window.
    deliveries_per_core: deliveries for each second of processor time of the receivers.
    """

    intended: float
    connects: float
    deliveries: float
    deliveries_per_core: float


@dataclass(frozen=True, slots=True)
class Generator:
    """One generating process. share: of a processor in the window. waiting: share of it that it waited for one."""

    name: str
    share: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Server:
    """What the server took in the measured window.

    cpu_per_delivery: microseconds. share: of one processor. used: see Account. at_end: the account itself, so its
    memory is what the server had then.
    """

    cpu_per_delivery: float
    share: float
    used: Account
    at_end: Account


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to; see the top of this file."""

    target: str
    scenario: Scenario
    verdict: Verdict
    reasons: tuple[str, ...]
    faults: Faults
    counts: Counts
    rates: Rates
    delivery: Summary
    last_subscriber: Summary
    acknowledgement: Summary
    subscribe: Summary
    publisher_lag: Summary
    receiver_pass: Summary
    outage: Summary
    churn: Summary
    generators: tuple[Generator, ...]
    server: Server | None
    histograms: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return what `json.dumps` takes."""
        plain = asdict(self) | {"format": FORMAT, "verdict": self.verdict.value}
        plain["scenario"]["distribution"] = self.scenario.distribution.value
        return plain
