"""Reasons are words that can be labels, and there is one for whatever the code refuses."""

from __future__ import annotations

import ast
import re

import pytest

from longwave.auth import refusal as of_tokens
from longwave.core.refusal import Refusal
from meta.source_tree import ROOT


@pytest.mark.parametrize("reason", Refusal)
def test_a_reason_is_a_word_that_can_be_a_label(reason):
    assert re.fullmatch("[a-z]+(_[a-z]+)*", reason)


def test_each_reason_of_a_refused_token_is_one():
    assert {reason.value for reason in of_tokens.Reason} <= set(Refusal)


def test_each_word_that_is_counted_somewhere_is_one():
    """A word that is written as text in a call of `refused`, where a member of the enum would be a longer line."""
    found = {word for path in (ROOT / "src").rglob("*.py") for word in words_counted(path)}

    assert found <= set(Refusal)


def words_counted(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "refused" and node.args:
            yield from (part.value for part in ast.walk(node.args[0]) if is_word(part))


def is_word(part):
    return isinstance(part, ast.Constant) and isinstance(part.value, str) and "_" not in part.value[:1]
