"""Checks of what a reconnection needs, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_resume as checks
from longwave.doctor.finding import Verdict
from longwave.doctor.observation import Ending, Resumption, Watch
from unit.doctor.seen import head_of, resumed, seen_of, watch_of


@pytest.mark.parametrize(
    ("first", "second", "verdict", "says"),
    [
        (b"retry: 2100\n\n", b"retry: 2900\n\n", Verdict.OK, "2100 ms and 2900 ms"),
        (b"retry: 3000\n\n", b"retry: 3000\n\n", Verdict.WARNING, "the same on two connections"),
        (b"retry: 3000\n\n", b":\n", Verdict.OK, "got none"),
        (b"retry: 10\n\n", b"retry: 20\n\n", Verdict.WARNING, "10 ms"),
        (b"retry: 600000\n\n", b"", Verdict.WARNING, "600000 ms"),
        (b"retry: 3s\n\n", b"", Verdict.NOT_CHECKED, "none came"),
        (b":\n", b"", Verdict.NOT_CHECKED, "none came"),
    ],
)
def test_retry(first, second, verdict, says):
    judgement = checks.judge_retry(seen_of(first, resumption=resumed(second)))
    assert judgement.verdict is verdict
    assert says in judgement.seen


def test_a_server_that_ends_a_stream_without_a_retry_is_warned_of():
    watch = watch_of(b"data: 1\n\n", ending=Ending.CLOSED)
    assert checks.judge_retry(seen_of(watch=watch)).verdict is Verdict.WARNING


def event(event_id):
    return b"id: %b\ndata: x\n\n" % event_id


@pytest.mark.parametrize(
    ("body", "verdict", "says"),
    [
        (event(b"a-1"), Verdict.OK, "1 of 1 event"),
        (event(b"1") + b"data: x\n\n", Verdict.OK, "1 of 2 events"),
        (b":\n", Verdict.NOT_CHECKED, "no event came"),
        (b"data: x\n\n", Verdict.WARNING, "none of 1 event"),
        (b"id\ndata: x\n\n", Verdict.WARNING, "none of 1 event"),
        (event(b"a\0b"), Verdict.FAILURE, "NUL"),
        (event("\u20ac7".encode()), Verdict.WARNING, "not Latin-1"),
        (event("\u00e97".encode()), Verdict.WARNING, "not ASCII"),
        (event(b"x" * 127), Verdict.OK, "1 of 1"),
        (event(b"x" * 128), Verdict.WARNING, "longer than 127 bytes"),
        (event(b"a\tb"), Verdict.WARNING, "control character"),
        (event(b" a"), Verdict.WARNING, "space"),
    ],
)
def test_ids(body, verdict, says):
    judgement = checks.judge_ids(seen_of(body))
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize(
    ("resumption", "verdict", "says"),
    [
        (resumed(event(b"2")), Verdict.OK, "'2' came, as before"),
        (resumed(event(b"2") + event(b"3")), Verdict.OK, "'2' came"),
        (resumed(event(b"1") + event(b"2")), Verdict.FAILURE, "the same event came again"),
        (resumed(event(b"9")), Verdict.FAILURE, "'2' had followed"),
        (resumed(b":\n"), Verdict.FAILURE, "no event with an id came in 5.0 s"),
        (resumed(b"event: gap\n" + event(b"9")), Verdict.WARNING, "a gap was told"),
        (resumed(event(b"2"), expected=b""), Verdict.OK, "may well be the next"),
        (resumed(event(b"1"), expected=b""), Verdict.FAILURE, "the same event came again"),
        (resumed(b":\n", expected=b""), Verdict.NOT_CHECKED, "no later one"),
        (resumed(b":\n", ending=Ending.BROKEN, problem="reset"), Verdict.NOT_CHECKED, "broke: reset"),
        (resumed(b"", head=head_of(400)), Verdict.FAILURE, "was answered 400"),
        (Resumption(Watch(), b"1", b"2"), Verdict.FAILURE, "was answered not at all"),
        (resumed(b"retry: 1\n\n", after=b"", expected=b""), Verdict.NOT_CHECKED, "no event with an id"),
        (None, Verdict.NOT_CHECKED, "no event with an id"),
    ],
)
def test_resume(resumption, verdict, says):
    judgement = checks.judge_resume(seen_of(resumption=resumption))
    assert judgement.verdict is verdict
    assert says in judgement.seen
