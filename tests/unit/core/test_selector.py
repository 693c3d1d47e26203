"""The order of the matching rules, the kinds, and the limits."""

from __future__ import annotations

import dataclasses

import pytest

from longwave.core.selector import Kind, Selector
from longwave.core.topic import MAX_LENGTH
from longwave.errors import InvalidValue


@pytest.mark.parametrize("topic", ["a", "https://example.com/books/1", "*", "é", "{"])
def test_star_matches_every_topic(topic):
    assert Selector("*").matches(topic)


def test_star_within_a_text_is_an_ordinary_character():
    assert not Selector("/books/*").matches("/books/1")
    assert Selector("/books/*").matches("/books/*")


@pytest.mark.parametrize("topic", ["/book", "/bookss", "/Books", "/books\n", "books", "*"])
def test_plain_selector_matches_its_own_text_only(topic):
    assert Selector("/books").matches("/books")
    assert not Selector("/books").matches(topic)


def test_template_matches_its_language():
    selector = Selector("https://example.com/books/{id}")

    assert selector.matches("https://example.com/books/1")
    assert not selector.matches("https://example.com/books/1/reviews")


@pytest.mark.parametrize("text", ["https://example.com/books/{id}", "{?topic}", "{x}{y*}"])
def test_selector_text_as_topic_matches_before_the_language(text):
    """A template's own text holds braces, which its language never does."""
    assert Selector(text).matches(text)


@pytest.mark.parametrize("text", ["faulty{iri", "/books/{id}/a b", "{=x}", "{x:0}"])
def test_text_that_is_no_template_is_a_plain_topic(text):
    assert Selector(text).matches(text)
    assert not Selector(text).matches(text.replace("{", ""))
    assert not Selector(text).matches("/books/1/a b")
    assert not Selector(text).matches("")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("*", Kind.EVERYTHING),
        ("**", Kind.EXACT),
        ("https://example.com/books/1", Kind.EXACT),
        ("a}", Kind.EXACT),
        ("faulty{iri", Kind.EXACT),
        ("{id}", Kind.TEMPLATE),
        ("/books/{id}", Kind.TEMPLATE),
        ("{*}", Kind.EXACT),
    ],
)
def test_kind_tells_how_it_matches(text, kind):
    assert Selector(text).kind is kind


def test_selectors_are_compared_by_text():
    first, second = Selector("/{a}"), Selector("/{a}")
    first.matches("/1")  # compiles it; that is no part of the value

    assert first == second
    assert hash(first) == hash(second)
    assert first != Selector("/{b}")
    assert {first: 1}[second] == 1


def test_selector_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Selector("a").text = "b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected at least one character, got an empty string"),
        ("a" * (MAX_LENGTH + 1), "expected at most 4096 characters, got 4097"),
        ("ab\0", "expected no NUL, got one as character 3"),
        ("a\ud800", "expected text, got a lone surrogate as character 2"),
        (b"a", "expected str, got bytes"),
    ],
)
def test_bad_selector_gets_one_clear_sentence(text, problem):
    with pytest.raises(InvalidValue) as caught:
        Selector(text)

    assert (caught.value.field, caught.value.problem) == ("selector", problem)


def test_longest_selector_is_allowed():
    assert Selector("a" * MAX_LENGTH).matches("a" * MAX_LENGTH)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("*", 0),
        ("/x/1", 0),
        ("{bad", 0),
        ("https://example.com/users/{user}/books/{book}", 1),
        ("{x*}", 1),
        ("{a}{b}", 10),
        ("{+a}" + "a" * 4000 + "{+b}", 210),
        ("/" + "x" * 4000 + "/{id}", 21),
    ],
)
def test_cost_is_nothing_where_a_look_up_does_it_and_more_where_parts_can_be_told_apart_in_several_ways(text, cost):
    assert Selector(text).cost == cost


@pytest.mark.parametrize(
    ("text", "start"), [("/x/{id}", "/x/"), ("{+x}y", ""), ("/x/{id}/y{z}", "/x/"), ("{bad", "{bad")]
)
def test_every_topic_of_a_template_starts_with_its_literal_start(text, start):
    assert Selector(text).literal_start == start
