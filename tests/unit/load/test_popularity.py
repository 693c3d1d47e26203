"""Topics take turns, or some are more popular than others."""

from __future__ import annotations

from collections import Counter

from longwave.load.popularity import choose_topics


def test_topics_of_equal_popularity_take_turns():
    assert list(choose_topics(5, 3, zipf=0.0, seed=1)) == [0, 1, 2, 0, 1]


def test_skewed_topics_follow_their_rank():
    counts = Counter(choose_topics(11_000, 3, zipf=1.0, seed=1))

    # 1 : 1/2 : 1/3 of 11,000
    assert abs(counts[0] - 6000) < 300
    assert abs(counts[1] - 3000) < 300
    assert abs(counts[2] - 2000) < 300


def test_one_seed_makes_one_choice():
    assert choose_topics(50, 9, zipf=1.0, seed=4) == choose_topics(50, 9, zipf=1.0, seed=4)
    assert choose_topics(50, 9, zipf=1.0, seed=4) != choose_topics(50, 9, zipf=1.0, seed=5)
