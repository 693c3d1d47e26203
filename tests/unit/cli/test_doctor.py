"""The checklist as it is printed, and what the command refuses."""

from __future__ import annotations

import json

import pytest

from longwave.cli.app import execute
from longwave.cli.doctor import lines_of, make_inquiry, printable, summarise, to_json
from longwave.doctor import Finding, Inquiry, Verdict

OK = Finding("status", Verdict.OK, "200", "Why.", "")
WARNING = Finding("retry", Verdict.WARNING, "10 ms", "They flood.", "Send more.")
FAILURE = Finding("charset", Verdict.FAILURE, "'x'", "UTF-8.", "Send utf-8.")
MISSING = [Finding(name, Verdict.NOT_CHECKED, "no answer", "Why.", "") for name in ("ids", "resume")]
INQUIRY = Inquiry(url="http://h/")
OPTIONS = {
    "topics": (),
    "headers": (),
    "token": None,
    "last_event_id": "",
    "seconds": 20.0,
    "heartbeat": 15.0,
    "origin": "",
}


def test_what_is_good_takes_a_line_and_what_is_bad_three():
    lines = [text.split() for _, text in lines_of([OK, WARNING])]
    assert lines == [["status", "200"], ["retry", "10", "ms"], ["why", "They", "flood."], ["do", "Send", "more."]]


def test_checks_that_one_cause_prevented_share_a_line():
    assert [(label, text.split()) for label, text in lines_of([*MISSING, OK])] == [
        ("not checked", ["2", "checks", "no", "answer"]),
        ("ok", ["status", "200"]),
    ]


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        ([OK, WARNING], "healthy: 1 ok, 1 warning, 0 failures, 0 not checked; http://h/ was watched for 2.5 s"),
        ([FAILURE], "unhealthy: 0 ok, 0 warnings, 1 failure, 0 not checked; http://h/ was watched for 2.5 s"),
    ],
)
def test_the_last_line_says_the_outcome(findings, text):
    assert summarise(INQUIRY, 2.5, findings) == text


def test_json_says_everything():
    said = to_json(INQUIRY, 2.5, [OK, FAILURE])
    assert (said["url"], said["healthy"], said["watched_seconds"]) == ("http://h/", False, 2.5)
    assert said["findings"][1] == {
        "name": "charset",
        "verdict": "failure",
        "seen": "'x'",
        "why": "UTF-8.",
        "advice": "Send utf-8.",
    }


def test_options_become_an_inquiry():
    inquiry = make_inquiry("http://h", {**OPTIONS, "topics": ("a",), "token": "s", "origin": "https://a.example"})
    assert inquiry.url == "http://h/events?topic=a"
    assert (b"Authorization", b"Bearer s") in inquiry.headers
    assert inquiry.origin == "https://a.example"


def test_what_does_not_print_becomes_an_escape():
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere"],
        ["http://h/", "--seconds", "0"],
        ["http://h/", "--seconds", "99999"],
        ["http://h/", "--heartbeat", "x"],
        ["http://h/", "--heartbeat", "0"],
        ["http://h/", "--header", "no colon"],
        ["http://h/", "--origin", "example.com"],
        ["http://h/", "--last-event-id", "a\nb"],
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line_with_status_2(arguments, capsys):
    assert execute(["doctor", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_plain_output_is_a_checklist_and_nobody_there_is_status_1(capsys):
    assert execute(["doctor", "http://127.0.0.1:1/x"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("failure      connection")
    assert "checks" in out[-2]
    assert out[-1].startswith("unhealthy: ")


def test_json_output_is_one_object(capsys):
    assert execute(["doctor", "http://127.0.0.1:1/x", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False
