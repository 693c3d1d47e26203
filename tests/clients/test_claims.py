"""Each claim of the comparison, run: every client must come to the verdict that is recorded for it, peers too.

Peers that are not installed are skipped. The page that shows the records is held against them by test_page.py.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

import pytest

from clients.claims import CLAIMS
from clients.columns import COLUMNS, OURS, PEERS
from clients.reading import forget_all
from clients.records import ROWS, recorded
from clients.stream_measures import VECTORS, missed_vectors
from unit.eventstream.wire_examples import EXAMPLES

pytestmark = [
    pytest.mark.slow,
    # What peers leave open is collected in whichever test comes next; Longwave's own tests are strict about it.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _peers_leave_nothing_to_other_tests():
    yield
    forget_all()


CLIENTS = [(column, adapter) for column in COLUMNS for adapter in column.adapters]


def client_of(column, adapter):
    """Return the adapter, or skip where the peer, or what its adapter stands on, is not installed."""
    if not column.is_ours:
        pytest.importorskip(column.module, reason=f"{column.name} is not installed")
    try:
        return column.client(adapter)
    except ModuleNotFoundError as error:
        pytest.skip(f"{column.name} is used with {error.name}, which is not installed")


@pytest.mark.parametrize(("column", "adapter"), CLIENTS, ids=[adapter for _, adapter in CLIENTS])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_claim_comes_to_the_recorded_verdict(claim, column, adapter):
    client = client_of(column, adapter)

    assert str(claim.judge(client, column)) == str(recorded(claim.name, column))


@pytest.mark.parametrize("column", PEERS, ids=lambda column: column.name)
def test_peer_is_the_version_that_the_page_names(column):
    pytest.importorskip(column.module, reason=f"{column.name} is not installed")

    assert importlib.metadata.version(column.distribution) == column.version


def test_there_is_a_verdict_for_each_claim_and_client_and_no_other():
    assert list(ROWS) == [claim.name for claim in CLAIMS]
    assert {len(row) for row in ROWS.values()} == {len(COLUMNS)}


def test_vectors_are_27_examples_of_the_grammar():
    assert len(set(VECTORS)) == 27
    assert set(VECTORS) <= {example.name for example in EXAMPLES}


def test_score_misses_an_example_that_is_read_otherwise():
    """The measure can fail: an example that expects something else is missed."""
    example = next(example for example in EXAMPLES if example.name == "C3 CRLF")
    wrong = replace(example, events=())

    assert missed_vectors(OURS.client("LongwaveSync"), [example, wrong]) == [wrong.name]
