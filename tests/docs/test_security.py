"""The page of security is true: each test that it names exists, each promise names one, each option is one."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache

import pytest

from docs.pages import page
from longwave.cli.app import app
from meta.source_tree import ROOT

SECURITY = page("SECURITY.md")
PROMISES = "What is promised, and what proves it"
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMED = TEST.findall(SECURITY.text)


@cache
def functions_of(path):
    """The names of the tests in a file; it has some."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize(("path", "name"), NAMED, ids="::".join)
def test_each_test_that_is_named_exists(path, name):
    assert functions_of(path)
    assert not name or name in functions_of(path)


def test_whatever_looks_like_a_test_is_named_so_that_it_is_checked():
    assert len(re.findall(r"tests/|::test_", SECURITY.text)) == sum(1 + bool(name) for _, name in NAMED)


def test_each_promise_names_a_test():
    promises = re.findall(r"^### (.*)$", SECURITY.section(PROMISES), re.MULTILINE)

    assert len(promises) > 10
    assert [promise for promise in promises if not TEST.search(SECURITY.section(promise))] == []


def test_each_file_of_security_tests_is_named():
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_security_*.py")}
    more = {"tests/integration/test_fuzz.py", "tests/integration/test_smuggling.py", "tests/integration/test_abuse.py"}

    assert files | more <= {path for path, _ in NAMED}


def test_each_option_exists():
    known = {name for command in app.commands.values() for param in command.params for name in param.opts}

    assert set(re.findall(r"--[a-z][a-z-]+", SECURITY.text)) - known == set()


def test_the_unit_starts_the_hub_as_the_hub_can_be_started():
    (unit,) = SECURITY.blocks("ini")
    line = re.search(r"^ExecStart=(.*?[^\\])$", unit.text, re.MULTILINE | re.DOTALL)[1].replace("\\\n", "")
    program, name, *arguments = shlex.split(line)

    assert (program, name) == ("/usr/bin/env", "longwave")
    command = app.commands[arguments[0]]
    given = command.make_context("serve", arguments[1:], resilient_parsing=True).params
    keys = set(re.findall(r"^LoadCredential=([\w.]+):", unit.text, re.MULTILINE))
    assert {given["publisher_key"], given["subscriber_key"]} == {f"@%d/{key}" for key in keys}
