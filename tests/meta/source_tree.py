"""The source as the meta tests read it: parsed, never imported.

What the rules are is not here; each test file states its own.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "longwave"
PACKAGE = "longwave"


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module imports, absolute and dotted, as in `longwave.core.cursor.Cursor`."""

    name: str
    line: int

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """One source file; `path` is relative to the package, as in `logs/sqlite.py`."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> Module:
        return cls(path, text, ast.parse(text, filename=path))

    @property
    def room(self) -> str:
        """First part of the path without its suffix: `core`, `hub`, `errors`, `__init__`."""
        return self.path.partition("/")[0].removesuffix(".py")

    def imports(self) -> Iterator[Import]:
        """All imports at any depth: under TYPE_CHECKING, in functions, and by `import_module("...")`."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from (Import(alias.name, node.lineno) for alias in names)
                case ast.ImportFrom(names=names):
                    yield from (Import(f"{self._base(node)}.{alias.name}", node.lineno) for alias in names)
                case (
                    ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_])
                    | ast.Call(
                        func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]
                    )
                ):
                    yield Import(name, node.lineno)

    def _base(self, node: ast.ImportFrom) -> str:
        """The absolute module that a `from ... import` names."""
        if node.level == 0:
            return node.module or ""
        here = [PACKAGE, *self.path.split("/")[:-1]]
        parents = here[: len(here) - node.level + 1]
        return ".".join([*parents, *([node.module] if node.module else [])])


@cache
def source_modules() -> tuple[Module, ...]:
    """Every module of the package, in order of path."""
    paths = sorted(SOURCE.rglob("*.py"))
    return tuple(Module.parse(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")) for path in paths)
