"""What a scripted server can be told, and what is refused where it is written."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.testing import Answer, Cut, End, Gate, Limits, Pause, Raw, Redirect, Send, Stall


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Send("text"), "data: expected bytes, got str"),
        (lambda: Raw("text"), "data: expected bytes, got str"),
        (lambda: Send(b"x", piece=0), "piece: expected at least 1 byte, got 0"),
        (lambda: Pause(-1), "seconds: expected 0 to 60, got -1"),
        (lambda: Pause(float("nan")), "seconds: expected 0 to 60, got nan"),
        (lambda: Pause(61), "seconds: expected 0 to 60, got 61"),
        (lambda: Answer(100), "status: expected 200 to 999, got 100"),
        (lambda: Answer(headers={"A B": "c"}), "headers: expected the name of a header, got 'A B'"),
        (lambda: Answer(headers={"A": "b\r\nc"}), r"headers: expected a value without NUL, CR and LF for A"),
        (lambda: Answer(steps=[b"x"]), "steps: expected Send, Pause, Gate, Stall, Cut or End, got b'x'"),
        (lambda: Answer(204, steps=[Send(b"x")]), "steps: expected no Send with status 204"),
        (lambda: Redirect("/", 304), r"status: expected one of \[301, 302, 303, 307, 308\], got 304"),
        (lambda: Redirect("/\n"), "headers: expected a value without NUL, CR and LF for Location"),
        (lambda: Limits(head=0), "head: expected at least 1, got 0"),
    ],
)
def test_value_that_cannot_be_is_refused(make, problem):
    with pytest.raises(InvalidValue, match=problem):
        make()


@pytest.mark.parametrize("last", [Stall(), Cut(), End()])
def test_step_that_is_never_reached_is_refused(last):
    with pytest.raises(InvalidValue, match="expected nothing after"):
        Answer(steps=[last, Send(b"x")])


@pytest.mark.parametrize(
    ("send", "pieces"),
    [
        (Send(b""), []),
        (Send(b"abc"), [b"abc"]),
        (Send(b"abc", piece=1), [b"a", b"b", b"c"]),
        (Send(b"abc", piece=2), [b"ab", b"c"]),
        (Send(b"abc", piece=9), [b"abc"]),
    ],
)
def test_pieces_of_a_send(send, pieces):
    assert send.pieces() == pieces


def test_answer_knows_its_gates_and_length():
    answer = Answer(steps=[Send(b"ab"), Gate("x"), Send(b"c"), Gate()])

    assert (answer.gates(), answer.length()) == ({"x", ""}, 3)
