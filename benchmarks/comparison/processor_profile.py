"""The processor profile: in which places a server spends the processor time of its work, by sampling it under load.

Not here: the load and its figures (longwave.load, scenarios.py), how a profile is shown (report.py).
Rules that always hold: the server is started, pinned and loaded as in the matrix; every sample is in exactly one place;
a run that failed gives no profile; what was taken before stays until it is taken anew.

`profiles.json` is an object: `perf` (its version), `event`, `rate` (samples a second), `profiles` (list, the fields of
Profile). Samples come from perf: https://perfwiki.github.io/main/
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.measures.comeback import Comeback
from benchmarks.comparison.measures.returning import finish
from benchmarks.comparison.measures.steady import Steady
from benchmarks.comparison.record import scrub
from benchmarks.comparison.scenarios import SCENARIOS
from benchmarks.comparison.stand import PROC, Stand

from longwave.load import Verdict, run
from longwave.load.accounting import with_children

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.comparison.peer import Peer
    from benchmarks.comparison.scenarios import Scenario
    from benchmarks.comparison.stand import Processors

    from longwave.load import State

FILE = "profiles.json"
EVENT = "cpu-clock"  # a timer of the kernel: there on every machine, also on those that count no cycles
RATE = 2000  # samples in a second of the server's processor time
SAMPLED = 0.8  # of the measured window, so that sampling ends within it
SECONDS_OF_COMEBACK = 5.0  # that perf waits for a comeback to end; a server that has nothing to do gives no samples
MOST_SYMBOLS = 15  # kept of each profile
SECONDS_FOR_PERF = 60.0  # to read its file, beyond what was sampled
HOW_TO_INSTALL = "Debian has it in the package linux-perf; reading the kernel's part needs root"


@dataclass(frozen=True, slots=True)
class Place:
    """Where time is spent. pattern: of the symbol for what is the kernel's, else of the program or library."""

    name: str
    kernel: bool
    pattern: re.Pattern[str]


