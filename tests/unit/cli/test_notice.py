"""What is said on standard error."""

from __future__ import annotations

from longwave.cli.notice import notify


def test_notice_is_one_line_with_the_name_of_the_program(capsys):
    notify("first\n  second\r\nthird")

    assert capsys.readouterr() == ("", "longwave: first second third\n")
