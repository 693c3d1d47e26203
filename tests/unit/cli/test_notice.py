"""What is said on standard error."""

from __future__ import annotations

from longwave.cli.notice import notify


def test_notice_is_one_line_with_the_name_of_the_program(capsys):
    notify("first\n  second\r\nthird")

    assert capsys.readouterr() == ("", "longwave: first second third\n")


def test_notice_leaves_out_the_systems_number_of_an_error(capsys):
    notify(f"http://h/events: {ConnectionRefusedError(111, 'Connection refused')}")

    assert capsys.readouterr().err == "longwave: http://h/events: Connection refused\n"
