"""A comeback: subscribers who are so many events behind come all at once with Last-Event-ID.

Not here: subscribers that a killed server has lost, beside live publishing (storm.py).
Rules that always hold: with `kill` the history was acknowledged before the server was killed, and is read by its
successor; with `live` other subscribers get events on schedule meanwhile, and their latency counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.history import History, publish_history
from benchmarks.comparison.measures.posts import PostFailed
from benchmarks.comparison.measures.returning import Returned, Returning, finish
from benchmarks.comparison.measures.steady import keep, read_figures
from benchmarks.comparison.record import Finding

from longwave.load import Result, Scenario, State, Verdict, run

if TYPE_CHECKING:
    import subprocess

    from benchmarks.comparison.stand import Stand

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Comeback:
    """So many subscribers, each so many events behind. kill: the server is killed before. live: a load beside it."""

    subscribers: int
    behind: int
    payload: int = 200
    kill: bool = False
    live: Scenario | None = None

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        try:
            returning = self.prepare(stand)
        except (PostFailed, OSError) as error:
            return Finding(Verdict.FAILED, (f"the history: {error}",), {})
        return self._take_live(stand, returning) if self.live else self._take_alone(stand, returning)

    def prepare(self, stand: Stand) -> Returning:
        """Start the peer, give it a history, kill it if it is to be, and return who comes back.

        Raises PostFailed or OSError if it does not take the history.
        """
        stand.start(durable=self.kill and stand.is_durable)
        history = publish_history(stand.target, self.behind, self.payload)
        if self.kill:
            stand.kill_and_start()
        return Returning(stand.target, history, self.subscribers, stand.connect_rate)

    def _take_alone(self, stand: Stand, returning: Returning) -> Finding:
        before, memory = stand.account(), stand.memory()
        returned = finish(returning.start())
        taken = stand.account().since(before)
        figures = self._figures(returned, returning.history)
        figures |= {
            "cpu_total": taken.cpu_time / 1e9,
            "cpu_each": taken.cpu_time / 1000 / self.subscribers,
            "memory_growth": float(stand.memory() - memory),
        }
        return Finding(*self._judge(returned), figures, {"faults": returned.faults})

    def _take_live(self, stand: Stand, returning: Returning) -> Finding:
        assert self.live is not None
        trigger = _Trigger(returning)
        try:
            result = run(stand.pace(self.live), stand.target, name=stand.name, server_pids=stand.pids, observe=trigger)
            returned = finish(trigger.process())
        finally:
            trigger.close()
        verdict, reasons = self._judge(returned)
        verdict, reasons = _join(verdict, reasons, result)
        figures = read_figures(result) | self._figures(returned, returning.history)
        return Finding(verdict, reasons, figures, {"faults": returned.faults, "live": keep(result)})

    def _figures(self, returned: Returned, history: History) -> dict[str, float]:
        bytes_sent = returned.complete * history.events * history.payload
        return {
            "seconds": returned.seconds,
            "mebibytes": bytes_sent / MEBIBYTE / returned.seconds,
            "lost": float(self.subscribers - returned.complete),
            "sender": returned.cpu / returned.seconds,
        }

    def _judge(self, returned: Returned) -> tuple[Verdict, tuple[str, ...]]:
        reasons = [f"{count:,} {name}" for name, count in returned.faults.items() if count]
        if returned.complete < self.subscribers:
            reasons.append(f"{self.subscribers - returned.complete:,} of {self.subscribers:,} did not get everything")
        return (Verdict.FAILED, tuple(reasons)) if reasons else (Verdict.VALID, ())


def _join(verdict: Verdict, reasons: tuple[str, ...], live: Result) -> tuple[Verdict, tuple[str, ...]]:
    """Return the worse of two verdicts, with all reasons."""
    order = (Verdict.FAILED, Verdict.GENERATOR_BOUND, Verdict.VALID)
    return min(verdict, live.verdict, key=order.index), reasons + live.reasons


class _Trigger:
    """Starts the returning subscribers when the live load is being measured."""

    def __init__(self, returning: Returning) -> None:
        self._returning = returning
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, state: State) -> None:
        if state.phase == "measuring" and self._process is None:
            self._process = self._returning.start()

    def process(self) -> subprocess.Popen[bytes]:
        """Return their process."""
        if self._process is None:
            raise RuntimeError("expected the live load to be measured, got its end before")
        return self._process

    def close(self) -> None:
        """End them if they still run."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
