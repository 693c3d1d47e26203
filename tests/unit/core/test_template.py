"""The language of URI templates, against a literal translation into backtracking patterns on small inputs."""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.core import template
from longwave.core.template import MAX_PATTERN, Automaton, parse_parts, parse_template, pattern_source

# --- what parses -----------------------------------------------------------------------------------------------------

PARSES = [
    "{x}",
    "{X_9}",
    "{a.b.c}",
    "{%41b}",
    "{a.%41}",
    "{x:1}",
    "{x:9999}",
    "{x*}",
    "{x,y:3,z*}",
    "{+x}{#x}{.x}{/x}{;x}{?x}{&x}",
    "%7B{x}%aF",
    "!#$&'()*+,-./:;=?@[]_~{x}",
    "\xa0\ud7ff\ue000\uf8ff\uf900\ufdcf\ufdf0\uffef{x}",
    "\U00010000\U0001fffd\U000e1000\U000efffd\U000f0000\U0010fffd{x}",
    "plain",
]

DOES_NOT_PARSE = [
    "faulty{iri",
    "{",
    "}",
    "{}",
    "a}",
    "{{x}}",
    "{x}}",
    "{x",
    "{+}",
    "{+",
    "{=x}",
    "{,x}",
    "{!x}",
    "{@x}",
    "{|x}",
    "{$x}",
    "{++x}",
    "{x,}",
    "{,}",
    "{x,,y}",
    "{x y}",
    "{x-y}",
    "{é}",
    "{x.}",
    "{a.%4}",
    "{x.,y}",
    "{x,y.}",
    "{x,%4}",
    "{x:3.}",
    "{..x}",
    "{x..y}",
    "{x:}",
    "{x:0}",
    "{x:01}",
    "{x:10000}",
    "{x:a}",
    "{x:\u0663}",
    "{x*:3}",
    "{x:3*}",
    "{x**}",
    "{%4}",
    "{%4g}",
    "%{x}",
    "%4{x}",
    "%4g{x}",
    "{x}%",
    *(f"a{character}b{{x}}" for character in ' "<>\\^`|\n\t\0\x7f\x80\x9f'),
    *(f"{character}{{x}}" for character in "\ufdd0\ufdef\ufff0\ufffd\uffff\U0001fffe\U000e0fff\U0010ffff"),
]


@pytest.mark.parametrize("text", PARSES)
def test_rfc_6570_template_parses(text):
    assert parse_template(text) is not None


@pytest.mark.parametrize("text", DOES_NOT_PARSE)
def test_text_outside_the_grammar_is_no_template(text):
    assert parse_template(text) is None


def test_every_other_ascii_character_is_no_literal():
    """RFC 6570 section 2.1 with erratum 6937: the apostrophe is one."""
    literals = {chr(code) for code in range(128) if parse_template(chr(code) + "{x}")}

    assert literals == set("!#$&'()*+,-./0123456789:;=?@[]_~") | {chr(c) for c in (*range(65, 91), *range(97, 123))}


# --- what matches ----------------------------------------------------------------------------------------------------

