"""Checks of what other origins may do, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_origin as checks
from longwave.doctor.finding import Verdict
from longwave.doctor.inquiry import ANY_ORIGIN
from unit.doctor.seen import head_of, seen_of

PAGE = "https://app.example.com"
MEANT = {"origin": PAGE}
STAR = {"access-control-allow-origin": "*"}
NAMED = {"access-control-allow-origin": PAGE, "access-control-allow-credentials": "true"}
REFLECTED = {"access-control-allow-origin": ANY_ORIGIN, "access-control-allow-credentials": "true"}


def with_headers(*names):
    return {"access-control-allow-headers": ", ".join(names)}


@pytest.mark.parametrize(
    ("inquiry", "head", "verdict", "says"),
    [
        (MEANT, head_of(headers=NAMED), Verdict.OK, "with credentials"),
        (MEANT, head_of(headers=STAR), Verdict.OK, "'*', without credentials"),
        (MEANT, head_of(headers={}), Verdict.FAILURE, "no Access-Control-Allow-Origin for"),
        (MEANT, head_of(headers={"access-control-allow-origin": "https://b"}), Verdict.FAILURE, "'https://b' for"),
        (MEANT, head_of(403), Verdict.FAILURE, "was answered 403"),
        (MEANT, None, Verdict.NOT_CHECKED, "not answered"),
        (MEANT, head_of(headers={**NAMED, **STAR}), Verdict.FAILURE, "* together with"),
        ({}, head_of(headers={}), Verdict.OK, "only pages of its own origin"),
        ({}, head_of(403), Verdict.OK, "only pages of its own origin"),
        ({}, head_of(headers=STAR), Verdict.OK, "'*'"),
        ({}, head_of(headers={**NAMED, **STAR}), Verdict.FAILURE, "* together with"),
        ({}, head_of(headers=REFLECTED), Verdict.FAILURE, "any origin"),
    ],
)
def test_cors(inquiry, head, verdict, says):
    judgement = checks.judge_cors(seen_of(inquiry=inquiry, cross_origin=head))
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize(
    ("preflight", "verdict", "says"),
    [
        (head_of(204, NAMED | with_headers("Last-Event-ID", "authorization")), Verdict.OK, "may be sent"),
        (head_of(200, STAR | with_headers("*", "authorization")), Verdict.OK, "may be sent"),
        (head_of(204, STAR | with_headers("*")), Verdict.WARNING, "authorization may not"),
        (head_of(204, NAMED | with_headers("*", "authorization")), Verdict.WARNING, "last-event-id may not"),
        (head_of(204, NAMED), Verdict.WARNING, "last-event-id and authorization may not"),
        (head_of(204, {}), Verdict.WARNING, "allowing no origin"),
        (head_of(405, {}), Verdict.WARNING, "answered 405"),
        (None, Verdict.WARNING, "not answered"),
    ],
)
def test_preflight(preflight, verdict, says):
    seen = seen_of(inquiry=MEANT, cross_origin=head_of(headers=NAMED), preflight=preflight)
    judgement = checks.judge_preflight(seen)
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize("cross_origin", [None, head_of(headers={})])
def test_a_stream_for_its_own_origin_needs_no_preflight(cross_origin):
    assert checks.judge_preflight(seen_of(cross_origin=cross_origin)).verdict is Verdict.NOT_CHECKED
