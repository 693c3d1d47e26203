"""A URI template, read backwards: whether a topic is in the language of the template.

Not here: `*`, plain topics and the order of the rules (core/selector.py); expansion, which a hub never does.

Rules that always hold:
- variable names and prefix lengths (`{x:3}`) are parsed and then ignored; every expression accepts the empty text;
- the work of a match grows with the length of the topic, never faster, whatever template and topic hold: there
  is no backtracking. A pattern is used where the next character alone decides (`pattern_source`), an automaton
  that follows all possibilities at once elsewhere (`Automaton`).

Standard: https://www.rfc-editor.org/rfc/rfc6570 with erratum 6937 (`'` is a literal). What an expression accepts
follows the Mercure hub, so that both hubs deliver the same updates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

AUTOMATON_COST = 10  # of a small one; that of a pattern is 1
AUTOMATON_SIZE = 20  # characters and expressions of one that cost 1 more
PATTERN_SIZE = 200
MAX_PATTERN = 2048  # characters; compiling takes `re` about 1 µs for each, so 2 ms at most

_HEX = "[0-9A-Fa-f]"
_TRIPLET = f"%{_HEX}{_HEX}"
_SUPPLEMENTARY = "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in (*range(1, 14), 15, 16))
_BEYOND_ASCII = f"\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\uffef{_SUPPLEMENTARY}\U000e1000-\U000efffd"  # ucschar, iprivate
_LITERALS = rf"(?:[!#$&-;=?-\[\]_a-z~{_BEYOND_ASCII}]++|{_TRIPLET})++"
# CPython before 3.11.5 does not step back when a possessive group fails after its first character (gh-106052), so
# each group of these patterns, and of those that are compiled, looks ahead, or fails within its literal start.
_WORD = f"[0-9A-Z_a-z]*+(?:{_TRIPLET}[0-9A-Z_a-z]*+)*+"  # empty only before a `%` that starts no triplet
_NAME = rf"(?=[%0-9A-Z_a-z]){_WORD}(?:(?=\.[%0-9A-Z_a-z])\.{_WORD})*+"
_VARIABLE = rf"{_NAME}(?::[1-9][0-9]{{0,3}}+|\*)?+"
_PART = re.compile(rf"({_LITERALS})|\{{([+#./;?&]?)({_VARIABLE}(?:(?=,[%0-9A-Z_a-z]),{_VARIABLE})*+)\}}")
_TRIPLETS = re.compile(f"({_TRIPLET})")
_ASCII_RUN = re.compile("[\0-\x7f]+")
_FOREIGN_CHARACTER = re.compile("[^\0-\x7f]")
_FOREIGN = "\x80"  # stands for every character outside ASCII; itself never a literal

_Accepts = Callable[[str, int, int], object]  # topic, start, end -> true or false


class Charset(NamedTuple):
    """The characters that a value may hold besides percent-encoded triplets."""

    ranges: str  # as between the brackets of a pattern
    characters: frozenset[str]


def _charset(ranges: str) -> Charset:
    return Charset(ranges, frozenset(re.findall(f"[{ranges}]", "".join(map(chr, range(128))))))


VALUES = _charset("A-Za-z0-9._~,-")
PAIRS = _charset("A-Za-z0-9._~,=-")
RESERVED = _charset(r"A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-")


class _Operator(NamedTuple):
    """A row of RFC 6570, appendix A: what an expression starts with, is separated by, and may hold."""

    first: str
    separator: str
    plain: Charset
    exploded: Charset


_OPERATORS = {
    "": _Operator("", ",", VALUES, PAIRS),
    "+": _Operator("", ",", RESERVED, RESERVED),
    "#": _Operator("#", ",", RESERVED, RESERVED),
    ".": _Operator(".", ".", VALUES, PAIRS),
    "/": _Operator("/", "/", VALUES, PAIRS),
    ";": _Operator(";", ";", PAIRS, PAIRS),
    "?": _Operator("?", "&", PAIRS, PAIRS),
    "&": _Operator("&", "&", PAIRS, PAIRS),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """What one `{…}` accepts: nothing, or `first`, a value of `head`, and repeats of `separator` and a value of `tail`.

    first: one character or "".
    repeats: how often at most; None means without end.
    """

    first: str
    head: Charset
    separator: str
    tail: Charset
    repeats: int | None

    @property
    def openers(self) -> frozenset[str]:
        """The characters that a text which is not empty can start with; without `first`, `head` has the separator."""
        return frozenset(self.first) if self.first else self.head.characters | {"%"}

    def is_decided(self, follow: frozenset[str]) -> bool:
        """Tell whether the next character alone says how to go on, if one of `follow` or the end comes after."""
        loops = self.head.characters | self.tail.characters
        if self.repeats != 0 and self.separator in loops:
            return False
        separator = self.separator if self.repeats != 0 else ""
        return follow.isdisjoint(loops | {"%", self.first, separator})

    def pattern(self) -> str:
        """Return a pattern for `re` that never gives back a character: possessive throughout."""
        body = re.escape(self.first) + _value_pattern(self.head)
        if self.repeats != 0:
            times = "*+" if self.repeats is None else f"{{0,{self.repeats}}}+"
            body += f"(?:{re.escape(self.separator)}{_value_pattern(self.tail)}){times}"
        return f"(?:{body})?+" if self.first else body


def _value_pattern(charset: Charset) -> str:
    return f"[{charset.ranges}]*+(?:{_TRIPLET}[{charset.ranges}]*+)*+"


Part = str | Expression


class Template:
    """A parsed template; made by `parse_template`.

    literal_start: what each topic of its language starts with.
    Compiled at the first topic that its literal ends and its length do not rule out.
    """

    __slots__ = ("_accepts", "_cost", "_middle", "_shortest", "_suffix", "literal_start")

    def __init__(self, parts: Sequence[Part]) -> None:
        self._shortest = sum(len(part) for part in parts if isinstance(part, str))
        self.literal_start, middle = _split_literal(parts, 0)
        self._suffix, self._middle = _split_literal(middle, -1)
        self._accepts: _Accepts | None = None
        self._cost = 0  # not known yet

    @property
    def cost(self) -> int:
        """What a match with a topic of 100 characters costs at most, in about microseconds, the first one apart.

        Also for the memory that it takes once it is compiled, of which an automaton has up to 30 bytes for a character.
        """
        if not self._cost:
            size = self._shortest + len(self._middle)
            plain = pattern_source(self._middle) is not None
            self._cost = 1 + size // PATTERN_SIZE if plain else AUTOMATON_COST + size // AUTOMATON_SIZE
        return self._cost

    def matches(self, topic: str) -> bool:
        """Tell whether the whole of `topic` is in the template's language; linear in its length."""
        if len(topic) < self._shortest or not topic.startswith(self.literal_start) or not topic.endswith(self._suffix):
            return False
        accepts = self._accepts or self._compile()
        return bool(accepts(topic, len(self.literal_start), len(topic) - len(self._suffix)))

    def _compile(self) -> _Accepts:
        source = pattern_source(self._middle)
        accepts = Automaton(self._middle).accepts if source is None else re.compile(source).fullmatch
        self._accepts = accepts
        return accepts


