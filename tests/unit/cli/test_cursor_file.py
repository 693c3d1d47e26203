"""The file that `longwave listen --cursor` keeps its place in."""

from __future__ import annotations

import os
import re

import click
import pytest

from longwave.cli.cursor_file import CursorFile
from longwave.errors import InvalidValue


def test_id_is_kept_for_the_next_run(tmp_path):
    path = str(tmp_path / "seen.id")
    CursorFile(path).save("e-1")

    assert CursorFile(path).load() == "e-1"


def test_no_file_is_no_id():
    assert CursorFile("not-there.id").load() == ""


def test_folder_that_is_not_there_is_told_before_anything_is_printed(tmp_path):
    path = tmp_path / "none" / "seen.id"
    with pytest.raises(InvalidValue, match=r"^--cursor: expected a folder that can be written, got '.*/none'$"):
        CursorFile(str(path)).load()


def test_file_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(InvalidValue, match=rf"^--cursor: {re.escape(str(tmp_path))} cannot be read: Is a directory$"):
        CursorFile(str(tmp_path)).load()


def test_file_that_cannot_be_written_is_one_sentence(tmp_path):
    cursor = CursorFile(str(tmp_path / "seen.id"))
    os.mkdir(tmp_path / "seen.id")
    with pytest.raises(click.ClickException, match=r"^--cursor: .*/seen\.id cannot be written: Is a directory$"):
        cursor.save("e-1")
