"""The load generator: drives a server with subscribers and events, and measures what comes through.

Not here: the command line (cli/bench.py).
Rules that always hold: publishing is on schedule whatever the server does (open loop); every stream is checked; a run
says whether its figures may be believed.

    target = LongwaveTarget("127.0.0.1", 8080)
    result = run(Scenario(subscribers=1000, rate=200), target)
    print(result.verdict, result.delivery.p99)
"""

from __future__ import annotations

from longwave.load.distribution import Distribution
from longwave.load.objective import Objective
from longwave.load.processes import LoadFailed
from longwave.load.result import Result
from longwave.load.run import State, run
from longwave.load.scenario import Scenario
from longwave.load.sweep import find_best, parse_rates, sweep
from longwave.load.target import LongwaveTarget, Target
from longwave.load.verdict import Verdict

__all__ = [
    "Distribution",
    "LoadFailed",
    "LongwaveTarget",
    "Objective",
    "Result",
    "Scenario",
    "State",
    "Target",
    "Verdict",
    "find_best",
    "parse_rates",
    "run",
    "sweep",
]
