"""How a wait is told."""

from __future__ import annotations

from longwave.cli.retry_notice import RetryNotice


def test_wait_is_one_line_with_its_reason_and_length(capsys):
    RetryNotice().retry("http://hub/events: no\nanswer", 1.26)

    assert capsys.readouterr() == ("", "longwave: http://hub/events: no answer; trying again in 1.3 s\n")


def test_reason_is_put_into_the_users_words(capsys):
    RetryNotice(lambda reason: reason.replace("here", "there")).retry("lost here", 0.5)

    assert capsys.readouterr().err == "longwave: lost there; trying again in 0.5 s\n"


def test_nothing_else_is_told(capsys):
    RetryNotice().closed("by its user")
    RetryNotice().error(ValueError("no"))

    assert capsys.readouterr() == ("", "")
