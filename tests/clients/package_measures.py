"""Measures of the packages themselves: what they are made of, what they need, which ways of use they have.

Not here: behaviour. Absence is judged by the package's own source, so that a new version that has more is noticed.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clients.trial import read_stream
from clients.verdict import NO, YES, Verdict, no, partly, yes, yes_if
from longwave.testing import Send
from meta.source_tree import ROOT

if TYPE_CHECKING:
    from clients.client import Client
    from clients.columns import Column

HTTP_LIBRARIES = {"aiohttp", "httpx", "httpx2", "requests", "urllib3"}
OLDER = "3.10"


def synchronous(client: type[Client], column: Column) -> Verdict:
    return way(client, column, is_async=False)


def asynchronous(client: type[Client], column: Column) -> Verdict:
    return way(client, column, is_async=True)


def way(client: type[Client], column: Column, *, is_async: bool) -> Verdict:
    """Read one stream in this way; without a way here, prove that the package has none."""
    for each in (client, *client.others):
        if each.is_async is is_async:
            assert read_stream(each, Send(b"data: 1\n\n")).data == ["1"]
            return partly(each.caution) if each.caution and each.caution in description(column) else YES
    found = [path.name for path in sources(column) if iterates(path, is_async=is_async)]
    assert not found, f"expected no such interface in {column.name}, got one in {found}"
    return NO


def iterates(path: Path, *, is_async: bool) -> bool:
    """Whether a source file has something to iterate over in this way."""
    wanted, method = (ast.AsyncFunctionDef, "__anext__") if is_async else (ast.FunctionDef, "__next__")
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, wanted)]
    return any(node.name == method or has_yield(node) for node in functions)


def has_yield(function: ast.AST) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))


def typed(_: type[Client], column: Column) -> Verdict:
    return YES if any((folder / "py.typed").is_file() for folder in folders(column)) else NO


def older_python(_: type[Client], column: Column) -> Verdict:
    return yes_if(requires_python(column) is None or OLDER in SpecifierSet(requires_python(column)))


def requires_python(column: Column) -> str | None:
    if column.is_ours:
        return our_project()["requires-python"]
    return importlib.metadata.metadata(column.distribution)["Requires-Python"]


def dependencies(_: type[Client], column: Column) -> Verdict:
    """Whether installing the package brings nothing but its HTTP library and what that brings itself."""
    wanted = required(column)
    library = wanted & HTTP_LIBRARIES
    brought = {name for each in library for name in names(importlib.metadata.requires(each) or [])}
    more = wanted - library - brought
    if more:
        return no(" ".join(sorted(more)))
    return yes(" ".join(sorted(library)) or "none")


def required(column: Column) -> set[str]:
    if column.is_ours:
        return names(our_project()["dependencies"])
    return names(importlib.metadata.requires(column.distribution) or [])


def our_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(lines: list[str]) -> set[str]:
    """The distributions that are required without an extra."""
    wanted = [Requirement(line) for line in lines]
    return {item.name for item in wanted if item.marker is None or item.marker.evaluate({"extra": ""})}


def description(column: Column) -> str:
    return str(importlib.metadata.metadata(column.distribution).get_payload())


def folders(column: Column) -> list[Path]:
    found = importlib.util.find_spec(column.module)
    assert found is not None
    return [Path(folder) for folder in found.submodule_search_locations or ()]


def sources(column: Column) -> list[Path]:
    return [path for folder in folders(column) for path in folder.rglob("*.py")]