MATCHES = [
    # no operator
    ("https://example.com/books/{id}", "https://example.com/books/1", True),
    ("https://example.com/books/{id}", "https://example.com/books/", True),  # empty is accepted
    ("https://example.com/books/{id}", "https://example.com/books", False),
    ("https://example.com/books/{id}", "https://example.com/books/1/2", False),
    ("https://example.com/books/{id}", "https://example.com/books/é", False),
    ("https://example.com/books/{id}", "https://example.com/books/%C3%A9", True),
    ("https://example.com/books/{id}", "https://example.com/books/%C3%G9", False),
    ("https://example.com/books/{id}", "https://example.com/books/1\n", False),  # `$` of a pattern would accept
    ("https://example.com/books/{id}", "xhttps://example.com/books/1", False),
    ("{x}", "AZaz09-._~,", True),
    ("{x}", "a,b,c", True),
    ("{x}", "a=b", False),
    ("{x:3}", "longer", True),  # prefix lengths are ignored
    ("{x:3}.json", "longer.json", True),
    ("{x}.json", ".json", True),
    ("{x}.json", "a.json.json", True),
    ("{x}.json", "a.jso", False),
    ("{x,y}", "a,b,c,d", True),  # `,` is part of a value
    ("{x*}", "a=b,c=d", True),
    ("{x*,y}", "a=b,c=d", True),
    ("{x,y*}", "a=b,c=d", False),  # `=` only after the first value
    ("{x,y*}", "a,b=c", True),
    ("O{empty}X", "OX", True),
    ("OX{x}OX", "OX", False),  # the literal ends may not overlap
    ("OX{x}{y}OX", "OX", False),
    # operators
    ("{+x}", ":/?#[]@!$&'()*+,;=%2F", True),
    ("{+x}", "é", False),
    ("{+x}", "a b", False),
    ("{+path}/here", "/foo/bar/here", True),
    ("{+x,y}", "a,b", True),
    ("{#x}", "#a/b", True),
    ("{#x}", "", True),
    ("{#x}", "#", True),
    ("{#x}", "a", False),
    ("{#x}", "#a#b", True),
    ("www{.domain*}", "www.example.com", True),
    ("www{.domain*}", "www.a=b", True),
    ("www{.domain}", "www", True),
    ("www{.domain}", "wwwa", False),
    ("www{.domain}", "www.a/b", False),
    ("{/x}", "/a", True),
    ("{/x}", "/a/b", False),
    ("{/x}", "a", False),
    ("{/x,y}", "/a/b", True),
    ("{/x,y}", "/a/b/c", False),
    ("{/x,y,z}", "/a//c", True),
    ("{/x*}", "/a/b/c/d", True),
    ("{/x*,y:4}", "/red/green/blue/%2Ffoo", True),
    ("{/x,y*}", "/a=b/c", False),
    ("{/x,y*}", "/a/b=c", True),
    ("{;x}", ";x=1", True),
    ("{;x}", ";other", True),
    ("{;x}", ";x=1;y=2", False),
    ("{;x,y}", ";x=1;y=2", True),
    ("{;x*}", ";a=1;b=2;c=3", True),
    ("{?topic}", "?other=1", True),  # names are not checked
    ("{?x}", "?x=1&y=2", False),
    ("{?x,y}", "?x=1&y=2", True),
    ("{?x,y}", "?x=1?y=2", False),
    ("{?x*}", "?a=1&b=2&c=3", True),
    ("?fixed=yes{&x}", "?fixed=yes&x=1024", True),
    ("?fixed=yes{&x}", "?fixed=yes?x=1024", False),
    ("{&x,y,empty}", "&x=1024&y=768&empty=", True),
    ("{?x,y}&z{.w}", "?x=1&z", True),
    ("{?x,y}&z{.w}", "?x=1&y=2&z.w", True),
    # several expressions
    ("{?x}{/y}={#z}", "?a=", True),
    ("https://{host}/users{/user}{/media}", "https://example.com/users/kevin/pics", True),
    ("https://{host}/users{/user}{/media}", "https://example.com/users", True),
    ("https://{host}/users{/user}{/media}", "https://example.com/users/a/b/c", False),
    ("up{+path}{var}/here", "up/foo/barvalue/here", True),
    ("{a}{b}{c}", "abc", True),
    ("{a}{/b}{?c}", "a/b?c=d", True),
    ("{a}{/b}{?c}", "/b", True),
    ("{a}{/b}{?c}", "?c/b", False),
    # triplets, as values and as literals
    ("{x}%41{y}", "%41", True),
    ("{x}%41{y}", "%41%41%41", True),
    ("{x}%41{y}", "A", False),
    ("{x}%41{y}", "%41%4", False),
    ("{x}%41{y}", "%%41", False),
    # outside ASCII
    ("é{x}ü{y}", "é1ü2", True),
    ("é{x}ü{y}", "ü1é2", False),
    ("{x}é{y}ü{z}", "aébüc", True),
    ("{x}é{y}ü{z}", "aübéc", False),
    ("{x}é{y}ü{z}", "aébücé", False),
    ("{x}é{y}", "a\x80b", False),
    ("{x}é{y}é{z}.", "éé.", True),
    # all ASCII though the template is not
    ("{x}é{x}", "e", False),
]


@pytest.mark.parametrize(("text", "topic", "expected"), MATCHES)
def test_topic_is_in_the_language(text, topic, expected):
    assert parse_template(text).matches(topic) is expected


def test_template_without_expression_is_its_own_only_topic():
    assert parse_template("/a").matches("/a")
    assert not parse_template("/a").matches("/a/a")
    assert not parse_template("/a").matches("/")


def test_second_match_answers_as_the_first():
    compiled = parse_template("/{a}.{b}")

    assert [compiled.matches(topic) for topic in ("/x.y", "/x.y", "/x", "/x")] == [True, True, False, False]


# --- against the literal translation ---------------------------------------------------------------------------------

