"""Checks of the bytes, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_framing as checks
from longwave.doctor.finding import Verdict
from unit.doctor.seen import seen_of

HEALTHY = b":\nid: 1\nevent: x\ndata: a\ndata:b\n\n"


@pytest.mark.parametrize(
    ("judge", "body", "verdict", "says"),
    [
        (checks.judge_bom, b"\xef\xbb\xbf" + HEALTHY, Verdict.WARNING, "begins with one"),
        (checks.judge_utf8, b"data: \xff\n\n", Verdict.FAILURE, "byte 6 "),
        (checks.judge_line_ends, b"data: 1\r\rdata: 2\r\r", Verdict.WARNING, "4 CR"),
        (checks.judge_line_ends, b"data: 1\r\n\n", Verdict.WARNING, "1 LF, 1 CRLF"),
        (checks.judge_empty_blocks, b":\n\n:\n\ndata: 1\n\n\n", Verdict.WARNING, "3 blocks: comments and a blank line"),
        (checks.judge_empty_blocks, b"data: 1\n\n\n", Verdict.WARNING, "1 block: blank lines alone"),
        (checks.judge_empty_blocks, b"retry: 1000\n\n", Verdict.WARNING, "fields without data"),
        (checks.judge_separators, "data: a\u2028b\n\n".encode(), Verdict.WARNING, "U+2028"),
        (checks.judge_sizes, b"data: " + b"x" * 66_000 + b"\n\n", Verdict.WARNING, "aiohttp"),
        (checks.judge_sizes, b"data: " + b"x" * 2**20 + b"x\n\n", Verdict.WARNING, "httpx2"),
        (checks.judge_sizes, b"data: " + b"x" * (2**20 + 1), Verdict.WARNING, "httpx2"),
        (checks.judge_fields, b"Data: 1\n\n", Verdict.WARNING, "'Data' mean nothing"),
        (checks.judge_fields, b"retry: 3s\n\n", Verdict.WARNING, "'3s' is ignored"),
        (checks.judge_fields, b"retry\n\n", Verdict.WARNING, "'' is ignored"),
    ],
)
def test_what_clients_choke_on_is_told(judge, body, verdict, says):
    judgement = judge(seen_of(body))
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize(
    "judge",
    [
        checks.judge_bom,
        checks.judge_utf8,
        checks.judge_line_ends,
        checks.judge_empty_blocks,
        checks.judge_separators,
        checks.judge_sizes,
        checks.judge_fields,
    ],
)
def test_a_stream_as_it_should_be_is_well(judge):
    assert judge(seen_of(HEALTHY)).verdict is Verdict.OK


def test_crlf_alone_is_well():
    assert checks.judge_line_ends(seen_of(b"data: 1\r\n\r\n")).verdict is Verdict.OK


@pytest.mark.parametrize(("name", "advice"), [(b"Data", "Write data "), (b"id ", "Write id "), (b"foo", "Use data, ")])
def test_advice_on_a_name_says_what_was_meant(name, advice):
    assert checks.judge_fields(seen_of(name + b": 1\n\n")).advice.startswith(advice)
