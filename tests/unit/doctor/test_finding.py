"""Findings are printable, and health is the absence of failures."""

from __future__ import annotations

import pytest

from longwave.doctor.finding import Finding, Verdict, counted, describe_bytes, is_healthy, quote


@pytest.mark.parametrize(
    ("verdict", "healthy"),
    [(Verdict.OK, True), (Verdict.WARNING, True), (Verdict.NOT_CHECKED, True), (Verdict.FAILURE, False)],
)
def test_only_a_failure_is_unhealthy(verdict, healthy):
    findings = [Finding("a", each, "", "", "") for each in (Verdict.OK, verdict)]
    assert is_healthy(findings) is healthy


@pytest.mark.parametrize("value", ["\x1b[2J", b"\x1b[2J\xff", "\u202e", "x" * 10_000])
def test_a_quote_is_short_and_cannot_control_a_terminal(value):
    text = quote(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 100


def test_a_number_agrees_with_its_noun():
    assert (counted(1, "event"), counted(2_000, "event")) == ("1 event", "2,000 events")


def test_large_sizes_are_told_in_mebibytes():
    assert (describe_bytes(1), describe_bytes(2**20)) == ("1 byte", "1.0 MiB")
