"""The tree of errors, and the sentence that each one says."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from longwave import errors

TREE = {
    "LongwaveError": "Exception",
    "InvalidValue": "LongwaveError",
    "InvalidConfiguration": "InvalidValue",
    "StreamError": "LongwaveError",
    "LineTooLong": "StreamError",
    "EventTooLarge": "StreamError",
    "LogError": "LongwaveError",
    "DuplicateId": "LogError",
    "LogUnavailable": "LogError",
    "HubClosed": "LongwaveError",
    "GapFound": "LongwaveError",
    "RequestFailed": "LongwaveError",
    "TokenRefused": "LongwaveError",
}

EXAMPLES = [
    (errors.InvalidValue("topic", "expected a, got b"), "topic: expected a, got b"),
    (errors.InvalidConfiguration("port", "expected a, got b"), "port: expected a, got b"),
    (errors.LineTooLong(5, 7, []), "expected lines of at most 5 bytes, got 7 bytes without a line end"),
    (errors.EventTooLarge(5, 7, []), "expected events of at most 5 bytes, got 7 bytes without a blank line"),
    (errors.DuplicateId("a"), "id: expected an id that is not on the log, got 'a' again"),
    (errors.LogUnavailable("disk full"), "disk full"),
    (errors.HubClosed("closed"), "closed"),
    (errors.GapFound("slow", "a", "b"), "expected all events after 'a', got a gap up to 'b' (slow)"),
    (errors.RequestFailed("no answer", 503), "no answer"),
    (errors.TokenRefused("expired", "it expired 5 s ago"), "expired: it expired 5 s ago"),
]


def test_the_tree_is_the_one_that_the_docstring_draws():
    classes = dict(inspect.getmembers(errors, inspect.isclass))

    assert {name: classes[name].__base__.__name__ for name in errors.__all__} == TREE
    for name in TREE:
        assert name in errors.__doc__


def test_bad_values_are_value_errors_too():
    assert issubclass(errors.InvalidValue, ValueError)


@pytest.mark.parametrize(("error", "sentence"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_each_error_says_one_sentence(error, sentence):
    assert str(error) == sentence


COPIED = [error for error, _ in EXAMPLES if not isinstance(error, errors.StreamError)]


@pytest.mark.parametrize("error", COPIED, ids=lambda value: type(value).__name__)
def test_an_error_can_be_copied_and_passed_between_processes(error):
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
