"""What an update may hold."""

from __future__ import annotations

import math

import pytest

from longwave.core.topic import MAX_LENGTH
from longwave.core.update import MAX_TOPICS, ReservedType, Update, check_publishable, text_of, topics_of
from longwave.errors import InvalidValue
from longwave.eventstream.event import Event


def test_an_update_is_public_by_default():
    assert Update(("a",), Event()).private is False


@pytest.mark.parametrize(
    "topics", [("a",), ("*",), ("x" * MAX_LENGTH,), ("a", "a"), tuple(map(str, range(MAX_TOPICS)))]
)
def test_topics_within_the_limits_are_kept(topics):
    assert Update(topics, Event()).topics == topics


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ((), "topic: expected at least one topic, got none"),
        (("a",) * (MAX_TOPICS + 1), "topic: expected at most 1000 topics, got 1001"),
        (("a", ""), "topic: expected at least one character, got an empty string"),
        (("x" * (MAX_LENGTH + 1),), "topic: expected at most 4096 characters, got 4097"),
        (("ab\0",), "topic: expected no NUL, got one as character 3"),
        (("\ud800",), "topic: expected text, got a lone surrogate as character 1"),
        ((b"a",), "topic: expected str, got bytes"),
    ],
)
def test_other_topics_are_refused_with_a_sentence(topics, message):
    with pytest.raises(InvalidValue) as caught:
        Update(topics, Event())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("x\ny", "x\ny"),
        ("", ""),
        ('{"a": 1}', '{"a": 1}'),
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
        ([], "[]"),
        (None, "null"),
        (1.5, "1.5"),
        (True, "true"),
    ],
)
def test_a_str_goes_as_it_is_and_anything_else_as_json(data, text):
    assert text_of(data) == text


def nested(depth):
    data = []
    for _ in range(depth):
        data = [data]
    return data


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "data",
    [b"x", {1, 2}, object(), math.nan, [math.inf], -math.inf, LOOP, nested(200_000), {(1, 2): 3}],
    ids=lambda data: type(data).__name__,
)
def test_what_json_cannot_hold_is_refused(data):
    with pytest.raises(InvalidValue, match=r"^data: expected str or what JSON can hold, got "):
        text_of(data)


@pytest.mark.parametrize(("topic", "topics"), [("a", ("a",)), (["a", "b"], ("a", "b")), (iter("ab"), ("a", "b"))])
def test_one_topic_or_several(topic, topics):
    assert topics_of(topic) == topics


def test_words_that_mean_something_else_to_clients_are_nobodys_to_publish():
    with pytest.raises(InvalidValue, match="id: expected another than 'earliest'"):
        check_publishable(Event(id="earliest"))
    with pytest.raises(ReservedType, match="type: expected another than 'gap'"):
        check_publishable(Event(type="gap"))
    check_publishable(Event(type="Gap", id="earliest "))


def test_an_update_that_is_on_the_log_already_may_have_such_a_word():
    assert Update(("a",), Event(type="gap", id="earliest")).event.id == "earliest"