# The first that matches counts. Nearly all time at the end of a section without interrupts (`_raw_spin_unlock_irq*`) is
# that of the section, as the timer's interrupt waits for its end; calls showed that it is the reader that is woken.
PLACES: tuple[Place, ...] = (
    Place(
        "kernel: waking the reader",
        True,
        re.compile(
            r"_raw_spin_(un)?lock_irq|_raw_(read|write)_.*irq|ep_|.*epoll|sock_def_readable|.*wake_?up|_*schedule$"
            r"|.*resched|ttwu_|finish_task_switch|select_task_rq|(en|de)queue_(task|entity)|pick_next|.*[rR]eschedule"
        ),
    ),
    Place(
        "kernel: memory of packets",
        True,
        re.compile(
            r"skb_(release|defer|clone$|free|page_frag|attempt_defer|condense)|_*k?free_?skb|.*alloc_skb|napi_consume"
            r"|_*kmem_cache|_*kmalloc|_*kfree|_*(allocate_)?slab|.*memcg|sk_free|_*sk_mem|sk_page_frag|get_partial"
            r"|__build_skb|consume_skb|sock_(w|r)free|__sock_wfree|tcp_wfree"
        ),
    ),
    Place(
        "kernel: system calls, files, copying",
        True,
        re.compile(
            r"do_syscall|entry_|syscall|_*x64_sys|__sys_|_*fdget|_*fput|vfs_|do_(iter|writev)|rw_verify|_*import_"
            r"|_*copy_|iovec|sock_(write|send)|inet_send|sockfd|security_|bpf_lsm|hook_|__check_object|check_stack"
            r"|__virt_addr|is_vmalloc|srso_|__x86_|exit_to_user|irqentry"
        ),
    ),
    Place(
        "kernel: TCP and loopback, both ends",
        True,
        re.compile(
            r"_*(tcp|ip|ipv4|inet|bbr|cubictcp|net|netif|dev|napi|loopback|eth|skb|sk|sock|dst|fib|nf|qdisc|xfrm)_"
            r"|raw_local|(enqueue_to|process)_backlog|validate_xmit|minmax|_*(lock|release)_sock|copy_skb|_*do_softirq"
            r"|handle_softirqs|_*local_bh|_raw_spin_(un)?lock_bh"
        ),
    ),
    Place("kernel: locks, clocks, the rest", True, re.compile("")),
    Place("Python", False, re.compile(r"(lib)?python[\d.]*(\.so.*)?$")),
    Place("compiled modules of Python", False, re.compile(r".*\.(cpython-.*|abi3)\.so$")),
    Place("C library", False, re.compile(r"libc[.-]|ld-|libpthread|\[vdso\]")),
    Place("unknown", False, re.compile(r"\[unknown\]")),
    Place("the server's program itself", False, re.compile("")),
)
KERNEL = frozenset(place.name for place in PLACES if place.kernel)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One function of one program, library or kernel, and how many samples fell into it."""

    samples: int
    program: str
    name: str
    kernel: bool

    @property
    def place(self) -> str:
        """The name of its place."""
        text = self.name if self.kernel else self.program
        return next(place.name for place in PLACES if place.kernel == self.kernel and place.pattern.match(text))


@dataclass(frozen=True, slots=True)
class Profile:
    """Where one peer spent its time in one scenario.

    cpu: microseconds of processor time in that very run, sampling included, for each `unit`: a delivery, or a client
    that came back. samples: how many there are.
    places: samples of each place. symbols: those with most samples. taken: ISO time, UTC.
    wakes: how often the load's processes fell asleep for each delivery; the server pays for waking them.
    """

    scenario: str
    peer: str
    cpu: float
    samples: int
    places: dict[str, int]
    symbols: tuple[dict[str, Any], ...]
    taken: str = ""
    wakes: float = 0.0
    unit: str = "delivery"

    @classmethod
    def of(
        cls,
        scenario: str,
        peer: str,
        cpu: float,
        symbols: Iterable[Symbol],
        *,
        wakes: float = 0.0,
        unit: str = "delivery",
    ) -> Profile:
        """Return that of these symbols. Raises ValueError if there are no samples."""
        ordered = sorted(symbols, key=lambda symbol: -symbol.samples)
        samples = sum(symbol.samples for symbol in ordered)
        if not samples:
            raise ValueError(f"expected samples of {peer}, got none")
        top = tuple(asdict(symbol) | {"place": symbol.place} for symbol in ordered[:MOST_SYMBOLS])
        taken = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(scenario, peer, cpu, samples, group(ordered), top, taken, round(wakes, 4), unit)

    def cost(self, *places: str) -> float:
        """Return the microseconds a unit of these places together."""
        return self.cpu * sum(self.places.get(place, 0) for place in places) / self.samples


def group(symbols: Iterable[Symbol]) -> dict[str, int]:
    """Return the samples of each place that has any, in the order of PLACES."""
    found = dict.fromkeys((place.name for place in PLACES), 0)
    for symbol in symbols:
        found[symbol.place] += symbol.samples
    return {name: samples for name, samples in found.items() if samples}


def read_symbols(listing: str) -> Iterator[Symbol]:
    """Yield what `perf report` prints: a line for each symbol, with samples, program and symbol between tabs."""
    for line in listing.splitlines():
        fields = [field.strip() for field in line.split("\t", 2)]
        if len(fields) == 3 and fields[0].isdecimal():
            mark, _, name = fields[2].partition("] ")
            yield Symbol(int(fields[0]), fields[1], name.strip(), mark == "[k")


def profilable() -> list[str]:
    """Return the names of the scenarios that can be profiled, where the server has a processor for itself."""
    return [one.name for one in SCENARIOS if is_profilable(one) and not one.shared]


def is_profilable(scenario: Scenario) -> bool:
    """Tell whether it is a load at one rate, or a comeback beside which nothing happens."""
    how = scenario.full
    return isinstance(how, Steady) or (isinstance(how, Comeback) and how.live is None)


def refusal() -> str:
    """Return in one sentence why nothing can be profiled here, with what helps; "" if it can."""
    if shutil.which("perf") is None:
        return f"expected perf on the path, got none: {HOW_TO_INSTALL}"
    with tempfile.TemporaryDirectory() as folder:
        probe = ["perf", "record", "--quiet", "--event", f"{EVENT}:k", "--output", f"{folder}/perf.data", "true"]
        done = subprocess.run(probe, capture_output=True, check=False, timeout=SECONDS_FOR_PERF)
    return f"expected that perf may sample the kernel, got a refusal: {HOW_TO_INSTALL}" if done.returncode else ""


def take(scenario: Scenario, peer: Peer, processors: Processors) -> Profile:
    """Start a peer as the matrix does, put it under the scenario's load, and sample it meanwhile.

    Raises RuntimeError if the run failed, ValueError if nothing was sampled or the scenario cannot be profiled.
    """
    how = scenario.full
    if isinstance(how, Steady):
        return _take_steady(scenario.name, how, peer, processors)
    if isinstance(how, Comeback) and how.live is None:
        return _take_comeback(scenario.name, how, peer, processors)
    raise ValueError(f"expected a scenario with a load at one rate or a comeback, got {scenario.name}")


def _take_steady(name: str, how: Steady, peer: Peer, processors: Processors) -> Profile:
    with tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as folder:
        sampler = _Sampler(Path(folder) / "perf.data", how.load.duration * SAMPLED)
        with Stand(peer, Path(folder), cpu=processors.server) as stand, sampler:
            stand.start()
            sampler.pids = stand.pids
            result = run(stand.pace(how.load), stand.target, name=stand.name, server_pids=stand.pids, observe=sampler)
        if result.verdict is Verdict.FAILED or result.server is None:
            raise RuntimeError(f"expected a run without a loss, got: {'; '.join(result.reasons)}")
        symbols = read_symbols(sampler.listing())
        cost = result.server.cpu_per_delivery
        return Profile.of(name, peer.name, cost, symbols, wakes=sampler.wakes)


def _take_comeback(name: str, how: Comeback, peer: Peer, processors: Processors) -> Profile:
    with tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as folder:
        sampler = _Sampler(Path(folder) / "perf.data", SECONDS_OF_COMEBACK)
        with Stand(peer, Path(folder), cpu=processors.server) as stand, sampler:
            returning = how.prepare(stand)
            sampler.pids = stand.pids
            before = stand.account()
            sampler.start()
            returned = finish(returning.start())
            taken = stand.account().since(before)
        if returned.complete < how.subscribers:
            raise RuntimeError(f"expected that all get everything, got {returned.complete:,} of {how.subscribers:,}")
        cost = taken.cpu_time / 1000 / how.subscribers
        return Profile.of(name, peer.name, cost, read_symbols(sampler.listing()), unit="client")


class _Sampler:
    """Looks at a run; while it measures, perf samples the server's processes."""

    def __init__(self, file: Path, seconds: float) -> None:
        self._file, self._seconds = file, seconds
        self._perf: subprocess.Popen[str] | None = None
        self._looks: list[tuple[int, int]] = []  # sleeps of the load's processes, and deliveries, so far
        self.pids: tuple[int, ...] = ()

    def __enter__(self) -> _Sampler:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._perf is None:
            return
        if kind is not None:
            self._perf.terminate()
        self._perf.wait(SECONDS_FOR_PERF)

    def __call__(self, state: State) -> None:
        if state.phase != "measuring":
            return
        self.start()
        assert self._perf is not None, "it was started"
        load = set(with_children([os.getpid()])[1:]) - set(with_children([*self.pids, self._perf.pid]))
        self._looks.append((sum(map(count_sleeps, load)), state.delivered))

    @property
    def wakes(self) -> float:
        """How often the load's processes fell asleep for each delivery."""
        if len(self._looks) < 2:
            return 0.0
        (first, before), (last, after) = self._looks[0], self._looks[-1]
        return (last - first) / max(after - before, 1)

    def start(self) -> None:
        """Begin to sample, if that has not begun."""
        self._perf = self._perf or self._start()

    def _start(self) -> subprocess.Popen[str]:
        options = ["--quiet", "--event", EVENT, "--freq", str(RATE), "--output", str(self._file)]
        pids = ",".join(map(str, with_children(self.pids)))
        command = ["perf", "record", *options, "--pid", pids, "--", "sleep", f"{self._seconds:.2f}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def listing(self) -> str:
        """Return what was sampled, as `perf report` prints it. Raises RuntimeError with what perf said."""
        if self._perf is None:
            raise RuntimeError("expected a run that measures, got none")
        _, said = self._perf.communicate(timeout=SECONDS_FOR_PERF)
        if self._perf.returncode:
            raise RuntimeError(f"expected perf to sample, it said: {said.strip()}")
        options = ["--stdio", "--field-separator", "\t", "--fields", "sample,dso,sym"]
        command = ["perf", "report", "--input", str(self._file), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_PERF, check=True).stdout


def count_sleeps(pid: int, proc: Path = PROC) -> int:
    """Return how often a process fell asleep so far; 0 if it has ended."""
    with suppress(OSError):
        lines = (proc / str(pid) / "status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches")), 0)
    return 0


class Profiles:
    """The profiles of one run of the comparison, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        known = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        self.perf: str = known.get("perf", "")
        self._all = {(one["scenario"], one["peer"]): Profile(**one) for one in known.get("profiles", ())}

    def of(self, scenario: str) -> dict[str, Profile]:
        """Return those of a scenario by the peer."""
        return {peer: profile for (name, peer), profile in self._all.items() if name == scenario}

    def add(self, profile: Profile) -> None:
        """Keep a profile on the disk, in place of an earlier one of the same scenario and peer."""
        self._all[profile.scenario, profile.peer] = profile
        self.perf = perf_version()
        plain = {"perf": self.perf, "event": EVENT, "rate": RATE}
        text = json.dumps(plain | {"profiles": [asdict(one) for one in self._all.values()]}, indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(scrub(text) + "\n", encoding="utf-8")


def perf_version() -> str:
    """Return the version of perf; "" where there is none."""
    try:
        asked = subprocess.run(["perf", "--version"], capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return asked.stdout.strip().removeprefix("perf version ")
