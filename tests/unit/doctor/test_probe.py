"""What the probe decides: which id it resumes after, when it has seen enough, what TLS agreed on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess

import pytest

from longwave.doctor.inquiry import Inquiry
from longwave.doctor.probe import Question, choose_resume, negotiate, observe
from longwave.errors import InvalidValue


@pytest.mark.parametrize(
    ("ids", "chosen"),
    [
        ([], (b"", b"")),
        ([b"1"], (b"1", b"")),
        ([b"1", b"2", b"3"], (b"2", b"3")),
        ([b"1", b"2", b"2"], (b"1", b"2")),
        ([b"1", b"a\0", b"2", b" x"], (b"1", b"2")),
        ([b"\x7f"], (b"", b"")),
    ],
)
def test_a_stream_is_resumed_after_the_last_event_but_one(ids, chosen):
    assert choose_resume(ids) == chosen


@pytest.mark.parametrize(
    ("wants", "pieces", "answered"),
    [
        ({"wants_id": True, "wants_retry": False}, [b":\n", b"id: 1\nda", b"ta: x\n\n"], [False, False, True]),
        ({"wants_id": False, "wants_retry": True}, [b"data: x\n\n", b"retry: 5\n"], [False, True]),
        ({"wants_id": True, "wants_retry": True}, [b"retry: 5\n", b"id: 1\ndata\n\n"], [False, True]),
        ({"wants_id": True, "wants_retry": False}, [b"data: " + b"x" * 2**21], [True]),
    ],
)
def test_a_question_is_answered_once_all_that_is_wanted_has_come(wants, pieces, answered):
    question = Question(**wants)
    assert [question.is_answered(piece) for piece in pieces] == answered


async def test_an_impossible_url_is_the_users_mistake():
    with pytest.raises(InvalidValue):
        await observe(Inquiry(url="http://exa mple\x01/"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], "http/1.1")]
)
async def test_the_protocol_is_what_the_server_chooses_in_the_handshake(certificate, offered, chosen):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if offered:
        context.set_alpn_protocols(offered)
    closed = asyncio.Event()

    async def serve(reader, writer):
        with contextlib.suppress(OSError):  # the client does not say goodbye
            await reader.read()
        writer.close()
        closed.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert await negotiate(f"https://127.0.0.1:{port}/") == chosen
        await asyncio.wait_for(closed.wait(), 10)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "", "nowhere"])
async def test_without_tls_or_an_answer_the_protocol_is_unknown(url):
    assert await negotiate(url) == ""
