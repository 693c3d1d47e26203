"""Who has which topics, and who stops reading."""

from __future__ import annotations

import pytest

from longwave.load.distribution import Distribution, audience_sizes, is_stalled


@pytest.mark.parametrize(
    ("distribution", "topics"),
    [(Distribution.BROADCAST, (0, 1, 2)), (Distribution.SPREAD, (1,)), (Distribution.UNICAST, (1,))],
)
def test_topics_of_a_subscriber(distribution, topics):
    assert distribution.topics_of(4, 3) == topics


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.01, 10), (0.1, 100), (1.0, 1000)])
def test_share_of_stalled_subscribers_is_exact(share, count):
    assert sum(is_stalled(subscriber, share) for subscriber in range(1000)) == count


@pytest.mark.parametrize(
    ("distribution", "sizes"),
    [(Distribution.BROADCAST, [10, 10, 10]), (Distribution.SPREAD, [4, 3, 3])],
)
def test_audience_is_all_that_have_the_topic(distribution, sizes):
    assert audience_sizes(distribution, 10, 3, 0.0) == sizes


def test_stalled_subscribers_are_no_audience():
    assert audience_sizes(Distribution.SPREAD, 10, 2, 0.5) == [5, 0]
