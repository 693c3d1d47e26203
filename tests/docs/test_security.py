"""The page of security is true: each test that it names exists, each promise is whole, each bound is the default."""

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
HEADINGS = re.findall(r"^### (.*)$", SECURITY.section(PROMISES), re.MULTILINE)
BOUND = re.compile(r"`(--[a-z-]+) ([^`]+)`")
DEFAULT = re.compile(r"^\| `(--[a-z-]+)` \| [^|]+ \| `?([^`|]+?)`? \|", re.MULTILINE)
DEFAULTS = dict(DEFAULT.findall(page("docs/reference/options.md").section("serve")))
ATTACKS = (
    "forged fields",
    "token confusion",
    "selector denial of service",
    "replay of private updates",
    "csrf on publish",
    "slow-loris",
    "request smuggling",
    "whatever a client can make long",
)


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


@pytest.mark.parametrize("promise", HEADINGS)
def test_each_promise_says_what_it_is_against_what_holds_and_what_proves_it(promise):
    text = SECURITY.section(promise)

    assert re.search(r"^\*\*Threat\.\*\* .*\n\n\*\*Promise\.\*\* ", text, re.MULTILINE | re.DOTALL)
    assert TEST.search(text)


def test_each_attack_that_was_thought_of_has_a_promise():
    assert len(HEADINGS) > 10
    threats = "".join(re.findall(r"\*\*Threat\.\*\*(.*?)\n\n", SECURITY.section(PROMISES), re.DOTALL)).lower()

    assert [attack for attack in ATTACKS if attack not in threats] == []


def test_each_bound_is_the_default_of_its_option():
    bounds = BOUND.findall(SECURITY.section(PROMISES))

    assert len(bounds) > 10
    assert [(option, bound) for option, bound in bounds if DEFAULTS.get(option) != bound] == []


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