def _split_literal(parts: Sequence[Part], place: int) -> tuple[str, list[Part]]:
    rest = list(parts)
    if not rest or not isinstance(rest[place], str):
        return "", rest
    return str(rest.pop(place)), rest


def parse_template(text: str) -> Template | None:
    """Return the template that `text` is, or None if it is not one."""
    parts = parse_parts(text)
    return None if parts is None else Template(parts)


def parse_parts(text: str) -> list[Part] | None:
    """Return the literals (as str, never two in a row) and expressions of a template, or None if it is not one."""
    parts: list[Part] = []
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if found is None:
            return None
        parts.append(found[1] or _expression(found[2], found[3]))
        place = found.end()
    return parts


def _expression(operator: str, variables: str) -> Expression:
    names = variables.split(",")
    return _expression_of(operator, len(names), names[0].endswith("*"), "*" in variables)


@lru_cache(1024)
def _expression_of(operator_name: str, variables: int, first_exploded: bool, any_exploded: bool) -> Expression:
    operator = _OPERATORS[operator_name]
    head = operator.exploded if first_exploded else operator.plain
    tail = operator.exploded if any_exploded else operator.plain
    repeats = None if any_exploded else variables - 1
    if operator.separator in head.characters and tail.characters <= head.characters:
        repeats = 0  # `head` accepts every repeat already, so `{x*}` is no more than one loop
    return Expression(operator.first, head, operator.separator, tail if repeats != 0 else head, repeats)


def pattern_source(parts: Sequence[Part]) -> str | None:
    """Return a pattern for `re` with the language of `parts`, or None if only the automaton is safe for them.

    It is exact and linear because the next character alone decides every step. No character that an expression can
    read next (its first, its values, its separator, `%`) can also start what comes after it, and the separator is
    no part of a value: `is_decided`. So of all ways to read a topic at most one gets past any character, and the
    greedy way, which goes on where it can, is that one. Hence every quantifier may be possessive, and
    possessive quantifiers give nothing back: each character is read once, after at most one failed look per part.
    """
    pieces: list[str] = []
    follow: frozenset[str] = frozenset()
    for part in reversed(parts):
        if isinstance(part, str):
            pieces.append(re.escape(part))
            follow = frozenset(part[0])
        elif part.is_decided(follow):
            pieces.append(part.pattern())
            follow |= part.openers
        else:
            return None
    source = "".join(reversed(pieces))
    return source if len(source) <= MAX_PATTERN else None


