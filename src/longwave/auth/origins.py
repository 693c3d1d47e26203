"""Which web pages may make a browser publish.

A form on any page can send a request to any address, this machine's own included. So what a browser sends for a page
of another origin is refused; clients that are no browsers send no `Origin` and are not concerned.
Header: RFC 6454 section 7.
"""

from __future__ import annotations

from urllib.parse import urlsplit

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def may_publish(origin: str | None, host: str) -> bool:
    """Tell whether a page of `origin` may publish to the hub that it reached as `host` (`name:port`).

    Allowed are the hub's own pages, and pages served by this machine when the hub was reached as local, such as a
    development server's.
    """
    if origin is None:
        return True
    try:
        page, hub = urlsplit(origin), urlsplit(f"//{host}")
        names = page.hostname, hub.hostname
    except ValueError:
        return False
    if not page.netloc:
        return False
    return page.netloc == host or all(name in LOCAL_HOSTS for name in names)
