"""Where a token is taken from, and from which pages a cookie counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.credentials import (
    SHORTEST,
    Credential,
    Presented,
    check_cookie_name,
    check_page,
    find_credential,
    format_cookie,
    read_cookie,
)
from longwave.auth.origins import Origins
from longwave.auth.refusal import Reason
from longwave.errors import InvalidConfiguration, TokenRefused

TOKEN = "t" * SHORTEST
SHORT = "t" * (SHORTEST - 1)
COOKIE = f"mercureAuthorization={TOKEN}"


def refused(presented):
    with pytest.raises(TokenRefused) as caught:
        find_credential(presented)
    assert caught.value.reason is Reason.MALFORMED
    assert TOKEN not in str(caught.value)


# The places, in their order.


def test_a_token_is_taken_from_the_header():
    assert find_credential(Presented(headers=[f"Bearer {TOKEN}"])) == Credential(TOKEN)


def test_a_token_is_taken_from_the_query():
    assert find_credential(Presented(parameters=[TOKEN])) == Credential(TOKEN)


def test_a_token_is_taken_from_the_cookie_which_a_browser_sends_by_itself():
    assert find_credential(Presented(cookies=COOKIE)) == Credential(TOKEN, ambient=True)


def test_the_header_counts_before_the_query_and_the_query_before_the_cookie():
    header, query = "h" * SHORTEST, "q" * SHORTEST
    assert find_credential(Presented([f"Bearer {header}"], [query], COOKIE)) == Credential(header)
    assert find_credential(Presented([], [query], COOKIE)) == Credential(query)


def test_without_a_token_there_is_none():
    assert find_credential(Presented()) is None
    assert find_credential(Presented(cookies="other=1; mercureAuthorizatio=2; xmercureAuthorization=3")) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", f"Bearer {SHORT}", f"Basic {TOKEN}", TOKEN])
def test_a_bad_header_is_refused_and_no_other_place_is_looked_at(header):
    refused(Presented([header], [TOKEN], COOKIE))


@pytest.mark.parametrize("parameter", ["", SHORT])
def test_a_bad_parameter_is_refused_and_the_cookie_is_not_looked_at(parameter):
    refused(Presented([], [parameter], COOKIE))


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer\t", " Bearer ", "Bearer"])
def test_the_scheme_is_bearer_and_a_space_with_just_these_letters(scheme):
    refused(Presented([scheme + TOKEN]))


def test_the_whole_header_has_at_least_48_characters_and_the_parameter_41():
    assert len(f"Bearer {TOKEN}") == 48
    refused(Presented([f"Bearer {SHORT}"]))
    refused(Presented([], [SHORT]))


def test_two_headers_or_parameters_are_refused_even_if_they_are_equal():
    refused(Presented([f"Bearer {TOKEN}"] * 2))
    refused(Presented([], [TOKEN] * 2))


@given(
    st.lists(st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")), max_size=2),
    st.lists(st.text(max_size=60), max_size=2),
    st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")) | st.text(max_size=80),
)
def test_any_bytes_give_a_credential_none_or_a_refusal(headers, parameters, cookies):
    try:
        found = find_credential(Presented(headers, parameters, cookies))
    except TokenRefused:
        return
    assert found is None or isinstance(found.token, str)


# Cookies.


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("a=1", "1"),
        ("b=2; a=1", "1"),
        ("b=2;a=1;c=3", "1"),
        ("a=1; a=2", "1"),
        ("a=", ""),
        ("a=x=y", "x=y"),
        ('a="1"', "1"),
        ('a="', '"'),
        ('a=""', ""),
        (";;  a=1 ;", "1"),
        ("A=1", None),
        ("a", None),
        ("", None),
        ("=1", None),
        ("b=a=1", None),
    ],
)
def test_the_first_cookie_of_the_name_counts(header, value):
    assert read_cookie(header, "a") == value


def test_an_empty_cookie_is_a_token_that_is_none_and_not_nobody():
    assert find_credential(Presented(cookies="mercureAuthorization=")) == Credential("", ambient=True)


def test_the_cookie_may_have_another_name():
    assert find_credential(Presented(cookies=f"my={TOKEN}"), "my") == Credential(TOKEN, ambient=True)
    assert find_credential(Presented(cookies=COOKIE), "my") is None


def test_a_cookie_is_given_as_the_protocol_says():
    assert format_cookie("T") == (
        "mercureAuthorization=T; Path=/.well-known/mercure; Secure; HttpOnly; SameSite=Strict"
    )
    assert "; Max-Age=60; " in format_cookie("T", "my", 60)


@pytest.mark.parametrize("name", ["a", "mercureAuthorization", "__Secure-token", "a.b~c"])
def test_a_name_of_token_characters_is_one_of_a_cookie(name):
    check_cookie_name("cookie-name", name)


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\n", "é", '"a"', "x" * 257])
def test_another_name_is_refused(name):
    with pytest.raises(InvalidConfiguration, match="cookie-name: expected a name"):
        check_cookie_name("cookie-name", name)


# Pages.

ALLOWED = Origins.parse("publish-origin", ["https://app.test", "https://*.example.com"])
AMBIENT = Credential(TOKEN, ambient=True)


def allows(method="POST", origin=None, referer=None, credential=AMBIENT, allowed=ALLOWED):
    try:
        check_page(credential, method, (origin, referer), allowed)
    except TokenRefused as error:
        assert error.reason is Reason.ORIGIN  # noqa: PT017 - the outcome is what is returned
        return False
    return True


def test_a_cookie_needs_a_page_of_an_allowed_origin():
    assert allows(origin="https://app.test")
    assert allows(origin="https://a.example.com")
    assert not allows(origin="https://evil.test")
    assert not allows(origin="http://app.test")
    assert not allows(origin="null")


def test_without_origin_the_referers_origin_counts():
    assert allows(referer="https://app.test/some/page?x=1")
    assert not allows(referer="https://evil.test/https://app.test")


def test_origin_counts_before_referer():
    assert not allows(origin="https://evil.test", referer="https://app.test/")
    assert allows(origin="https://app.test", referer="https://evil.test/")


def test_an_empty_origin_is_none():
    assert allows(origin="", referer="https://app.test/")
    assert not allows(origin="")


@pytest.mark.parametrize(
    "referer", [None, "", "/path", "https://[", "app.test", "https://app.test@evil.test/", "about:blank"]
)
def test_without_a_page_that_can_be_told_a_cookie_is_refused(referer):
    assert not allows(referer=referer)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_need_no_page(method):
    assert allows(method, origin="https://evil.test")
    assert allows(method)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get", ""])
def test_every_other_method_needs_one(method):
    assert not allows(method)


def test_a_token_that_no_browser_adds_by_itself_needs_no_page():
    assert allows(origin="https://evil.test", credential=Credential(TOKEN))


def test_a_star_allows_every_page_but_not_an_unknown_one():
    everything = Origins.parse("o", ["*"])
    assert allows(origin="https://evil.test", allowed=everything)
    assert not allows(allowed=everything)


def test_no_list_allows_no_page():
    assert not allows(origin="https://app.test", allowed=Origins())
