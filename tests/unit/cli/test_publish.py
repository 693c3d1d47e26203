"""Lines of a pipe become updates, together where they come together."""

from __future__ import annotations

import json

import pytest

from longwave.cli.publish import Template, publish_chunks
from longwave.client import SyncPublisher
from longwave.client.publication import MAX_BATCH
from longwave.core.update import Update
from longwave.errors import InvalidValue
from longwave.eventstream import Event
from longwave.testing import ScriptedServer
from unit.client.hub_answers import ids

TEMPLATE = Template(("a", "b"), "kind", 5, private=True)


def data_of(request):
    return [json.loads(line)["data"] for line in request.body.splitlines()]


def test_template_fills_in_what_all_updates_share():
    assert TEMPLATE.fill("x", "id-1") == Update(("a", "b"), Event("x", "kind", "id-1", 5), private=True)


def test_template_refuses_data_that_is_no_text():
    with pytest.raises(InvalidValue, match="data: expected text, got a lone surrogate"):
        TEMPLATE.fill("\udcff")


def test_lines_that_come_together_are_one_batch(capsys):
    with ScriptedServer([ids("1", "2"), ids("3")]) as server, SyncPublisher(server.origin) as publisher:
        publish_chunks(publisher, TEMPLATE, [b"x\ny\nz", b"z\n"])

    assert [data_of(request) for request in server.requests] == [["x", "y"], ["zz"]]
    assert capsys.readouterr().out == "1\n2\n3\n"


def test_last_line_needs_no_line_end():
    with ScriptedServer([ids("1")]) as server, SyncPublisher(server.origin) as publisher:
        publish_chunks(publisher, TEMPLATE, [b"x"])

    assert data_of(server.requests[0]) == ["x"]


def test_many_lines_are_cut_into_batches():
    names = [str(n) for n in range(MAX_BATCH)]
    with ScriptedServer([ids(*names), ids("last")]) as server, SyncPublisher(server.origin) as publisher:
        publish_chunks(publisher, TEMPLATE, [b"x\n" * (MAX_BATCH + 1)])

    assert [len(data_of(request)) for request in server.requests] == [MAX_BATCH, 1]


def test_nothing_is_sent_for_no_lines():
    with ScriptedServer() as server, SyncPublisher(server.origin) as publisher:
        publish_chunks(publisher, TEMPLATE, [])

    assert server.requests == ()
