"""Whether a request is sent again, without sending it."""

from __future__ import annotations

import pytest

from longwave.client.attempts import FIRST_WAIT, LONGEST_WAIT, Attempts, Outcome, Verdict
from longwave.client.publication import Publication
from longwave.client.reconnection import SHORTEST

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

OWN = Publication(b"", "", ("a", "b"), gave_all=True)
GIVEN = Publication(b"", "", ("mine",))
SEVERAL_GIVEN = Publication(b"", "", ("mine", "other"))
HUB_NAMES = Publication(b"", "", ("",))

LOST = Outcome("no answer", in_doubt=True)
NOT_SENT = Outcome("refused")


def answered(status, retry_after=""):
    return Outcome(f"the hub answered {status}: no", status, b"", retry_after)


def judge(publication, *outcomes, limit=3, refreshable=False):
    """The last verdict."""
    attempts = Attempts(publication, limit, refreshable=refreshable)
    return [attempts.judge(outcome, NOW) for outcome in outcomes][-1]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_statuses_that_may_get_better_are_tried_again(status):
    assert judge(OWN, answered(status)) is Verdict.RETRY


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 403, 404, 409, 413, 415])
def test_other_statuses_fail_at_once(status):
    assert judge(OWN, answered(status)) is Verdict.FAIL


@pytest.mark.parametrize("publication", [OWN, GIVEN, SEVERAL_GIVEN, HUB_NAMES])
def test_what_was_not_sent_or_surely_not_stored_is_tried_again_with_or_without_ids(publication):
    for outcome in (NOT_SENT, answered(503), answered(429)):
        assert judge(publication, outcome) is Verdict.RETRY


@pytest.mark.parametrize("outcome", [LOST, answered(500), answered(502), answered(504)])
def test_what_may_be_stored_is_sent_again_only_with_ids(outcome):
    assert judge(GIVEN, outcome) is Verdict.RETRY
    assert judge(HUB_NAMES, outcome) is Verdict.FAIL


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_as_many_attempts_as_the_limit_fail_and_no_more(limit):
    attempts = Attempts(OWN, limit, refreshable=False)

    verdicts = [attempts.judge(LOST, NOW) for _ in range(limit)]

    assert verdicts == [Verdict.RETRY] * (limit - 1) + [Verdict.FAIL]


# The hub knows an id.


def test_known_id_on_the_first_attempt_is_somebody_elses():
    assert judge(OWN, answered(409)) is Verdict.FAIL
    assert judge(GIVEN, answered(409)) is Verdict.FAIL


@pytest.mark.parametrize("publication", [OWN, GIVEN])
@pytest.mark.parametrize("outcome", [LOST, answered(500)])
def test_known_id_after_an_attempt_that_may_have_stored_it_is_success(publication, outcome):
    assert judge(publication, outcome, answered(409)) is Verdict.STORED


@pytest.mark.parametrize("outcome", [NOT_SENT, answered(503), answered(429)])
def test_known_id_after_attempts_that_stored_nothing_is_somebody_elses(outcome):
    assert judge(GIVEN, outcome, answered(409)) is Verdict.FAIL


def test_known_id_among_several_given_ones_proves_nothing():
    assert judge(SEVERAL_GIVEN, LOST, answered(409)) is Verdict.FAIL


# Tokens.


def test_new_token_is_asked_for_once_and_at_once():
    assert judge(HUB_NAMES, answered(401), limit=1, refreshable=True) is Verdict.REFRESH
    assert judge(HUB_NAMES, answered(401), answered(401), refreshable=True) is Verdict.FAIL
    assert judge(HUB_NAMES, answered(401), answered(200), limit=1, refreshable=True) is Verdict.STORED


def test_refused_token_that_cannot_be_asked_anew_fails():
    assert judge(OWN, answered(401)) is Verdict.FAIL


# Waits.


def waits(*outcomes, chance):
    attempts = Attempts(OWN, len(outcomes) + 1, refreshable=False)
    found = []
    for outcome in outcomes:
        assert attempts.judge(outcome, NOW) is Verdict.RETRY
        found.append(attempts.wait(chance))
    return found


def test_waits_double_with_full_jitter():
    assert waits(*[LOST] * 4, chance=0.5) == [FIRST_WAIT, FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]


def test_retry_after_is_a_floor_for_one_wait():
    assert waits(answered(503, "20"), LOST, chance=0.0) == [20.0, SHORTEST]
    assert waits(answered(503, "Tue, 14 Nov 2023 22:13:30 GMT"), chance=0.0) == [10.0]


def test_retry_after_beyond_what_a_caller_waits_for_fails():
    assert judge(OWN, answered(503, str(int(LONGEST_WAIT)))) is Verdict.RETRY
    assert judge(OWN, answered(503, str(int(LONGEST_WAIT) + 1))) is Verdict.FAIL


# What is raised.


@pytest.mark.parametrize(
    ("outcomes", "sentence", "status"),
    [
        ([answered(400)], "the hub answered 400: no", 400),
        ([NOT_SENT], "refused", None),
        ([LOST], "no answer (it may have been stored)", None),
        ([answered(503)] * 2, "the hub answered 503: no (gave up after 2 attempts)", 503),
        ([LOST, NOT_SENT], "refused (gave up after 2 attempts; it may have been stored)", None),
        ([LOST, answered(409)], "the hub answered 409: no (gave up after 2 attempts; it may have been stored)", 409),
    ],
)
def test_failure_says_how_often_it_was_tried_and_whether_it_may_be_stored(outcomes, sentence, status):
    attempts = Attempts(SEVERAL_GIVEN, len(outcomes), refreshable=False)
    for outcome in outcomes:
        attempts.judge(outcome, NOW)

    error = attempts.failure(outcomes[-1])

    assert (str(error), error.status) == (sentence, status)
