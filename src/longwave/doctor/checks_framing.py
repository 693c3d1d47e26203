"""Checks of the bytes: what the standard forbids, and what it allows and common clients choke on.

Not here: reading the bytes (framing.py), ids (checks_resume.py), the table (checks.py).
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.doctor.finding import Judgement, counted, describe_bytes, failure, ok, quote, warning

if TYPE_CHECKING:
    from longwave.doctor.framing import Block
    from longwave.doctor.observation import Observation

SAFE_LINE = 64 * 1024  # bytes; older aiohttp reads no longer ones
SAFE_EVENT = 2**20  # bytes; httpx2's own limit
FIELDS = {"data", "event", "id", "retry"}


def judge_bom(seen: Observation) -> Judgement:
    """Judge whether the stream begins with a byte order mark."""
    if seen.watch.framing.has_bom:
        return warning("the stream begins with one", "Write the stream as UTF-8 without a signature.")
    return ok("none")


def judge_utf8(seen: Observation) -> Judgement:
    """Judge whether all of it is UTF-8."""
    place = seen.watch.framing.invalid_at
    if place is None:
        return ok("all of it is")
    return failure(f"byte {place:,} of the stream is not", "Encode text as UTF-8, and bytes as base64.")


def judge_line_ends(seen: Observation) -> Judgement:
    """Judge whether all lines end in one common way."""
    ends = seen.watch.framing.line_ends
    used = [f"{count:,} {name}" for name, count in (("LF", ends.lf), ("CRLF", ends.crlf), ("CR", ends.cr)) if count]
    text = ", ".join(used) or "no line has ended yet"
    if ends.cr or len(used) > 1:
        return warning(text, "End every line with LF.")
    return ok(text)


def judge_empty_blocks(seen: Observation) -> Judgement:
    """Judge whether blank lines come where no event ends."""
    empty = [block for block in seen.watch.framing.blocks if not block.is_event]
    if not empty:
        return ok("none")
    kinds = ", ".join(dict.fromkeys(map(_kind_of, empty)))
    return warning(
        f"{counted(len(empty), 'block')}: {kinds}",
        "End a comment with one line feed and no blank line, and put other fields into an event's own block.",
    )


def judge_separators(seen: Observation) -> Judgement:
    """Judge whether there are characters that only some take for line ends."""
    if seen.watch.framing.separator:
        return warning(
            f"{seen.watch.framing.separator} stands in the stream", "Send such text as JSON with escapes (\\u2028)."
        )
    return ok("none")


def judge_sizes(seen: Observation) -> Judgement:
    """Judge the longest line and the largest event."""
    line, event = seen.watch.framing.longest_line, seen.watch.framing.largest_event
    text = f"longest line {describe_bytes(line)}, largest event {describe_bytes(event)}"
    if event > SAFE_EVENT:
        return warning(f"{text}; httpx2 ends a stream at an event above 1 MiB", "Send a link to large data instead.")
    if line > SAFE_LINE:
        return warning(f"{text}; older aiohttp clients end at a line above 64 KiB", "Split data over several lines.")
    return ok(text)


def judge_fields(seen: Observation) -> Judgement:
    """Judge the names of the fields, and the values of `retry`."""
    framing = seen.watch.framing
    if framing.unknown:
        names = ", ".join(quote(name) for name in framing.unknown)
        return warning(f"{names} mean nothing", _advise_names(framing.unknown))
    wrong = next((value for value in framing.retries if not value.isdigit()), None)
    if wrong is not None:
        return warning(f"retry: {quote(wrong)} is ignored", "Send retry as whole milliseconds, digits only.")
    return ok("all known")


def _advise_names(names: tuple[bytes, ...]) -> str:
    meant = [name.decode(errors="replace").strip().lower() for name in names]
    field = next((name for name in meant if name in FIELDS), None)
    if field is not None:
        return f"Write {field} in lower case and without a space around it."
    return "Use data, event, id and retry only, and put everything else into data."


def _kind_of(block: Block) -> str:
    if block.fields:
        return "fields without data"
    return "comments and a blank line" if block.comments else "blank lines alone"
