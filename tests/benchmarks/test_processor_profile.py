"""Samples are grouped into places, each into one; a profile is taken of a real hub where the machine allows it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from benchmarks.comparison import processor_profile
from benchmarks.comparison.__main__ import main
from benchmarks.comparison.longwave.launcher import LongwavePeer
from benchmarks.comparison.measures.comeback import Comeback
from benchmarks.comparison.measures.idle import Idle
from benchmarks.comparison.measures.steady import Steady
from benchmarks.comparison.processor_profile import KERNEL, PLACES, Profile, Profiles, Symbol, group, read_symbols
from benchmarks.comparison.scenarios import Scenario, find_scenario
from benchmarks.comparison.stand import Processors

from longwave.load import Scenario as Load

LISTING = """# Samples: 2K of event 'cpu-clock'
# Event count (approx.): 1496500000
#
#      Samples\tShared Object\tSymbol
339        \t[kernel.kallsyms]                      \t[k] _raw_spin_unlock_irqrestore
61         \tlibpython3.11.so.1.0                   \t[.] _PyEval_EvalFrameDefault
22         \tngx_nchan_module.so \t[.] 0x00000000000372ed

"""
KERNEL_SYMBOLS = {
    "_raw_spin_unlock_irqrestore": "kernel: waking the reader",
    "sock_def_readable": "kernel: waking the reader",
    "ep_poll_callback": "kernel: waking the reader",
    "do_epoll_wait": "kernel: waking the reader",
    "__schedule": "kernel: waking the reader",
    "skb_release_data": "kernel: memory of packets",
    "skb_defer_free_flush": "kernel: memory of packets",
    "tcp_stream_alloc_skb": "kernel: memory of packets",
    "kmem_cache_alloc_node_noprof": "kernel: memory of packets",
    "do_syscall_64": "kernel: system calls, files, copying",
    "__x64_sys_sendto": "kernel: system calls, files, copying",
    "fdget": "kernel: system calls, files, copying",
    "vfs_writev": "kernel: system calls, files, copying",
    "_copy_from_iter": "kernel: system calls, files, copying",
    "tcp_sendmsg_locked": "kernel: TCP and loopback, both ends",
    "tcp_schedule_loss_probe.part.0": "kernel: TCP and loopback, both ends",
    "__inet_lookup_established": "kernel: TCP and loopback, both ends",
    "net_rx_action": "kernel: TCP and loopback, both ends",
    "process_backlog": "kernel: TCP and loopback, both ends",
    "loopback_xmit": "kernel: TCP and loopback, both ends",
    "read_tsc": "kernel: locks, clocks, the rest",
    "a_function_of_the_next_kernel": "kernel: locks, clocks, the rest",
}
PROGRAMS = {
    "libpython3.11.so.1.0": "Python",
    "python3.13": "Python",
    "_socket.cpython-311-x86_64-linux-gnu.so": "compiled modules of Python",
    "loop.cpython-311-x86_64-linux-gnu.so": "compiled modules of Python",
    "libc.so.6": "C library",
    "[vdso]": "C library",
    "[unknown]": "unknown",
    "ngx_nchan_module.so": "the server's program itself",
    "nginx": "the server's program itself",
    "server": "the server's program itself",
}


def kernel(name, samples=1):
    return Symbol(samples, "[kernel.kallsyms]", name, kernel=True)


def user(program, samples=1):
    return Symbol(samples, program, "f", kernel=False)


def test_listing_of_perf_is_read_line_by_line_without_its_comments():
    assert list(read_symbols(LISTING)) == [
        Symbol(339, "[kernel.kallsyms]", "_raw_spin_unlock_irqrestore", kernel=True),
        Symbol(61, "libpython3.11.so.1.0", "_PyEval_EvalFrameDefault", kernel=False),
        Symbol(22, "ngx_nchan_module.so", "0x00000000000372ed", kernel=False),
    ]


@pytest.mark.parametrize("name", KERNEL_SYMBOLS)
def test_function_of_the_kernel_is_grouped_by_its_name(name):
    assert kernel(name).place == KERNEL_SYMBOLS[name]


@pytest.mark.parametrize("program", PROGRAMS)
def test_function_of_a_process_is_grouped_by_its_program_or_library(program):
    assert user(program).place == PROGRAMS[program]


def test_each_place_has_a_sample_symbol_and_names_are_unique():
    assert {place.name for place in PLACES} == {*KERNEL_SYMBOLS.values(), *PROGRAMS.values()}
    assert len({place.name for place in PLACES}) == len(PLACES)
    assert {*KERNEL_SYMBOLS.values()} == KERNEL


def test_no_sample_is_lost_and_none_counts_twice():
    symbols = [kernel("tcp_ack", 5), kernel("tcp_push", 2), user("libc.so.6", 3)]

    assert group(symbols) == {"kernel: TCP and loopback, both ends": 7, "C library": 3}


def test_cost_of_a_place_is_its_share_of_the_processor_time_of_a_delivery():
    profile = Profile.of("single-1k", "longwave", 4.0, [kernel("tcp_ack", 75), user("libpython3.11.so.1.0", 25)])

    assert profile.cost("Python") == 1.0
    assert profile.cost(*KERNEL) == 3.0
    assert profile.cost("C library") == 0.0
    assert sum(map(profile.cost, profile.places)) == profile.cpu


def test_symbols_with_most_samples_are_kept_most_first():
    profile = Profile.of("single-1k", "longwave", 4.0, [kernel(f"tcp_{n}", n) for n in range(1, 40)])

    assert [one["samples"] for one in profile.symbols] == list(range(39, 24, -1))
    assert profile.symbols[0]["place"] == "kernel: TCP and loopback, both ends"


def test_profile_without_samples_is_refused():
    with pytest.raises(ValueError, match="expected samples of longwave, got none"):
        Profile.of("single-1k", "longwave", 4.0, [])


def test_profiles_are_read_back_and_a_later_one_takes_the_place_of_an_earlier_one(tmp_path):
    first, second = (Profile.of("single-1k", "longwave", cpu, [kernel("tcp_ack")]) for cpu in (4.0, 5.0))
    other = Profile.of("single-1k", "bare", 3.0, [kernel("tcp_ack")])
    profiles = Profiles(tmp_path)
    for one in (first, other, second):
        profiles.add(one)

    found = Profiles(tmp_path).of("single-1k")
    assert {peer: one.cpu for peer, one in found.items()} == {"longwave": 5.0, "bare": 3.0}
    assert found["longwave"].places == second.places
    assert json.loads((tmp_path / "profiles.json").read_text())["rate"] == processor_profile.RATE


def test_scenario_without_one_rate_cannot_be_profiled_unless_it_is_a_comeback():
    assert {"single-1k", "single-8k", "comeback-10k"} <= {*processor_profile.profilable()}
    assert not {"broadcast-1k", "idle-1k", "workers-fan-out", "replay"} & {*processor_profile.profilable()}
    idle = Scenario(name="idle", title="Idle", question="?", full=Idle(1, 1))
    with pytest.raises(ValueError, match="expected a scenario with a load at one rate or a comeback, got idle"):
        processor_profile.take(idle, LongwavePeer(), Processors(None, None))


def test_machine_without_perf_is_told_in_one_sentence_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["profile", str(tmp_path / "results")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "expected perf on the path, got none" in said
    assert "linux-perf" in said
    assert not (tmp_path / "results").exists()


def test_perf_that_may_not_sample_the_kernel_is_told_in_one_sentence(tmp_path, monkeypatch, capsys):
    perf = tmp_path / "perf"
    perf.write_text("#!/bin/sh\nexit 255\n")
    perf.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert main(["profile", str(tmp_path / "results")]) == 2
    assert "got a refusal" in capsys.readouterr().err


def test_sleeps_of_a_process_are_those_that_it_chose_and_none_once_it_has_ended(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n")

    assert processor_profile.count_sleeps(7, tmp_path) == 12
    assert processor_profile.count_sleeps(8, tmp_path) == 0


@pytest.mark.slow
def test_profile_of_a_hub_has_time_in_the_kernel_and_in_python():
    if reason := processor_profile.refusal():
        pytest.skip(reason)
    load = Load(subscribers=50, rate=100, duration=1.5, warmup=0.1, publishers=1)
    tiny = replace(find_scenario("single-1k"), name="tiny", full=Steady(load))

    profile = processor_profile.take(tiny, LongwavePeer(), Processors(None, None))

    assert profile.samples > 0
    assert profile.wakes > 0
    assert 0 < profile.cost(*KERNEL) < profile.cpu
    assert profile.cost("Python") > 0


@pytest.mark.slow
def test_profile_of_a_comeback_counts_clients():
    if reason := processor_profile.refusal():
        pytest.skip(reason)
    tiny = replace(find_scenario("comeback-10k"), name="tiny", full=Comeback(300, 20, kill=True))

    profile = processor_profile.take(tiny, LongwavePeer(), Processors(None, None))

    assert profile.unit == "client"
    assert 0 < profile.cost("Python") < profile.cpu
    assert 0 < profile.cost(*KERNEL) < profile.cpu
