"""The index finds exactly the feeds whose audience receives an update, each once, and stays bounded."""

from __future__ import annotations

import random

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.core.index import FeedIndex
from longwave.core.selector import Selector
from longwave.core.template_set import MAX_REMEMBERED_TOPICS
from longwave.core.update import Update
from longwave.eventstream.event import Event


@pytest.fixture
def index():
    return FeedIndex()


def feed(*selectors, grants=()):
    return Feed(audience_of(selectors, grants), Format.BARE)


def added(index, *selectors, grants=()):
    found = feed(*selectors, grants=grants)
    index.add(found)
    return found


def find(index, *topics, private=False):
    return list(index.find(Update(topics, Event(), private)))


def test_nothing_is_found_in_an_empty_index(index):
    assert find(index, "a") == []


def test_an_exact_topic_finds_its_feeds_only(index):
    one, two = added(index, "a"), added(index, "a", "b")
    added(index, "ab")

    assert find(index, "a") == [one, two]
    assert find(index, "b") == [two]


def test_a_star_finds_every_topic_and_the_topic_star_once(index):
    star = added(index, "*")

    assert find(index, "a") == [star]
    assert find(index, "*") == [star]


def test_a_template_finds_the_topics_of_its_language_and_its_own_text(index):
    template = added(index, "/x/{id}")

    assert find(index, "/x/1") == [template]
    assert find(index, "/x/{id}") == [template]
    assert find(index, "/x/1/2") == []


def test_several_topics_of_one_update_find_a_feed_once(index):
    one = added(index, "a", "b", "*", "{any}")
    two = added(index, "b")

    assert find(index, "a", "b", "c") == [one, two]


def test_a_template_that_comes_after_the_topic_was_seen_is_found(index):
    added(index, "/x/{id}")
    find(index, "/x/1")
    late = added(index, "/{a}/{b}")

    assert late in find(index, "/x/1")


def test_a_feed_that_was_removed_is_not_found(index):
    one, two = added(index, "a", "/x/{id}", "*"), added(index, "a", "/x/{id}")
    index.remove(one)

    assert find(index, "a") == [two]
    assert find(index, "/x/1") == [two]
    index.remove(two)
    assert find(index, "/x/1") == []


def test_a_template_that_left_and_came_back_is_found_once(index):
    for _ in range(3):
        one = added(index, "/x/{id}")
        find(index, "/x/1")
        index.remove(one)
    one = added(index, "/x/{id}")

    assert find(index, "/x/1") == [one]


def test_a_private_update_finds_those_with_a_grant_only(index):
    added(index, "a")
    granted = added(index, "a", grants=["b"])

    assert find(index, "a", "b", private=True) == [granted]
    assert find(index, "a", private=True) == []


def test_topics_remembered_are_bounded_and_the_oldest_go_first(index):
    template = added(index, "/x/{id}")
    for number in range(MAX_REMEMBERED_TOPICS + 10):
        assert find(index, f"/x/{number}") == [template]

    remembered = index._asking.templates._remembered
    assert len(remembered) == MAX_REMEMBERED_TOPICS
    assert "/x/9" not in remembered
    assert find(index, "/x/9") == [template]


def test_topics_are_not_remembered_where_there_are_no_templates(index):
    added(index, "a")
    find(index, "b")

    assert index._asking.templates._remembered == {}


def test_templates_that_come_and_go_leave_nothing_behind(index):
    keeper = added(index, "/keep/{id}")
    for number in range(1000):
        index.remove(added(index, f"/{number}/{{id}}"))
    for _ in range(1000):
        index.remove(added(index, "/same/{id}"))

    assert len(index._asking.templates) == 1
    assert find(index, "/keep/1") == [keeper]


def test_a_template_that_comes_after_many_have_gone_is_found_for_topics_seen_before(index):
    gone = [added(index, f"/{number}/{{id}}") for number in range(100)]
    find(index, "/x/1")
    for one in gone:
        index.remove(one)
    late = added(index, "/x/{id}")

    assert find(index, "/x/1") == [late]


