"""The fixture, in a pytest of its own that loads the plugin as users do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from docs.pages import page
from meta.source_tree import ROOT

PAGE = page("docs/howto/test-a-client.md")
PASSING = """
import socket, threading, urllib.request
from longwave.testing import Answer, Send, Silence

def test_several_servers(scripted_server):
    first = scripted_server([Answer(steps=[Send(b"data: 1\\n\\n")])])
    second = scripted_server(last=Answer(201))
    assert urllib.request.urlopen(first.url).read() == b"data: 1\\n\\n"
    assert urllib.request.urlopen(second.url).status == 201

def test_all_servers_have_ended():
    assert threading.active_count() == 1
"""
FAILING = """
import socket
from urllib.parse import urlsplit

def test_client_that_speaks_no_http(scripted_server):
    server = scripted_server()
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(b"hello\\r\\n\\r\\n")
        while client.recv(1000):
            pass
"""


def run_pytest(folder, text):
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "longwave.testing.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-W", "error", folder],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.slow
def test_fixture_starts_servers_that_end_with_the_test(tmp_path):
    done = run_pytest(tmp_path, PASSING)

    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_client_that_breaks_http_fails_the_test(tmp_path):
    done = run_pytest(tmp_path, FAILING)

    assert "expected a method, a target and HTTP/1.1, got b'hello'" in done.stdout
    assert "1 passed, 1 error" in done.stdout


@pytest.mark.slow
def test_suites_can_still_be_rewritten_once_the_plugin_is_loaded(tmp_path):
    (tmp_path / "conftest.py").write_text('import pytest\npytest.register_assert_rewrite("longwave.testing")\n')

    assert "2 passed" in run_pytest(tmp_path, PASSING).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "block", [block for block in PAGE.blocks("python") if block.title], ids=lambda block: block.title
)
def test_example_of_the_page_passes(tmp_path, block):
    assert "1 passed" in run_pytest(tmp_path, block.text).stdout
