"""Where a redirect leads: the next request, without what is none of its business. Pure decisions.

Not here: sending it (asgi_transport.py; the HTTP libraries follow redirects themselves).
Standard: https://fetch.spec.whatwg.org/#http-redirect-fetch
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from longwave.client.request import add_parameters, show
from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    from longwave.client.request import Request
    from longwave.client.response import Response

MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SECRETS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})  # stay with the origin they were meant for


def redirect(request: Request, response: Response) -> Request | None:
    """Return the request that `response`, the answer to `request`, leads to; None if it is no redirect.

    Raises RequestFailed if it leads to what is no HTTP URL.
    """
    location = response.headers.get("location")
    if response.status not in REDIRECTS or location is None:
        return None
    try:
        url = add_parameters(urljoin(request.url, location), [])
        leaves = replace(response, url=url).origin != replace(response, url=request.url).origin
    except ValueError as error:  # InvalidValue is one
        problem = error.problem if isinstance(error, InvalidValue) else error
        raise RequestFailed(
            f"{show(request.url)}: expected a redirect to an HTTP URL, got {show(location)!r} ({problem})"
        ) from None
    headers = tuple(field for field in request.headers if not leaves or field[0].lower() not in SECRETS)
    if _becomes_get(request.method, response.status):
        return replace(request, url=url, headers=headers, method="GET", body=None)
    return replace(request, url=url, headers=headers)


def _becomes_get(method: str, status: int) -> bool:
    if status == 303:
        return method not in ("GET", "HEAD")
    return status in (301, 302) and method == "POST"
