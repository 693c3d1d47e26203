"""The page is made from the results alone: the same every time, and honest about what failed or was not measured."""

from __future__ import annotations

from types import SimpleNamespace as Plain

import pytest
from benchmarks.comparison import provenance, report
from benchmarks.comparison.measures.ladder import summarise
from benchmarks.comparison.processor_profile import Profile, Profiles, Symbol
from benchmarks.comparison.record import Cell, Finding, Record
from benchmarks.comparison.summary import Summary
from benchmarks.comparison.targets import TARGETS, at_least, at_most

from longwave.load import Verdict

KNOWN = {
    "date": "2030-01-01T00:00:00+00:00",
    "command": "python -m benchmarks.comparison",
    "commit": "0123",
    "machine": {"processor": "A", "processors": "2", "open files": "1 / 20000 (soft / hard)"},
    "sysctls": {"net.core.somaxconn": "4096"},
    "python": "CPython 3",
    "packages": {"longwave": "0.1.0"},
    "peers": {"longwave": {"versions": {"longwave": "0.1.0"}, "tuning": "its defaults", "abilities": []}},
    "skipped": [{"name": "mercure", "reason": "no such program", "versions": {}}],
    "load_average": [0.1, 0.2, 0.3],
}


def cell(scenario, peer, number=1, verdict=Verdict.VALID, *, reasons=(), details=None, **figures):
    return Cell(scenario, peer, number, Finding(verdict, tuple(reasons), figures, details), "2030", 0.5)


def step(rate, p99, verdict="valid", **more):
    return {"rate": rate, "p50": p99 / 2, "p99": p99, "deliveries": rate * 1000, "verdict": verdict} | more


def single(**costs):
    return [cell("single-1k", peer, cpu=cost, p50=1.0, p99=2.0) for peer, cost in costs.items()]


@pytest.fixture
def write(tmp_path):
    """Write a page of these cells; return its text."""

    def write_page(*cells):
        folder, page = tmp_path / "results", tmp_path / "docs" / "performance.md"
        record = Record(folder)
        record.clear()
        for one in cells:
            record.add(one)
        provenance.write(folder, KNOWN)
        report.write(folder, page)
        return page.read_text(encoding="utf-8")

    return write_page


def judge(sentence, *cells):
    target = next(target for target in TARGETS if target.sentence.startswith(sentence))
    return target.judge(Summary(cells))


def test_same_results_give_the_same_page_and_the_same_pictures(write, tmp_path):
    cells = [
        *single(longwave=4.0, nchan=8.0, bare=3.6),
        cell("broadcast-1k", "longwave", knee=100.0, most=1e5, details={"steps": [step(50.0, 3.0), step(100.0, 9.0)]}),
    ]
    first = write(*cells)
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "docs" / "performance").iterdir()}

    assert write(*cells) == first
    assert {"cpu.svg", "broadcast-1k.svg"} <= pictures.keys()
    assert {path.name: path.read_bytes() for path in (tmp_path / "docs" / "performance").iterdir()} == pictures


def test_table_has_medians_ranges_and_ratios_to_nchan_and_to_the_floor(write):
    rounds = [cell("single-1k", "longwave", number, cpu=cost) for number, cost in enumerate((4.0, 6.0, 5.0), 1)]
    page = write(*rounds, *single(nchan=10.0, bare=4.0))

    line = next(line for line in page.splitlines() if line.startswith("| **longwave**"))
    assert [word.strip() for word in line.split("|")][2:4] == ["5.00", "4.00 to 6.00"]
    assert [word.strip() for word in line.split("|")][-3:-1] == ["0.50", "1.25"]


def test_failed_round_gives_no_figure_but_its_reason(write):
    failed = cell("single-1k", "nchan", verdict=Verdict.FAILED, reasons=["7 gaps"], cpu=0.01)
    page = write(*single(longwave=4.0), failed)

    assert "0.01" not in page
    assert "nchan: 1 of 1 rounds failed: 7 gaps" in page


def test_figure_that_the_generator_bounded_is_marked(write):
    page = write(
        cell("single-1k", "longwave", verdict=Verdict.GENERATOR_BOUND, reasons=["receiver 1 used 99 %"], cpu=4.0)
    )

    assert f"**longwave** {report.BOUND}" in page
    assert "receiver 1 used 99 %" in page


