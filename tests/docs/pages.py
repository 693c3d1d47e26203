"""The project's pages as the tests of this folder read them: blocks, headings, links.

Not here: running blocks (test_examples.py), what a page must say (the other tests).

A block's language says what becomes of it; after the language may stand `title="NAME"` (a file that the reader saves)
or, for `text`, `output` (what the block before it prints).
Standard: https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from meta.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>```+)(?P<info>[^`]*)")
_TITLE = re.compile(r'title="([^"]+)"')
_HEADING = re.compile(r"#{1,6} +(.*?)(?: +#+)? *")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_CODE = re.compile(r"(`+)(?:.*?[^`])?\1(?!`)")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is that of its fence."""

    language: str
    info: str
    text: str
    line: int

    @property
    def title(self) -> str:
        """The file that it is saved as, "" if it is not."""
        found = _TITLE.search(self.info)
        return found[1] if found else ""

    @property
    def is_output(self) -> bool:
        return self.language == "text" and "output" in self.info.split()


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `name` is its path from the project's folder."""

    name: str
    text: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    def blocks(self, *languages: str) -> list[Block]:
        """All blocks of these languages in order; of any language if none is named."""
        return [block for block in self._parts()[0] if not languages or block.language in languages]

    def prose(self) -> str:
        """Everything outside of blocks."""
        return "\n".join(self._parts()[1])

    def links(self) -> list[str]:
        return _LINK.findall(_CODE.sub("`code`", self.prose()))

    def anchors(self) -> set[str]:
        """What links to this page may name after `#`, as the usual renderers make it."""
        found: dict[str, int] = {}
        anchors = set()
        for line in self.prose().splitlines():
            if heading := _HEADING.fullmatch(line):
                slug = _NOT_IN_ANCHORS.sub("", heading[1].lower()).replace(" ", "-")
                count = found[slug] = found.get(slug, -1) + 1
                anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    def section(self, heading: str) -> str:
        """The text below the heading, up to the next heading of its level or above."""
        lines = self.text.splitlines()
        start = next(number for number, line in enumerate(lines) if _heading_of(line) == heading)
        level = len(lines[start]) - len(lines[start].lstrip("#"))
        ends = re.compile(rf"#{{1,{level}}} ")
        rest = lines[start + 1 :]
        stop = next((number for number, line in enumerate(rest) if ends.match(line)), len(rest))
        return "\n".join(rest[:stop])

    def _parts(self) -> tuple[list[Block], list[str]]:
        blocks: list[Block] = []
        prose: list[str] = []
        lines = iter(enumerate(self.text.splitlines(), 1))
        for number, line in lines:
            if (fence := _FENCE.fullmatch(line)) is None:
                prose.append(line)
                continue
            language, _, info = fence["info"].strip().partition(" ")
            blocks.append(Block(language, info, _read_block(lines, fence, f"{self.name}:{number}"), number))
        return blocks, prose


def _heading_of(line: str) -> str | None:
    found = _HEADING.fullmatch(line)
    return found[1].replace("`", "") if found else None


def _read_block(lines: Iterator[tuple[int, str]], fence: re.Match[str], where: str) -> str:
    text: list[str] = []
    for _, line in lines:
        if line.strip() == fence["fence"]:
            return "".join(f"{each}\n" for each in text)
        text.append(line.removeprefix(fence["indent"]))
    raise AssertionError(f"{where}: expected the end of the block, got the end of the page")


@cache
def pages() -> tuple[Page, ...]:
    """README.md and the others beside it, then all pages of docs/."""
    paths = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def page(name: str) -> Page:
    return next(each for each in pages() if each.name == name)
