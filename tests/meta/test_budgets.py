"""Sizes, docstrings and names stay within the limits that keep the source readable."""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import re
import tokenize
from typing import TYPE_CHECKING

import pytest

from meta.source_tree import PACKAGE, ROOT, Module, source_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FUNCTION_LINES = 50  # lines of code in the body: no docstring, comment or blank line
MAX_MODULE_LINES = 500  # all lines
MAX_PARAMETERS = 7  # without self and cls

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
CODE_FOLDERS = ("src", "tests", "benchmarks", "scripts")
NO_TYPE_IGNORE = {"eventstream", "core"}

_LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")
_TYPE_IGNORE_WITH_REASON = re.compile(r"# type: ignore\[[\w-]+(, ?[\w-]+)*\]\s+# \w.{8,}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_size_breaches(module: Module) -> list[str]:
    """A module that is too long to read in one sitting."""
    lines = len(module.text.splitlines())
    return [f"{module.path}: {lines} lines"] if lines > MAX_MODULE_LINES else []


def function_size_breaches(module: Module) -> list[str]:
    """Functions with too many lines of code."""
    code = code_lines(module.text)
    return [
        f"{module.path}:{function.lineno}: {function.name} has {size} lines of code"
        for function in functions(module.tree)
        if (size := body_size(function, code)) > MAX_FUNCTION_LINES
    ]


def body_size(function: Function, code: set[int]) -> int:
    statements = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not statements:
        return 0
    return len(code.intersection(range(statements[0].lineno, (statements[-1].end_lineno or 0) + 1)))


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code, also inside a string of many lines."""
    return {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def parameter_breaches(module: Module) -> list[str]:
    """Functions that take too many parameters."""
    return [
        f"{module.path}:{function.lineno}: {function.name} takes {count} parameters"
        for function in functions(module.tree)
        if (count := parameter_count(function.args)) > MAX_PARAMETERS
    ]


def parameter_count(args: ast.arguments) -> int:
    named = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    if named[:1] in (["self"], ["cls"]):
        named = named[1:]
    return len(named) + (args.vararg is not None) + (args.kwarg is not None)


def docstring_breaches(module: Module) -> list[str]:
    """Public things whose contract is not stated."""
    missing = [] if ast.get_docstring(module.tree) or not module.tree.body else [f"{module.path}: module"]
    for name, node, owner in public_things(module.tree):
        if ast.get_docstring(node) is None and not (owner and is_inherited(module, owner, node)):
            missing.append(f"{module.path}:{node.lineno}: {name}")
    return missing


def public_things(
    tree: ast.Module | ast.ClassDef, owner: ast.ClassDef | None = None
) -> Iterator[tuple[str, Function | ast.ClassDef, ast.ClassDef | None]]:
    """Classes, functions and methods without a leading underscore; what stands in a function is private.

    The name of a test is its rule: the suites of `longwave.testing` need not say it twice.
    """
    for node in tree.body:
        if (
            not isinstance(node, Function | ast.ClassDef)
            or node.name.startswith(("_", "test_"))
            or has_no_contract(node)
        ):
            continue
        yield (f"{owner.name}.{node.name}" if owner else node.name), node, owner
        if isinstance(node, ast.ClassDef):
            yield from public_things(node, node)


def has_no_contract(node: Function | ast.ClassDef) -> bool:
    """An overload or a setter speaks for the function beside it."""
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    return bool(marks & {"overload", "override", "setter", "deleter"})


def is_inherited(module: Module, owner: ast.ClassDef, method: ast.AST) -> bool:
    """Whether a base class states the contract of this method already."""
    if not owner.bases:
        return False
    runtime = importlib.import_module(dotted(module.path))
    bases = getattr(runtime, owner.name).__mro__[1:]
    return any(base is not builtins.object and hasattr(base, method.name) for base in bases)


def dotted(path: str) -> str:
    return ".".join([PACKAGE, *path.removesuffix(".py").removesuffix("__init__").strip("/").split("/")]).rstrip(".")


def type_ignore_breaches(module: Module) -> list[str]:
    """Silenced type errors: none in the sans-I/O rooms, elsewhere only with a code and a reason."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT and _TYPE_IGNORE.search(token.string)]
    return [
        f"{module.path}:{token.start[0]}: {token.string}"
        for token in comments
        if module.room in NO_TYPE_IGNORE or not _TYPE_IGNORE_WITH_REASON.search(token.string)
    ]


RULES = [
    module_size_breaches,
    function_size_breaches,
    parameter_breaches,
    docstring_breaches,
    type_ignore_breaches,
]


@pytest.mark.parametrize("rule", RULES)
def test_source_keeps_the_rule(rule):
    breaches = [breach for module in source_modules() for breach in rule(module)]

    assert not breaches, "\n".join(breaches)


def test_no_file_or_folder_is_a_drawer():
    paths = [path.relative_to(ROOT) for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*")]

    assert [str(path) for path in paths if path.name.partition(".")[0] in FORBIDDEN_NAMES] == []


_LONG_BODY = "def f():\n" + "".join(f"    x = {n}\n" for n in range(MAX_FUNCTION_LINES + 1))
_DOCUMENTED = '"""What it is."""\n'


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (module_size_breaches, "hub.py", "\n" * (MAX_MODULE_LINES + 1)),
        (function_size_breaches, "hub.py", _LONG_BODY),
        (parameter_breaches, "hub.py", "async def f(a, b, c, d, /, e, *, g, h, i): ..."),
        (parameter_breaches, "hub.py", "def f(self, a, b, c, d, e, g, *rest, **more): ..."),
        (docstring_breaches, "hub.py", "x = 1"),
        (docstring_breaches, "hub.py", _DOCUMENTED + "def publish(): ..."),
        (docstring_breaches, "hub.py", _DOCUMENTED + "class Hub: ..."),
        (docstring_breaches, "hub.py", _DOCUMENTED + "class Hub:\n    'One hub.'\n    async def close(self): ..."),
        (type_ignore_breaches, "hub.py", "x = 1  # type: ignore"),
        (type_ignore_breaches, "hub.py", "x = 1  # type: ignore[misc]"),
        (type_ignore_breaches, "core/feed.py", "x = 1  # type: ignore[misc]  # the stub is wrong here"),
    ],
)
def test_rule_catches_a_breach(rule, path, text):
    assert rule(Module.parse(path, text))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (function_size_breaches, _LONG_BODY.replace("x = 0", "# why\n\n    'text'", 1).replace("    x = 1\n", "", 1)),
        (parameter_breaches, "def f(self, a, b, c, d, *, e, g, h): ..."),
        (docstring_breaches, _DOCUMENTED + "def _private(): ...\nclass _Private:\n    def method(self): ..."),
        (docstring_breaches, _DOCUMENTED + "class Hub:\n    'One hub.'\n    def __len__(self): ..."),
        (docstring_breaches, ""),
        (type_ignore_breaches, "x = 1  # type: ignore[attr-defined]  # missing in the stub of this platform"),
    ],
)
def test_rule_lets_good_code_pass(rule, text):
    assert rule(Module.parse("hub.py", text)) == []


def test_docstring_and_comments_cost_no_code_lines():
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    # why\n\n    return (\n        1\n    )\n'

    assert body_size(next(functions(ast.parse(text))), code_lines(text)) == 3