def test_server_whose_processor_was_held_by_other_work_is_marked(write):
    page = write(cell("single-1k", "longwave", cpu=4.0, waiting=0.4), cell("single-1k", "nchan", cpu=4.0, waiting=0.01))

    assert f"**longwave** {report.DISTURBED}" in page
    assert f"nchan {report.DISTURBED}" not in page


def test_server_that_fell_behind_is_marked_and_keeps_its_figures(write):
    page = write(cell("single-1k", "longwave", cpu=4.0), cell("single-1k", "nchan", cpu=58.0, carried=0.34))

    assert f"| nchan {report.BEHIND} | 58.00 |" in page
    assert f"- nchan {report.BEHIND} fell behind: 34% of what was due in the window came in it" in page
    assert f"**longwave** {report.BEHIND}" not in page


def test_peer_that_was_skipped_is_named_with_its_reason(write):
    assert "**mercure**: not measured: no such program" in write(*single(longwave=4.0))


def test_empty_record_gives_a_page_on_which_no_target_is_met(write):
    page = write()

    assert "| met |" not in page
    assert page.count("| not measured |") == len(TARGETS)


def test_every_picture_that_the_page_shows_exists(write, tmp_path):
    page = write(*single(longwave=4.0, nchan=8.0))

    shown = [line.partition("](")[2].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert shown
    assert all((tmp_path / "docs" / name).exists() for name in shown)


def test_provenance_names_neither_this_host_nor_its_paths():
    import os
    from pathlib import Path

    text = provenance.page(provenance.collect([str(Path.cwd() / "x")], [], []))

    assert os.uname().nodename not in text
    assert str(Path(__file__).resolve().parents[2]) not in text


def test_run_that_goes_on_forgets_no_peer_and_no_command():
    later = KNOWN | {"command": "again", "peers": {"mercure": {"versions": {}, "tuning": "", "abilities": []}}}
    joined = provenance.join(KNOWN, later | {"skipped": []})

    assert set(joined["peers"]) == {"longwave", "mercure"}
    assert joined["skipped"] == []
    assert joined["command"] == f"{KNOWN['command']}; again"
    assert provenance.join({}, later) == later


def test_run_that_goes_on_at_another_commit_names_each_once():
    joined = KNOWN
    for commit in ("0123", "4567", "4567", "0123"):
        joined = provenance.join(joined, KNOWN | {"commit": commit})

    assert joined["commit"] == "0123; 4567"


@pytest.mark.parametrize(("cost", "met"), [(6.0, True), (9.0, False)])
def test_cost_is_judged_as_a_ratio_in_the_same_run(cost, met):
    found = judge("Single events to 1,000: CPU a delivery at most 0.75 x nchan", *single(longwave=cost, nchan=10.0))

    assert found.met is met


def test_cost_without_the_other_peer_is_not_measured():
    assert judge("Single events to 1,000", *single(longwave=1.0)).met is None


def test_lower_bound_can_meet_a_target_and_cannot_miss_it():
    assert at_least(3.0, 2.0, "", bound=True).met is True
    assert at_least(1.0, 2.0, "", bound=True).met is None
    assert at_least(1.0, 2.0, "").met is False
    assert at_most(None, 1.0, "").met is None


def profiled(peer, cpu, **samples):
    """A profile: in_kernel and in_python say how many samples."""
    return Profile.of(
        "single-8k",
        peer,
        cpu,
        [
            Symbol(samples.get("in_kernel", 0), "[kernel.kallsyms]", "tcp_ack", kernel=True),
            Symbol(samples.get("in_python", 0), "libpython3.11.so.1.0", "f", kernel=False),
        ],
    )


def wide(**costs):
    return [cell("single-8k", peer, cpu=cost) for peer, cost in costs.items()]


def test_profiles_are_shown_as_microseconds_of_each_place_and_a_miss_refers_to_them(write, tmp_path):
    profiles = Profiles(tmp_path / "results")
    profiles.add(profiled("bare", 5.0, in_kernel=100))
    profiles.add(profiled("longwave", 8.0, in_kernel=75, in_python=25))
    page = write(*wide(longwave=7.0, bare=5.0, nchan=10.0))

    assert "|  | **longwave** | bare loop |" in page
    assert "| kernel: TCP and loopback, both ends | 6.00 | 5.00 |" in page
    assert "| Python | 2.00 | 0.00 |" in page
    assert "| in all | 8.00 | 5.00 |" in page
    assert "Compared with the bare loop, a delivery takes Longwave +3.00 µs: +2.00 in its own process, +1.00" in page
    missed = next(
        line for line in page.splitlines() if line.startswith("| Single events to 8,000") and "x bare" in line
    )
    assert "#where-the-processor-time-goes" in missed
    assert "## Where the processor time goes" in page


def test_target_that_was_met_does_not_refer_to_a_profile(write, tmp_path):
    Profiles(tmp_path / "results").add(profiled("longwave", 8.0, in_kernel=75))

    assert "](#where-the-processor-time-goes)" not in write(*wide(longwave=5.0, bare=5.0, nchan=10.0))


def test_page_without_profiles_says_so_and_how_to_take_them(write):
    page = write(*wide(longwave=7.0, bare=5.0))

    assert "No profile was taken in this run" in page
    assert "linux-perf" in page
    assert "](#where-the-processor-time-goes)" not in page


def test_latency_is_compared_at_a_rate_that_both_carried_at_half_of_the_knee():
    ours = {"steps": [step(50.0, 3.0), step(100.0, 9.0), step(200.0, 90.0)]}
    theirs = {"steps": [step(50.0, 4.0), step(100.0, 30.0)]}
    cells = [cell("broadcast-1k", "longwave", knee=100.0, details=ours)]
    cells.append(cell("broadcast-1k", "nchan", knee=100.0, details=theirs))

    found = judge("p99 at half", *cells)
    assert found.met is True
    assert "at 50 events/s" in found.measured


def test_memory_of_a_stalled_client_is_what_comes_on_top_of_the_same_load_without_any():
    mebibyte = 2**20
    cells = [
        cell("stalled-0", "longwave", memory_peak=2.0 * mebibyte, buffers_peak=0.0, stalled=0.0),
        cell("stalled-10", "longwave", memory_peak=3.0 * mebibyte, buffers_peak=4.0 * mebibyte, stalled=100.0),
    ]

    assert judge("A stalled client", *cells).measured == "51.2 KiB"


def test_memory_of_a_stalled_client_that_cannot_be_told_from_noise_is_said_to_be_that():
    cells = (
        cell("stalled-0", "longwave", memory_peak=2.0 * 2**20, buffers_peak=2.0 * 2**20, stalled=0.0),
        cell("stalled-10", "longwave", memory_peak=2.0 * 2**20, buffers_peak=1.0 * 2**20, stalled=100.0),
    )

    found = judge("A stalled client", *cells)
    assert (found.measured, found.remark) == ("0.0 KiB", "less than the same load without any varies by")


def test_idle_memory_is_the_growth_between_two_sizes():
    cells = [
        cell("idle-1k", "longwave", user_total=2_000_000.0),
        cell("idle-10k", "longwave", user_total=2_000_000.0 + 9000 * 512),
    ]

    assert judge("User memory", *cells).measured == "0.50 KiB"


def test_comeback_that_lost_something_has_missed_its_target():
    lost = cell("comeback-10k", "longwave", verdict=Verdict.FAILED, reasons=["3 of 10,000 did not get everything"])

    assert judge("10,000 back", lost).met is False


@pytest.mark.parametrize("verdict", [Verdict.VALID, Verdict.FAILED])
def test_ladder_has_no_knee_without_a_rate_in_the_objective_and_fails_where_nothing_was_carried(verdict):
    summary = Plain(p50=80.0, p99=90.0, p999=91.0, max=92.0, count=1)
    result = Plain(
        verdict=verdict,
        reasons=(),
        scenario=Plain(rate=10.0),
        delivery=summary,
        last_subscriber=summary,
        acknowledgement=summary,
        rates=Plain(intended=10.0, deliveries=100.0, connects=1.0),
        generators=(Plain(share=0.1),),
        counts=Plain(churned=0),
        server=None,
        to_json=lambda: {"counts": {}},
    )

    found = summarise([result])
    assert found.verdict is verdict
    assert "knee" not in found.figures
    assert ("most" in found.figures) is (verdict is Verdict.VALID)
