"""What a claim comes to for one client: an answer and, where it needs one, a word.

Not here: how it is found (the files named *_measures.py), what is expected (records.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """The value is what the table shows."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    YOURS = "yours"  # the client reads one response, and leaves all that follows to its user


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer; `word` is what differs, measured like the answer itself."""

    answer: Answer
    word: str = ""

    def __str__(self) -> str:
        return f"{self.answer.value}: {self.word}" if self.word else self.answer.value


YES = Verdict(Answer.YES)
NO = Verdict(Answer.NO)
YOURS = Verdict(Answer.YOURS)


def yes(word: str) -> Verdict:
    return Verdict(Answer.YES, word)


def partly(word: str) -> Verdict:
    return Verdict(Answer.PARTLY, word)


def no(word: str) -> Verdict:
    return Verdict(Answer.NO, word)


def yes_if(condition: bool) -> Verdict:
    return YES if condition else NO