@pytest.fixture
def tried(monkeypatch):
    """The matches of a template that were made, as (template, topic)."""
    made = []
    genuine = Selector.matches
    monkeypatch.setattr(
        Selector, "matches", lambda selector, topic: made.append((selector.text, topic)) or genuine(selector, topic)
    )
    return made


def test_each_template_is_matched_once_for_a_topic(index, tried):
    """Counted, as a publish on a known topic must not cost a match of every template."""
    added(index, "{+x}")
    find(index, "/y")
    find(index, "/y")
    added(index, "/{id}")
    find(index, "/y")

    assert tried == [("{+x}", "/y"), ("/{id}", "/y")]


def test_grants_are_matched_once_for_a_topic_and_for_private_updates_only(index, tried):
    """However many feeds select it: each has a grant of its own, and a match for each would hold up the others."""
    granted = [added(index, "*", grants=[f"{{a}}{{b{number}}}"]) for number in range(50)]
    added(index, "*", grants=["/elsewhere/{id}"])

    find(index, "x")
    assert tried == []
    assert find(index, "x", private=True) == granted
    assert find(index, "x", private=True) == granted
    assert len(tried) == 50


def test_search_goes_on_where_it_stopped_and_finds_the_same(index, tried):
    hostile = [added(index, f"{{a}}{{b{number}}}") for number in range(100)]
    search = index.search(Update(("t", "u"), Event()))
    matches = []
    while not search.step(50):
        matches.append(len(tried))
        tried.clear()

    assert set(matches) == {5}, "a match that costs 10, until 50 are spent"
    assert list(search.feeds()) == hostile
    assert tried == [], "nothing was left to do"


def test_feeds_that_come_and_go_during_a_search_are_found_and_not(index):
    gone, here = added(index, "{a}{b1}"), added(index, "{a}{b2}")
    search = index.search(Update(("t",), Event(), True))
    assert not search.step(1)
    index.remove(gone)
    added(index, "{a}{b3}")
    late = added(index, "{a}{b4}", grants=["*"])

    assert list(search.feeds()) == [late]
    index.remove(here)
    assert list(index.search(Update(("t",), Event())).feeds()) != [here]


def test_search_ends_although_more_is_to_be_remembered_than_may_be(index, monkeypatch):
    monkeypatch.setattr("longwave.core.template_set.MAX_REMEMBERED_TOPICS", 3)
    feeds = [added(index, f"{{a}}{{b{number}}}") for number in range(10)]
    search = index.search(Update(tuple(map(str, range(20))), Event()))
    steps = 1
    while not search.step(20):
        steps += 1

    assert steps == 20 * 10 * 10 / 20 + 1
    assert list(search.feeds()) == feeds
    assert len(index._asking.templates._remembered) == 3


@pytest.mark.parametrize("seed", range(10))
def test_it_finds_the_same_as_asking_every_audience(index, seed):
    rng = random.Random(seed)
    selectors = ["*", "a", "b", "/x/1", "/x/2", "/x/{id}", "/{+any}", "{/a,b}", "{bad", "/x/{id:1}", "{a}{b}", "{+c}"]
    topics = ["a", "b", "c", "*", "/x/1", "/x/2", "/x/33", "/x/{id}", "{bad", "/"]
    feeds = []
    for _ in range(300):
        if feeds and rng.random() < 0.45:
            index.remove(feeds.pop(rng.randrange(len(feeds))))
        else:
            chosen = rng.sample(selectors, rng.randint(1, 3))
            feeds.append(added(index, *chosen, grants=rng.sample(selectors, rng.randint(0, 1))))
        update = Update(tuple(rng.choices(topics, k=rng.randint(1, 3))), Event(), rng.random() < 0.3)
        search = index.search(update)
        for _ in range(rng.randint(0, 3)):
            search.step(rng.randint(1, 30))
        found = list(search.feeds())
        assert len(found) == len(set(found))
        assert set(found) == {one for one in feeds if one.audience.receives(update)}
