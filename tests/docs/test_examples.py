"""Every example of every page runs as it stands, in the order of its page, against a real hub.

What is not run: `text` that is no output, and files to save (test_first_steps.py, test_proxies.py run those).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.pages import Block, Page, pages
from docs.running_hub import ADDRESS_IN_PAGES, environment, running_hub

pytestmark = pytest.mark.slow  # each starts processes

SECONDS = 20  # for one block
PAGE_GLOBALS = Path(__file__).with_name("page_globals.mjs")
EPOCH = re.compile(r"\b[0-9a-f]{8}-(?=\d+\b)")  # of an id; each log has its own
DATE = re.compile(r"^Date: .*$", re.MULTILINE)

# What runs a block that was saved as a file, and how such a file is called.
PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "sh": ("bash", ["-e", "block.sh"]),
    "python": (sys.executable, ["block.py"]),
    "js": ("node", [str(PAGE_GLOBALS), "http://HUB", "block.mjs"]),
    "php": ("php", ["block.php"]),
}
READ_BY = {"json": json.loads, "toml": tomllib.loads}
SHOWN_ONLY = {"text", "html", "nginx", "caddyfile"}


@dataclass(slots=True)
class Reader:
    """Follows one page in `folder`, with the hub at `address`; `skipped` names programs that are not installed."""

    page: Page
    folder: Path
    address: str
    printed: str | None = None  # by the block before, None if it was not run
    skipped: str = ""

    def follow(self, block: Block) -> None:
        where = f"{self.page.name}:{block.line}"
        text = block.text.replace(ADDRESS_IN_PAGES, self.address)
        if block.title:
            (self.folder / block.title).write_text(text, encoding="utf-8")
        elif block.language in PROGRAMS:
            self.run(block.language, text, where)
        elif block.language in READ_BY:
            READ_BY[block.language](text)
        elif block.is_output:
            assert self.printed is None or settled(self.printed) == settled(text), where
        else:
            assert block.language in SHOWN_ONLY, f"{where}: expected a known language, got {block.language!r}"

    def run(self, language: str, text: str, where: str) -> None:
        program, arguments = PROGRAMS[language]
        if shutil.which(program) is None:
            self.skipped, self.printed = program, None
            return
        (self.folder / arguments[-1]).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [program, *(argument.replace("HUB", self.address) for argument in arguments)],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{where}: status {done.returncode}\n{done.stdout}{done.stderr}"
        self.printed = done.stdout


def settled(text: str) -> str:
    """The text without what differs from run to run."""
    return DATE.sub("Date: now", EPOCH.sub("epoch-", text.replace("\r\n", "\n"))).rstrip("\n")


def has_examples(page: Page) -> bool:
    return bool(page.blocks(*PROGRAMS, *READ_BY))


def options_of(page: Page) -> list[str]:
    """Those of the `longwave serve` that the page tells its reader to start, if it tells any."""
    commands = (shlex.split(block.text) for block in page.blocks("text"))
    return next((command[2:] for command in commands if command[:2] == ["longwave", "serve"]), ["--log", "memory:"])


@pytest.mark.parametrize("page", list(filter(has_examples, pages())), ids=lambda page: page.name)
def test_each_example_of_a_page_runs_and_prints_what_the_page_says(page, tmp_path):
    with running_hub(tmp_path, *options_of(page)) as address:
        reader = Reader(page, tmp_path, address)
        for block in page.blocks():
            reader.follow(block)
    if reader.skipped:
        pytest.skip(f"{reader.skipped} is not installed, so its blocks were not run; the others passed")


def test_each_block_says_its_language():
    assert not [f"{page.name}:{block.line}" for page in pages() for block in page.blocks() if not block.language]


def test_an_output_block_stands_after_a_block_that_is_run():
    for page in pages():
        blocks = page.blocks()
        for before, block in zip([None, *blocks], blocks, strict=False):
            assert not block.is_output or before.language in PROGRAMS, f"{page.name}:{block.line}"
