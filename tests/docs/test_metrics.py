"""The page of metrics is complete and right."""

from __future__ import annotations

import re

import pytest

from docs.pages import page
from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.refusal import Refusal
from longwave.core.replay_outcome import ReplayOutcome
from longwave.core.subscriber import State
from longwave.server.config import Limits
from longwave.server.limits.client_limits import ClientLimits
from longwave.server.metrics.metric_families import FAMILIES, WORKER_UP
from longwave.server.metrics.metrics_access import ADDED_BY_PROXIES, MetricsAccess
from longwave.server.metrics.request_counts import FOLDERS, OTHER, PATHS, UNREAD

METRICS = page("docs/reference/metrics.md")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)
ROWS = {
    name: (kind, labels, meaning) for name, kind, labels, meaning in ROW.findall(METRICS.section("What is measured"))
}


def test_each_metric_has_a_row_with_its_type_and_labels_and_each_row_a_metric():
    given = {name: (kind, re.findall(r"`(\w+)`", labels)) for name, (kind, labels, _) in ROWS.items()}

    assert given == {family.name: (family.kind.value, list(family.labels)) for family in (*FAMILIES, WORKER_UP)}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("longwave_subscribers", [state.value for state in State if state is not State.CLOSED]),
        ("longwave_drops_total", [reason.value for reason in Drop]),
        ("longwave_gaps_total", [reason.value for reason in Reason]),
        ("longwave_replays_total", [outcome.value for outcome in ReplayOutcome]),
        ("longwave_deliveries_total", ["live", "replay"]),
        ("longwave_limit_keys", ClientLimits(Limits()).known()),
        ("longwave_requests_total", {*PATHS.values(), *FOLDERS.values(), OTHER, UNREAD}),
    ],
)
def test_each_value_of_a_label_is_named_in_its_row(name, values):
    assert [value for value in values if f"`{value}`" not in ROWS[name][2]] == []


def test_each_reason_of_a_refusal_has_its_place_in_the_table_of_them():
    rows = re.findall(r"^\| (`.*?) \|", METRICS.section("Refusals"), re.MULTILINE)
    named = [reason for row in rows for reason in re.findall(r"`(\w+)`", row)]

    assert sorted(named) == sorted(Refusal)


def test_each_reason_that_is_to_be_watched_is_one():
    watched = re.findall(r'refusals_total\{reason=~?"(.*?)"', METRICS.section("What to watch"))

    assert watched
    assert [words for words in watched if not any(re.fullmatch(words.replace("\\", ""), one) for one in Refusal)] == []


def test_each_value_of_the_option_has_a_row():
    section = METRICS.section("Who may read the metrics")

    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == [
        access.value for access in (MetricsAccess.LOCAL, MetricsAccess.PUBLIC, MetricsAccess.OFF)
    ]


def test_each_header_that_marks_a_proxy_is_named():
    section = METRICS.section("Who may read the metrics").lower()

    assert [name for name in ADDED_BY_PROXIES if name.removeprefix(b"x-forwarded").decode() not in section] == []


def test_each_metric_that_is_to_be_watched_exists():
    watched = set(re.findall(r"longwave_\w+", METRICS.section("What to watch") + METRICS.section("Several workers")))
    known = {family.name for family in FAMILIES} | {f"{family.name}_bucket" for family in FAMILIES}

    assert watched
    assert watched <= known
