"""Checks of the headers that speak to what stands between server and client: caches, proxies, compressors.

Not here: status and type (checks_answer.py), what really came late (checks_timing.py), the table (checks.py).
Standard: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.doctor.finding import Judgement, failure, not_checked, ok, quote, warning

if TYPE_CHECKING:
    from longwave.doctor.observation import Head, Observation

# Headers by which proxies, caches and servers make themselves known.
HINTS = ("via", "x-cache", "cf-cache-status", "x-varnish", "x-served-by", "x-amz-cf-id", "age", "server")
CACHE_STATUSES = ("x-cache", "cf-cache-status")


def judge_compression(seen: Observation) -> Judgement:
    """Judge whether the stream is compressed, and whether events come through all the same."""
    watch, coding = seen.watch, _header(seen, "content-encoding")
    if coding.strip().lower() in ("", "identity"):
        return ok("none")
    advice = "Leave text/event-stream out of what is compressed, and send Cache-Control: no-transform."
    if not watch.readable:
        return warning(f"{quote(coding)}, which was not asked for and could not be undone", advice)
    if watch.received and not watch.framing.size:
        return failure(f"{quote(coding)}, and the compressor kept everything back", advice)
    return warning(quote(coding), advice)


def judge_cache_control(seen: Observation) -> Judgement:
    """Judge whether caches and transforming proxies keep their hands off."""
    value = _header(seen, "cache-control")
    if not value:
        return warning("not sent", "Send Cache-Control: no-store, no-transform.")
    directives = {part.partition("=")[0].strip().lower() for part in value.split(",")}
    if not directives & {"no-store", "no-cache"}:
        return warning(f"{quote(value)} allows caches to keep it", "Send Cache-Control: no-store, no-transform.")
    if "no-transform" not in directives:
        return warning(f"{quote(value)} allows proxies to compress it", "Add no-transform to Cache-Control.")
    return ok(quote(value))


def judge_accel_buffering(seen: Observation) -> Judgement:
    """Judge whether nginx is told not to buffer."""
    value = _header(seen, "x-accel-buffering")
    if value.strip().lower() == "no":
        return ok("no")
    if not value and "nginx" in _header(seen, "server").lower():
        return not_checked("nginx answered, which takes the header off")
    seen_value = quote(value) if value else "not sent"
    return warning(seen_value, "Send X-Accel-Buffering: no with the stream.")


def judge_proxies(seen: Observation) -> Judgement:
    """Judge what stands in between, by what it says of itself."""
    head = seen.watch.head
    hints = [f"{name}: {quote(_header(seen, name))}" for name in HINTS if _header(seen, name)]
    if head is not None and _is_cached(head):
        return failure(
            f"the answer came from a cache ({', '.join(hints)})", "Send Cache-Control: no-store, and purge the cache."
        )
    return ok(", ".join(hints) or "none says that it is there")


def _header(seen: Observation, name: str) -> str:
    return seen.watch.head.header(name) if seen.watch.head is not None else ""


def _is_cached(head: Head) -> bool:
    """Tell whether a cache says that it served this: RFC 9111 section 5.1 for `Age`."""
    age = head.header("age").strip()
    statuses = [head.header(name).strip().lower() for name in CACHE_STATUSES]
    return (age.isdigit() and int(age[:9]) > 0) or any(status.startswith("hit") for status in statuses)
