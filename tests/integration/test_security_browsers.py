"""What a page somewhere on the web can make its visitor's browser do: nothing that changes or shows anything here.

A page can send, without being asked for permission, forms and `fetch` with these content types, with the visitor's
cookies, to any address that the visitor reaches. It cannot choose the headers Origin, Referer, Host and Cookie.
Standard: https://fetch.spec.whatwg.org/#cors-safelisted-request-header
Not here: lists of origins (tests/unit/auth/test_origins.py), names that are rebound (test_mercure_endpoints.py).
"""

from __future__ import annotations

import pytest

from integration.mercure_tokens import KEY, MERCURE, token
from longwave.server.config import AccessConfig

EVERYTHING = {"publish": ["*"], "subscribe": ["*"], "revoke": ["*"]}
COOKIE = f"Cookie: mercureAuthorization={token(mercure=EVERYTHING)}"
OPEN = AccessConfig(allowed_hosts=("hub.test",))
KEYED = AccessConfig(
    key=KEY, publish_origins=("https://app.test",), cors_origins=("https://app.test",), subscriptions=True
)

JSON = '{"topic": "t", "data": "forged"}'
FORM = "topic=t&data=forged"
# The bodies with the content types that need no permission, and without any, as a Blob has.
WITHOUT_PREFLIGHT = {
    "form": ("Content-Type: application/x-www-form-urlencoded", FORM),
    "form in other words": ("Content-Type: Application/X-WWW-Form-Urlencoded;charset=UTF-8", FORM),
    "form as text": ("Content-Type: text/plain", FORM),
    "JSON as text": ("Content-Type: text/plain", JSON),
    "JSON as a field's name": ("Content-Type: text/plain", '{"topic": "t", "data": "=forged"}'),
    "JSON as a form": ("Content-Type: application/x-www-form-urlencoded", JSON),
    "two types": ("Content-Type: text/plain, application/json", JSON),
    "type as a parameter": ("Content-Type: text/plain; application/json", JSON),
    "multipart": ('Content-Type: multipart/form-data; boundary="b"', f"--b\r\n\r\n{FORM}\r\n--b--\r\n"),
    "nothing": ("X: y", JSON),
    "nothing, as a form": ("X: y", FORM),
    "beacon": ("Content-Type: text/plain;charset=UTF-8", JSON),
}
PAGES = {
    "another site": ["Origin: https://evil.example"],
    "another site by its path": ["Referer: https://evil.example/app.test"],
    "no name": ["Origin: null"],
    "no name and a good path": ["Origin: null", "Referer: https://app.test/"],
    "another and a good path": ["Origin: https://evil.example", "Referer: https://app.test/"],
    "a name that begins alike": ["Origin: https://app.test.evil.example"],
    "a name that ends alike": ["Origin: https://evil-app.test"],
    "another scheme": ["Origin: http://app.test"],
    "another port": ["Origin: https://app.test:8443"],
    "several": ["Origin: https://app.test, https://evil.example"],
    "twice": ["Origin: https://evil.example", "Origin: https://app.test"],
}
PATHS = ["/events", MERCURE, "/events/revoke"]


async def post(running, path, headers, body):
    client = await running.connect()
    await client.request("POST", path, *headers, body=body.encode())
    return await client.answer()


@pytest.mark.parametrize("what", WITHOUT_PREFLIGHT)
@pytest.mark.parametrize("path", PATHS)
async def test_page_of_another_site_cannot_publish_or_revoke_with_the_visitors_cookie(start, path, what):
    running = await start(access=KEYED)
    content_type, body = WITHOUT_PREFLIGHT[what]

    for page in PAGES.values():
        answer = await post(running, path, [COOKIE, content_type, *page], body)
        assert answer.status == 401
        assert "access-control-allow-origin" not in answer.headers
    assert (await post(running, path, [COOKIE, content_type], body)).status == 401, "a page that does not say which"

    assert await running.stored() == []


@pytest.mark.parametrize("what", WITHOUT_PREFLIGHT)
@pytest.mark.parametrize("path", PATHS[:2])
async def test_page_of_another_site_cannot_publish_to_a_hub_that_everybody_may_use(start, path, what):
    running = await start(access=OPEN)
    content_type, body = WITHOUT_PREFLIGHT[what]

    for name, page in PAGES.items():
        if page[0].startswith("Origin"):  # browsers send it with each POST to another origin
            assert (await post(running, path, [content_type, *page], body)).status == 403, name

    assert await running.stored() == []


@pytest.mark.parametrize(
    "what", [name for name, (header, _) in WITHOUT_PREFLIGHT.items() if "form-u" not in header.lower()]
)
@pytest.mark.parametrize("path", PATHS)
async def test_what_needs_no_permission_is_not_read_as_json_wherever_it_comes_from(start, path, what):
    """JSON has to be said to be JSON, for which a browser asks first."""
    running = await start(access=KEYED)
    content_type, body = WITHOUT_PREFLIGHT[what]

    answer = await post(running, path, [COOKIE, content_type, "Origin: https://app.test"], body)

    assert answer.status in (400, 415)
    assert await running.stored() == []


async def test_page_of_the_list_publishes(start):
    """Or else the tests above would pass with a hub that refuses everybody."""
    running = await start(access=KEYED)

    answer = await post(running, MERCURE, [COOKIE, WITHOUT_PREFLIGHT["form"][0], "Origin: https://app.test"], FORM)

    assert answer.status == 200
    assert await running.stored() == ["forged"]


@pytest.mark.parametrize("access", [OPEN, KEYED], ids=["open", "keyed"])
@pytest.mark.parametrize(
    "page", ["Origin: https://evil.example", "Origin: null", "Origin: http://hub.test.evil.example"]
)
async def test_page_of_another_site_is_given_no_permission_and_reads_nothing(start, access, page):
    running = await start(access=access)
    client = await running.connect()
    for path in (*PATHS, "/healthz", "/", f"{MERCURE}/subscriptions", "/nowhere"):
        for header in ("authorization", "content-type", "last-event-id"):
            asks = ("Access-Control-Request-Method: POST", f"Access-Control-Request-Headers: {header}")
            await client.request("OPTIONS", path, page, *asks)
            assert not [name for name in (await client.answer()).headers if name.startswith("access-control")]
        await client.request("HEAD", path + "?topic=t", page, COOKIE)
        assert not [name for name in (await client.head()).headers if name.startswith("access-control")]


@pytest.mark.parametrize("access", [OPEN, KEYED], ids=["open", "keyed"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_what_a_link_or_image_can_send_changes_nothing(start, access, method):
    running = await start(access=access)

    for path in PATHS:
        client = await running.connect()
        await client.request(method, f"{path}?{FORM}&private=on&subject=a", COOKIE)
        assert (await client.head()).status in (200, 204, 400, 401, 404, 405)
        client.close()

    assert "forged" not in await running.stored()
    assert len(running.site.access.revocations) == 0


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_no_header_makes_one_method_another(start, method, name):
    running = await start(access=OPEN)
    client = await running.connect()

    await client.request(method, "/healthz", f"{name}: GET")
    assert (await client.head()).status == (405 if method == "POST" else 200)