UNRESERVED = r"\-A-Za-z0-9._~"
GO_OPERATORS = {  # first, separator, characters, named
    "": ("", ",", UNRESERVED + ",", False),
    "+": ("", ",", UNRESERVED + r":/?#\[\]@!$&'()*+,;=", False),
    "#": ("#", ",", UNRESERVED + r":/?#\[\]@!$&'()*+,;=", False),
    ".": (".", ".", UNRESERVED + ",", False),
    "/": ("/", "/", UNRESERVED + ",", False),
    ";": (";", ";", UNRESERVED + ",", True),
    "?": ("?", "&", UNRESERVED + ",", True),
    "&": ("&", "&", UNRESERVED + ",", True),
}


def translated(parts):
    """The pattern that the Mercure hub builds; a backtracking engine may need exponential time for it."""
    return re.compile(
        "".join(re.escape(part) if isinstance(part, str) else translated_expression(*part) for part in parts)
    )


def translated_expression(operator, exploded):
    first, separator, characters, named = GO_OPERATORS[operator]
    value = lambda equals: rf"(?:[{characters}{'=' if equals else ''}]|%[0-9A-Fa-f][0-9A-Fa-f])*"  # noqa: E731
    body = re.escape(first) + value(named or exploded[0])
    if len(exploded) > 1 or exploded[0]:
        times = "*" if any(exploded) else f"{{0,{len(exploded) - 1}}}"
        body += f"(?:{re.escape(separator)}{value(named or any(exploded))}){times}"
    return f"(?:{body})?"


def written(parts):
    return "".join(part if isinstance(part, str) else written_expression(*part) for part in parts)


def written_expression(operator, exploded):
    return "{" + operator + ",".join("x*" if explode else "x" for explode in exploded) + "}"


def answers(text, topic):
    """The answers of every way to match that is safe for this template."""
    parts = parse_parts(text)
    source = pattern_source(parts)
    yield parse_template(text).matches(topic)
    yield Automaton(parts).accepts(topic, 0, len(topic))
    if source is not None:
        yield re.compile(source).fullmatch(topic) is not None


EXPRESSIONS = st.tuples(st.sampled_from(list(GO_OPERATORS)), st.lists(st.booleans(), min_size=1, max_size=3))
LITERALS = st.lists(st.sampled_from(["a", "b", "/", ".", ",", "=", "&", "?", "%41", "é", "ü"]), min_size=1, max_size=2)
TEMPLATES = st.lists(EXPRESSIONS | LITERALS.map("".join), min_size=1, max_size=5)
VALUES = st.text("ab,.=%4é/", max_size=2) | st.just("%41")


@st.composite
def templates_and_topics(draw):
    """A template, and a topic that looks like one of its expansions."""
    parts = draw(TEMPLATES)
    pieces = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        first, separator, _, _ = GO_OPERATORS[part[0]]
        values = draw(st.lists(VALUES, max_size=3))
        pieces.append(first + separator.join(values) if values else "")
    return parts, "".join(pieces)[:14]


@pytest.mark.slow
@settings(max_examples=500)
@given(templates_and_topics())
def test_language_is_that_of_the_literal_translation(example):
    parts, topic = example

    assert set(answers(written(parts), topic)) == {translated(parts).fullmatch(topic) is not None}


@pytest.mark.slow
@settings(max_examples=200)
@given(TEMPLATES, st.text("ab/.,=&?#;%41é\n", max_size=9))
def test_language_holds_no_topic_more_than_the_literal_translation(parts, topic):
    assert set(answers(written(parts), topic)) == {translated(parts).fullmatch(topic) is not None}


@pytest.mark.parametrize("exploded", [[False], [True], [False, False], [False, True], [True, False]])
@pytest.mark.parametrize("operator", GO_OPERATORS)
def test_every_short_topic_of_an_expression_between_literals(operator, exploded):
    parts = ["a", (operator, exploded), "b", (operator, exploded)]
    automaton, compiled, pattern = (
        Automaton(parse_parts(written(parts))),
        parse_template(written(parts)),
        translated(parts),
    )
    first, separator, _, _ = GO_OPERATORS[operator]
    alphabet = sorted({"b", "=", "x", first, separator} - {""})

    for length in range(5):
        for letters in itertools.product(alphabet, repeat=length):
            topic = "a" + "".join(letters)
            expected = pattern.fullmatch(topic) is not None
            assert (automaton.accepts(topic, 0, len(topic)), compiled.matches(topic)) == (expected, expected), topic


# --- which way is taken ----------------------------------------------------------------------------------------------

