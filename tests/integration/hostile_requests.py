"""Requests that somebody might send to see what happens: valid ones in every variation, then broken in every way.

Not here: sending them and what may come back (test_fuzz.py). The same seed makes the same requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

METHODS = ["GET"] * 5 + ["POST"] * 9 + ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "M-SEARCH"]
ODD_METHODS = ["get", "CONNECT", "PRI", "", "G\x00T", "POST\t", "X" * 300]
ODD_PATHS = [
    "/events/",
    "//events",
    "/EVENTS",
    "/%65vents",
    "/events;x",
    "/events/../healthz",
    "*",
    "",
    "/\x00",
    "/a b",
]
FOLDER = "/.well-known/mercure/subscriptions"
UNDER_FOLDER = ["", "/", "/t", "/t/urn%3Auuid%3A1", "/%2A", "/%FF", "/%", "/../..", "/a/b/c", "/" + "x" * 5000]
ODD_VERSIONS = ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/9.9", "http/1.1", "HTTP/1", ""]
HOSTS = ["hub.test", "localhost:80", "127.0.0.1", "[::1]:8080", "evil.example", "", "h\xe9", "a" * 300, "hub.test:x"]
TYPES = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded; charset=x",
    "text/plain",
    "multipart/form-data; boundary=b",
    "APPLICATION/JSON ;",
    "",
    "\xff/\xff",
]
TEXTS = [
    "",
    "x",
    "fuzz/1",
    "fuzz/{a}",
    "secret",
    "*",
    "t",
    "earliest",
    "/.well-known/mercure/subscriptions/t/1",
    "a\r\nX-Injected: yes",
    "a\n\ndata: forged\n\n",
    "a\x00b",
    "\ufeffa",
    "a\u2028b",
    "a\u0085b",
    "\x1b[31m",
    "é",
    "😀",
    "0badcafe-41",
    "99999999999999999999999999999",
    "-1",
    "\u0663",
    "{+a}{+b}{+c}{+d}",
    "{a*}{b*}{c*}",
    "{?a,b,c}{&d*}",
    "{",
    "{a",
    "%",
    "../..",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "${jndi:ldap://x}",
    "%s%n%d",
    "{0.__class__}",
    "x" * 1025,
    "x" * 4097,
    "{a}" * 400,
]
RAW = [b"%zz", b"%", b"%0d%0aX-Injected:%20yes", b"%00", b"%ff", b"%ed%a0%80", b"%c0%80", b"+", b"=", b"&", b"a=b=c"]
VALUES = [
    b"",
    b"x",
    b"yes",
    b"\xff\xfe",
    b"\x80",
    b"a\tb",
    b"a\x00b",
    b"a\rb",
    b"\xe2\x80\xa8",
    b"0badcafe-41",
    b"earliest",
    b"x" * 3000,
    b"1, 2",
    b'"',
    b"close, keep-alive",
    b"\xc3\xa9",
    b"\x1b[31m",
]
NAMES = ["Last-Event-ID", "Accept", "Cookie", "Authorization", "Origin", "Referer", "Host", "Connection", "User-Agent"]
NAMES += ["If-None-Match", "Cache-Control", "Forwarded", "X-Forwarded-For", "Via", "Expect", "Upgrade", "Range", "X"]
NAMES += ["Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-Type", "Access-Control-Request-Method"]
ORIGINS = ["https://app.test", "https://evil.example", "null", "http://hub.test", "https://app.test.evil.example", "*"]
CLAIMS_OF_ALL_KINDS = ["sub", "jti", "iat", "nbf", "exp", "aud", "iss", "https://mercure.rocks/"]
NUMBERS = [0, -1, 1.5, 2**53, 2**64, 10**400, True, None, "5", 1e308]


@dataclass(frozen=True)
class Case:
    """One request. path, method: as they stand in it; None if bytes of it were broken, so that nobody can tell."""

    data: bytes
    path: str | None
    method: str | None


class HostileClient:
    """Makes cases.

    paths: of the server's entry points. good: a token for subscribing and one for publishing. tokens: good ones, bad
    ones, and what is none.
    """

    def __init__(
        self, source: random.Random, paths: Sequence[str], good: tuple[str, str], tokens: Sequence[str]
    ) -> None:
        self._random = source
        self._paths = [*paths, *("/events", "/.well-known/mercure") * len(paths), FOLDER]
        self._good = good
        self._tokens = tokens

    def case(self) -> Case:
        if self._chance(0.04):
            return Case(self._random.randbytes(self._random.randint(1, 600)), None, None)
        method = self._pick(ODD_METHODS if self._chance(0.05) else METHODS)
        path = self._path()
        body = self.body() if method == "POST" or self._chance(0.1) else b""
        head = self._request_line(method, path) + self._headers(body, method)
        case = Case(head + b"\r\n" + body, path, method)
        return self._broken(case) if self._chance(0.2) else case

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, things):
        return self._random.choice(things)

    def _some(self, make, most: int) -> list:
        return [make() for _ in range(self._random.randint(0, most))]

    # The request line.

    def _path(self) -> str:
        if self._chance(0.05):
            return self._pick(ODD_PATHS)
        path = self._pick(self._paths)
        return path + self._pick(UNDER_FOLDER) if path == FOLDER else path

    def _request_line(self, method: str, path: str) -> bytes:
        before = "http://hub.test" if path.startswith("/") and self._chance(0.05) else ""
        version = self._pick(ODD_VERSIONS) if self._chance(0.04) else self._pick(["HTTP/1.1"] * 9 + ["HTTP/1.0"])
        query = b"?" + self._query() if self._chance(0.8) else b""
        return f"{method} {before}{path}".encode() + query + f" {version}\r\n".encode()

    def _query(self) -> bytes:
        pairs = [b"topic=" + self._pick([b"t", b"*", b"fuzz/%7Ba%7D", b"secret"])] if self._chance(0.7) else []
        pairs += [b"lastEventID=earliest"] if self._chance(0.3) else []
        names = ["topic", "topic", "lastEventID", "last_event_id", "x"]
        pairs += self._some(lambda: self._pair(self._pick(names)), 2)
        pairs += [b"authorization=" + self._token().encode()] if self._chance(0.15) else []
        pairs += self._some(lambda: self._pick(RAW), 2) if self._chance(0.1) else []
        pairs += [b"topic=t"] * 1001 if self._chance(0.01) else []
        self._random.shuffle(pairs)
        return b"&".join(pairs)

    def _pair(self, name: str) -> bytes:
        text = self._text()
        return name.encode() + b"=" + (quoted(text) if self._chance(0.95) else self._pick(RAW))

    def _text(self) -> str:
        return self._pick(TEXTS) if self._chance(0.6) else self._pick(["t", "fuzz/1", "fuzz/2"])

    # Headers.

    def _headers(self, body: bytes, method: str) -> bytes:
        lines = [b"Host: " + (self._pick(HOSTS) if self._chance(0.1) else "hub.test").encode("latin-1")]
        if self._chance(0.7):
            lines.append(self._credential(method))
        if self._chance(0.3):
            lines.append(f"Origin: {self._pick(ORIGINS)}".encode())
        if self._chance(0.1):
            lines.append(f"Referer: {self._pick(ORIGINS)}/page?q".encode())
        if method == "OPTIONS":
            lines.append(b"Access-Control-Request-Method: POST")
        if body:
            lines.append(f"Content-Type: {self.content_type(body)}".encode("latin-1"))
        lines += self._framing(body)
        if self._chance(0.25):
            lines += self._some(self._header, 3)
        self._random.shuffle(lines)
        return b"".join(line + b"\r\n" for line in lines)

    def _header(self) -> bytes:
        return self._pick(NAMES).encode() + self._pick([b": "] * 20 + [b":", b" : "]) + self._pick(VALUES)

    def _credential(self, method: str) -> bytes:
        if self._chance(0.4):
            return f"Authorization: Bearer {self._good[method == 'POST']}".encode()
        token = self._token()
        form = self._pick(["Authorization: Bearer {}"] * 4 + ["Cookie: mercureAuthorization={}"] * 2 + ["other"])
        if form == "other":
            form = self._pick(
                [
                    "Authorization: bearer {}",
                    "Authorization: Bearer  {}",
                    "Authorization: Basic {}",
                    "Authorization: {}",
                    'Cookie: a=b; mercureAuthorization="{}"; c',
                    "Cookie: mercureAuthorization=; mercureAuthorization={}",
                    "Authorization: Bearer {0}\r\nAuthorization: Bearer {0}",
                ]
            )
        return form.format(token).encode("latin-1", "replace")

    def _token(self) -> str:
        token = self._pick(self._tokens)
        if token and self._chance(0.3):
            place = self._random.randrange(len(token))
            token = token[:place] + self._pick(["", "A", ".", "=", "-", "\xe9", "%", token]) + token[place + 1 :]
        return token

    def _framing(self, body: bytes) -> list[bytes]:
        if self._chance(0.03):
            return [
                b"Content-Length: " + self._pick([b"-1", b"+5", b"5, 5", b"0x5", b"9" * 19, b"9" * 18, b"99999999"])
            ]
        if not body:
            return []
        off = self._pick([-1, 1]) if self._chance(0.03) else 0
        return [b"Content-Length: %d" % (len(body) + off)]

    # Bodies.

    def content_type(self, body: bytes) -> str:
        """The content type that goes with a body, mostly."""
        if self._chance(0.15):
            return self._pick(TYPES)
        return TYPES[1] if body[:1] in b"[{" else TYPES[0]

    def body(self) -> bytes:
        """The body of a publication, or what might pass for one."""
        kind = self._random.random()
        if kind < 0.5:
            return self._form()
        if kind < 0.95:
            return self._json()
        return self._pick(
            [b"\xff" * 50, b"[" * 30_000, b'{"topic":' * 5000, b"x" * 200_000, b"\xef\xbb\xbf{}", b"1" * 5000]
        )

    def _form(self) -> bytes:
        if self._chance(0.1):
            return self._pair(self._pick(["subject", "token", "topic"]))
        names = ["topic", "data", "data", "id", "type", "retry", "private", "x"]
        pairs = self._some(lambda: self._pair(self._pick(names)), 4)
        pairs += [b"topic=" + self._pick([b"t", b"secret", FOLDER.encode() + b"/t/1"])] if self._chance(0.15) else []
        return b"&".join([b"topic=fuzz/1", *pairs] if self._chance(0.8) else pairs)

    def _json(self) -> bytes:
        value = self._update() if self._chance(0.5) else [self._update() for _ in range(self._random.randint(0, 4))]
        text = json.dumps(value, ensure_ascii=self._chance(0.5))
        text = text.replace('"\u0663"', '"\\ud800"').replace('"-1"', self._pick(["NaN", "1e999", "-Infinity", "'x'"]))
        return text.encode()

    def _update(self) -> object:
        if self._chance(0.05):
            return self._pick([None, 1, "x", [], {}])
        names = ["data", "id", "type", "retry", "private", "topics", "x"]
        update = {self._pick(names): self._value() for _ in range(self._random.randint(0, 2))}
        return {"topic": self._topics() if self._chance(0.3) else "fuzz/2", **update}

    def _topics(self) -> object:
        topic = self._pick(["t", "secret", self._text(), f"{FOLDER}/t/1"])
        return self._pick([topic, topic, ["fuzz/1", topic], self._value()])

    def _value(self) -> object:
        kind = self._random.random()
        if kind < 0.6:
            return self._text()
        return self._pick(NUMBERS) if kind < 0.8 else self._pick([[], {}, ["t", "fuzz/1"], [1], {"a": ["b"]}, [["t"]]])

    # Breaking.

    def _broken(self, case: Case) -> Case:
        data = case.data
        for _ in range(self._random.randint(1, 4)):
            place = self._random.randint(0, len(data))
            end = place + self._pick([0, 1, 2, 20])
            added = self._pick(
                [b"", b"\r\n", b"\n", b"\r", b"\x00", b":", b" ", b"\r\n\r\n", b"\xff", data[place:end] * 2]
            )
            data = data[:place] + added + data[end:]
        return Case(data, None, None)


def quoted(text: str) -> bytes:
    """Percent-encode what a query cannot carry as it is, and no more, so that what can be sent raw is."""
    kept = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/{}*.-_~?,;:@!$'()<>")
    return b"".join(bytes([byte]) if byte in kept else b"%%%02X" % byte for byte in text.encode())
