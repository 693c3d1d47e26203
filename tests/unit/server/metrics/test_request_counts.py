"""Kinds of requests are few, whatever clients ask for."""

from __future__ import annotations

import pytest

from longwave.server.metrics.request_counts import RequestCounts, kind_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/events", "events"),
        ("/.well-known/mercure", "events"),
        ("/.well-known/mercure/subscriptions", "subscriptions"),
        ("/events/revoke", "revoke"),
        ("/healthz", "health"),
        ("/readyz", "health"),
        ("/metrics", "metrics"),
        ("/", "console"),
        ("/console.js", "console"),
        ("/events/", "other"),
        ("/admin.php", "other"),
        ("", "other"),
    ],
)
def test_a_path_counts_by_what_is_there(path, kind):
    assert kind_of(path) == kind


def test_answers_count_by_method_path_and_status():
    requests = RequestCounts()
    requests.answered("GET", "/events", 200)
    requests.answered("GET", "/.well-known/mercure", 200)
    requests.answered("POST", "/events", 409)
    requests.unread(431)

    assert requests.counts == {
        ("GET", "events", "200"): 2,
        ("POST", "events", "409"): 1,
        ("unread", "unread", "431"): 1,
    }


def test_methods_and_paths_that_clients_invent_make_no_more_kinds():
    requests = RequestCounts()
    for number in range(100):
        requests.answered(f"BREW{number}", f"/{number}", 404)

    assert requests.counts == {("other", "other", "404"): 100}
