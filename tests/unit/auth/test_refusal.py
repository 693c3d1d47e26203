"""Reasons are labels: text that metrics and logs can use as it is."""

from __future__ import annotations

import copy
import pickle

from longwave.auth.refusal import Reason
from longwave.errors import LongwaveError, TokenRefused


def test_a_reason_is_its_text_so_that_it_can_be_a_label():
    assert f"{Reason.UNKNOWN_KEY}" == "unknown_key"
    assert len({reason.value for reason in Reason}) == len(Reason)


def test_a_refusal_names_its_reason_and_survives_a_copy():
    error = TokenRefused(Reason.EXPIRED, "it expired 5 s ago", subject="ada", expired_for=5.0)
    assert isinstance(error, LongwaveError)
    for twin in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert twin.reason is Reason.EXPIRED
        assert str(twin) == "expired: it expired 5 s ago"
        assert twin.facts == {"subject": "ada", "expired_for": 5.0}
