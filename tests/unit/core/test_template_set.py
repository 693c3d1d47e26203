"""Many templates are matched as each would be alone, in bounded steps, once for a topic, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.core import template_set
from longwave.core.selector import Selector
from longwave.core.template_set import LONGEST_START, MAX_REMEMBERED_TOPICS, WITHOUT_END, TemplateSet


def added(templates, *texts):
    selectors = [Selector(text) for text in texts]
    for selector in selectors:
        templates.add(selector)
    return selectors


def matching(templates, topic):
    look = templates.look(topic)
    assert templates.step(look, WITHOUT_END) > 0
    return look.texts


@pytest.fixture
def templates():
    return TemplateSet()


@pytest.fixture
def tried(monkeypatch):
    """The texts of templates that were matched."""
    made = []
    genuine = Selector.matches
    monkeypatch.setattr(
        Selector, "matches", lambda selector, topic: made.append(selector.text) or genuine(selector, topic)
    )
    return made


def test_templates_that_match_are_found(templates):
    added(templates, "/a/{x}", "/{x}", "/{+x}", "{y}")

    assert matching(templates, "/a/1") == ["/{+x}", "/a/{x}"]


def test_template_that_is_the_topic_itself_is_found_as_an_exact_topic_and_not_here(templates):
    added(templates, "{+x}", "{+y}")

    assert matching(templates, "{+x}") == []


def test_templates_of_others_cost_a_topic_nothing(templates, tried):
    """A hub with a template for each of its users must not match them all."""
    added(templates, *(f"https://example.com/users/{number}/{{room}}" for number in range(10_000)))

    assert matching(templates, "https://example.com/users/77/x") == ["https://example.com/users/77/{room}"]
    assert len(tried) == 1


def test_long_starts_are_told_apart_up_to_a_length_only(templates, tried):
    start = "s" * LONGEST_START
    added(templates, start + "1{x}", start + "2{x}")

    assert matching(templates, start + "1x") == [start + "1{x}"]
    assert len(tried) == 2


@pytest.mark.parametrize(
    ("text", "topic", "matches"),
    [
        ("{a}{b%d}", "t", 50),  # each costs 10
        ("{a}{b%d}", "t" * 900, 5),  # ten times as long
        ("{a}{b%d}" + "x" * 1000, "t" * 1000, 1),  # each costs more than a step may
        ("{a}%d", "t", 500),  # each costs 1
    ],
)
def test_one_step_does_no_more_than_its_budget(templates, tried, text, topic, matches):
    """Counted: a unit is a microsecond, whatever the templates are made to cost."""
    added(templates, *(text % number for number in range(1000)))
    look = templates.look(topic)

    steps = 0
    before = 0
    while templates.step(look, 500) <= 0:
        assert len(tried) - before <= matches
        before = len(tried)
        steps += 1

    assert len(tried) == 1000
    assert steps == 1000 // matches


def test_one_hostile_template_is_one_step(templates, tried):
    added(templates, *("{+a}" + "a" * 4000 + "{+b}" + str(number) for number in range(4)))
    look = templates.look("a" * 4096)

    steps = 1
    while templates.step(look, 500) <= 0:
        steps += 1

    assert (len(tried), steps) == (4, 5)


def test_what_a_step_found_is_not_lost_when_templates_come_and_go(templates, tried):
    kept = added(templates, *(f"{{a}}{{b{number}}}" for number in range(100)))
    look = templates.look("t")
    steps = 1
    while templates.step(look, 100) <= 0:
        templates.remove(*added(templates, f"{{c}}{{d{steps}}}"))
        templates.remove(kept.pop())
        steps += 1

    assert steps <= 11
    assert len(tried) == len(set(tried)) <= 100
    assert set(matching(templates, "t")) >= {selector.text for selector in kept}


def test_template_that_comes_later_is_matched_alone(templates, tried):
    added(templates, "{+a}")
    matching(templates, "t")
    added(templates, "{+b}")

    assert matching(templates, "t") == ["{+a}", "{+b}"]
    assert tried == ["{+a}", "{+b}"]


def test_template_that_goes_and_comes_back_leaves_nothing_behind(templates):
    added(templates, "{+keeper}")
    for _ in range(1000):
        templates.remove(*added(templates, "{+same}"))
        matching(templates, "t")
        templates.remove(*added(templates, "/elsewhere/{x}"))

    assert len(matching(templates, "t")) <= 40
    assert len(templates) == 1
    assert list(templates._groups) == [""]
    assert len(templates._groups[""].numbers) <= 20
    assert templates._lengths == [0]


def test_topics_remembered_are_bounded_and_the_oldest_go_first(templates):
    added(templates, "/x/{id}")
    for number in range(MAX_REMEMBERED_TOPICS + 10):
        matching(templates, f"/x/{number}")

    assert len(templates._remembered) == MAX_REMEMBERED_TOPICS
    assert "/x/9" not in templates._remembered
    assert "/x/10" in templates._remembered


def test_matches_remembered_are_bounded_too(templates, monkeypatch):
    """Many templates that match every topic must not be noted for every topic."""
    monkeypatch.setattr(template_set, "MAX_REMEMBERED_MATCHES", 100)
    added(templates, *(f"{{+a{number}}}" for number in range(30)))
    for number in range(50):
        assert len(matching(templates, str(number))) == 30

    assert len(templates._remembered) <= 5
    assert templates._remembered_matches == sum(len(look.texts) for look in templates._remembered.values())


def test_look_that_was_forgotten_can_be_completed_and_counts_nothing(templates):
    selectors = added(templates, "{a}{b}", "{c}{d}")
    look = templates.look("t")
    templates.step(look, 1)
    for selector in selectors:
        templates.remove(selector)
    added(templates, "{e}{f}")
    templates.step(look, WITHOUT_END)

    assert "{e}{f}" in look.texts
    assert templates._remembered_matches == 0


_TEXTS = st.sampled_from(["/x/{id}", "/x/{+id}", "/{+any}", "{/a,b}", "{a}{b}", "{+c}", "/x/1{y}", "/xx{?q}", "{.d}x"])
_TOPICS = st.sampled_from(["/x/1", "/x/2", "/x", "x", "/xx?q=1", "", "{+c}", "/"])
_STEPS = st.lists(st.one_of(_TEXTS, st.tuples(_TOPICS, st.integers(1, 25))), max_size=60)


@given(_STEPS)
def test_it_finds_the_same_as_asking_every_template_however_the_work_is_cut(steps):
    """A text is a template that comes, or goes if it is there; a pair is a topic that is looked at, and how hard."""
    templates = TemplateSet()
    present = {}
    for step in steps:
        if isinstance(step, tuple):
            topic, budget = step
            templates.step(templates.look(topic), budget)
        elif step in present:
            templates.remove(present.pop(step))
        else:
            present[step] = added(templates, step)[0]
    for topic in ["/x/1", "/x/2", "/x", "x", "/xx?q=1", "", "{+c}", "/"]:
        found = {text for text in matching(templates, topic) if text in present}
        assert found == {text for text, one in present.items() if text != topic and one.matches(topic)}