class Automaton:
    """All ways to read a topic at once: one bit per state, some operations on whole integers per character.

    The states stand in a line; bit 0 is the start. A literal enters the next state. An expression has a state that
    loops for the head and one per repeat, entered by the first character or the separator, and ends with an exit.
    As every expression accepts nothing, any active state of a run of adjacent expressions also activates all exits
    above it in that run. With V the active states of a run without its last exit E, `(E + V) ^ (E - V)` has exactly
    the bits above the lowest of V up to E, or none if V is empty, and one addition and subtraction do all runs.
    A triplet takes every looping state back to itself, so the topic is cut at its triplets, which cannot overlap.
    Only literals read characters outside ASCII, in order: they are compared first and then stand for one another,
    which bounds the table to the size of ASCII, and a compiled template to about 100 KB.
    """

    __slots__ = ("_ends", "_exits", "_final", "_foreign", "_loops", "_runs", "_start", "_steps")

    def __init__(self, parts: Sequence[Part]) -> None:
        line = _Line()
        for part in parts:
            line.append(part)
        self._foreign = _ASCII_RUN.sub("", "".join(part for part in parts if isinstance(part, str)))
        self._steps = line.steps()
        self._loops = line.all_loops()
        self._exits = line.exits
        self._runs = line.runs
        self._ends = line.exits & ~line.runs
        self._final = 1 << line.last
        self._start = 1 | self._exits_above(1)

    def accepts(self, topic: str, start: int, end: int) -> bool:
        """Tell whether `topic[start:end]` is in the language."""
        text = topic[start:end]
        if not text.isascii():
            if _ASCII_RUN.sub("", text) != self._foreign:
                return False
            text = _FOREIGN_CHARACTER.sub(_FOREIGN, text)
        return bool(self._read(text) & self._final)

    def _read(self, text: str) -> int:
        active = self._start
        for number, piece in enumerate(_TRIPLETS.split(text)):
            looped = active & self._loops if number % 2 else 0  # every second piece is a triplet
            active = self._step(active, piece) | looped | self._exits_above(looped)
            if not active:
                break
        return active

    def _step(self, active: int, text: str) -> int:
        steps, exits, runs, ends = self._steps, self._exits, self._runs, self._ends
        for character in text:
            stay, enter = steps.get(character, (0, 0))
            moved = (active & stay) | ((active << 1) & enter)
            if not moved:
                return 0
            inside = moved & runs
            active = moved | (((ends + inside) ^ (ends - inside)) & exits)  # _exits_above, without its call
        return active

    def _exits_above(self, active: int) -> int:
        inside = active & self._runs
        return ((self._ends + inside) ^ (self._ends - inside)) & self._exits


class _Line:
    """The states of an automaton while they are laid out."""

    __slots__ = ("_entered", "_loops", "_separated", "exits", "last", "runs")

    def __init__(self) -> None:
        self.last = 0
        self.exits = 0
        self.runs = 0  # all states of expressions, the exit only where another expression starts at it
        self._entered: dict[str, int] = {}
        self._loops: dict[Charset, int] = {VALUES: 0, PAIRS: 0, RESERVED: 0}
        self._separated: dict[str, int] = {}

    def append(self, part: Part) -> None:
        """Lay out one literal or expression after the last state."""
        if isinstance(part, str):
            for character in part:
                self._enter(character if character.isascii() else _FOREIGN)
        else:
            self._append_expression(part)

    def steps(self) -> dict[str, tuple[int, int]]:
        """Return for each character the states that it keeps and the states that it enters from the one below."""
        stay = dict(self._separated)
        for charset, states in self._loops.items():
            for character in charset.characters if states else ():
                stay[character] = stay[character] | states if character in stay else states
        return {
            character: (stay.get(character, 0), self._entered.get(character, 0)) for character in stay | self._entered
        }

    def all_loops(self) -> int:
        """Return the states that a value loops in."""
        return self._loops[VALUES] | self._loops[PAIRS] | self._loops[RESERVED]

    def _append_expression(self, expression: Expression) -> None:
        entry = self.last
        if expression.first:
            self._enter(expression.first)
        self._loops[expression.head] |= 1 << self.last
        for _ in range(1 if expression.repeats is None else expression.repeats):
            self._enter(expression.separator)
            self._loops[expression.tail] |= 1 << self.last
        if expression.repeats is None:
            self._separated[expression.separator] = self._separated.get(expression.separator, 0) | 1 << self.last
        self.last += 1
        self.exits |= 1 << self.last
        self.runs |= (1 << self.last) - (1 << entry)

    def _enter(self, character: str) -> None:
        self.last += 1
        self._entered[character] = self._entered.get(character, 0) | 1 << self.last
