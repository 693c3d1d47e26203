"""No run with a fault is fast, and no run of a busy generator is valid."""

from __future__ import annotations

from dataclasses import fields

import pytest

from longwave.load.sequence import Faults
from longwave.load.verdict import MAX_LAG_P99, MAX_SHARE, Evidence, Verdict, judge


def evidence(faults=None, failures=None, shares=None, lag=0.0):
    return Evidence(faults or Faults(), failures or {}, shares or {"receiver 1": 0.5}, lag)


def test_run_without_fault_is_valid():
    assert judge(evidence(failures={"disconnected subscribers": 0})) == (Verdict.VALID, [])


@pytest.mark.parametrize("fault", [field.name for field in fields(Faults)])
def test_one_fault_fails_the_run(fault):
    assert judge(evidence(Faults(**{fault: 1}))) == (Verdict.FAILED, [f"1 {fault}"])


def test_other_failures_fail_the_run():
    assert judge(evidence(failures={"disconnected subscribers": 1200})) == (
        Verdict.FAILED,
        ["1,200 disconnected subscribers"],
    )


def test_busy_process_is_named():
    verdict, reasons = judge(evidence(shares={"receiver 1": 0.2, "publisher": 0.9}))

    assert verdict is Verdict.GENERATOR_BOUND
    assert reasons == ["publisher used 90% of a processor, more than 85%"]


def test_late_publisher_is_told():
    verdict, reasons = judge(evidence(lag=12.34))

    assert verdict is Verdict.GENERATOR_BOUND
    assert reasons == ["the publisher was 12.3 ms late (p99), more than 5 ms"]


def test_bounds_themselves_are_allowed():
    assert judge(evidence(shares={"receiver 1": MAX_SHARE}, lag=MAX_LAG_P99))[0] is Verdict.VALID


def test_failure_outweighs_a_busy_generator_and_both_are_told():
    verdict, reasons = judge(evidence(Faults(gaps=2), shares={"publisher": 1.0}))

    assert verdict is Verdict.FAILED
    assert len(reasons) == 2
