"""The Link header of a resource, and what must never get into it."""

from __future__ import annotations

import pytest

from longwave import InvalidValue, discovery_link

HUB = "https://hub.test/.well-known/mercure"


def test_link_leads_to_the_hub():
    assert discovery_link(HUB) == f'<{HUB}>; rel="mercure"'
    assert discovery_link("/.well-known/mercure") == '</.well-known/mercure>; rel="mercure"'


def test_link_has_the_attributes_of_the_protocol():
    link = discovery_link(
        HUB, last_event_id="c3f9a2b1-7", content_type="application/json", key_set="https://keys.test/set.json?a=1"
    )

    assert link == (
        f'<{HUB}>; rel="mercure"; last-event-id="c3f9a2b1-7"; content-type="application/json"; '
        'key-set="https://keys.test/set.json?a=1"'
    )


def test_topic_that_is_not_the_address_is_the_second_link():
    assert discovery_link(HUB, topic="https://e.test/books/1") == (
        f'<{HUB}>; rel="mercure", <https://e.test/books/1>; rel="self"'
    )


def test_quotes_and_backslashes_of_an_id_are_escaped():
    assert discovery_link(HUB, last_event_id='id-["\\"]').endswith(r'last-event-id="id-[\"\\\"]"')


@pytest.mark.parametrize("field", ["hub", "topic", "key_set"])
@pytest.mark.parametrize("address", ["https://e.test/>; rel=x", "a b", 'a"b', "a\r\nX: y", "é", "a\n", "a\\b", "<"])
def test_what_is_no_address_is_refused(field, address):
    with pytest.raises(InvalidValue, match=f"{field}: expected an address"):
        discovery_link(**{"hub": HUB} | {field: address})


def test_hub_must_be_given():
    with pytest.raises(InvalidValue, match="hub: expected an address"):
        discovery_link("")


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\0", "é", "\x7f", "\u2028"])
@pytest.mark.parametrize("name", ["last_event_id", "content_type"])
def test_what_no_header_can_carry_is_refused(name, value):
    with pytest.raises(InvalidValue, match="expected printable ASCII"):
        discovery_link(HUB, **{name: value})