DECIDED = [
    "{x}",
    "/books/{id}",
    "/{x}/b/{y}",
    "{x*}",
    "{x}.json",
    "{/x,y}{?z}",
    "{+x}",
    "{a}{/b*}{?c,d}{#e}",
    "{;x*}/a",
]
UNDECIDED = [
    "{a}{b}",
    "{x}.{y}",
    "{/x}{/y}",
    "{/x}/a{y}",
    "{x,y*}",
    "{.x,y*}",
    "{+x}a{y}",
    "{x}%41{y}",
    "{x}é{a}b{c}",
    "{?x,y}&z{.w}",
    "{?x}{/y}={#z}",
]


@pytest.mark.parametrize("text", DECIDED)
def test_pattern_gives_nothing_back(text):
    """Every quantifier is possessive, so `re` reads each character once."""
    source = pattern_source(without_literal_ends(text))
    bare = re.sub(r"\\.|\[(?:\\.|[^\]])*\]|\(\?:", "", source)

    assert "*+" in bare
    assert not re.search(r"[*+?}]", re.sub(r"[*?}]\+", "", bare))


def without_literal_ends(text):
    """What a template compiles: its ends are compared as they are."""
    parts = parse_parts(text)
    while isinstance(parts[0], str):
        del parts[0]
    while isinstance(parts[-1], str):
        del parts[-1]
    return parts


@pytest.mark.parametrize("text", UNDECIDED)
def test_no_pattern_where_one_character_does_not_decide(text):
    assert pattern_source(without_literal_ends(text)) is None


def test_no_pattern_that_is_long_to_compile():
    few, many = "é{/x}" * 5, "é{/x}" * 500

    assert len(pattern_source(parse_parts(few))) <= MAX_PATTERN
    assert pattern_source(parse_parts(many)) is None
    assert parse_template(many).matches("é/1" * 500)


# --- work ------------------------------------------------------------------------------------------------------------


LINES_PER_CHARACTER = 12  # 6 in the loop, and as many again to cut a topic at its triplets


def lines_run(match, *arguments):
    """The lines of the template module that a second, compiled match runs."""
    match(*arguments)
    count = 0

    def count_line(frame, event, _):
        nonlocal count
        count += event == "line"
        return count_line if frame.f_code.co_filename == template.__file__ else None

    before = sys.gettrace()
    sys.settrace(count_line)
    try:
        match(*arguments)
    finally:
        sys.settrace(before)
    return count


HOSTILE = {
    "separator in the value": ("{x*}", lambda n: "," * n + "!"),
    "adjacent expressions": ("{a}{b}{c}", lambda n: "a" * n + "!"),
    "many adjacent expressions": ("{a}" * 1365, lambda n: "a" * n + "!"),
    "optional segments": ("{/a*}" * 800 + "/b", lambda n: "/a" * (n // 2) + "!/b"),
    "literals everywhere": ("{+a}" + "a{+a}" * 800, lambda n: "a" * n + "é"),
    "late failure": ("{+a}" + "a" * 4000 + "{b}", lambda n: "a" * n + "!"),
    "separator in a later value": ("{x,y*}", lambda n: "," * n + "!"),
    "triplets": ("{a}{b}%41{c}", lambda n: "%41" * (n // 3) + "!"),
}


@pytest.mark.parametrize("length", [255, 1023, 4095])
@pytest.mark.parametrize(("text", "topic"), HOSTILE.values(), ids=HOSTILE)
def test_work_is_bounded_by_the_length_of_the_topic(text, topic, length):
    """A backtracking matcher would never end at the longer ones: it doubles its time with each character."""
    limit = LINES_PER_CHARACTER * len(topic(length)) + 50
    automaton = Automaton(parse_parts(text))

    assert 0 < lines_run(parse_template(text).matches, topic(length)) <= limit
    assert 0 < lines_run(automaton.accepts, topic(length), 0, len(topic(length))) <= limit


@pytest.mark.parametrize(("text", "topic"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_topic_does_not_match(text, topic):
    assert not parse_template(text).matches(topic(4095))


def test_compiled_template_is_small_whatever_it_holds():
    """Thousands of different literals share one entry of the table."""
    foreign = "".join(map(chr, range(0x4E00, 0x4E00 + 4000)))
    automaton = Automaton(parse_parts("{+x}{+x}" + foreign + "{+x}{y}"))

    assert automaton.accepts("a" + foreign + "b", 0, 4002)
    assert not automaton.accepts("a" + foreign[::-1] + "b", 0, 4002)
    assert len(automaton._steps) <= 128
