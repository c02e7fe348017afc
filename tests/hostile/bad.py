"""What no well-meaning program sends: bodies, values, queries, headers, tokens."""

import base64
import json
from collections.abc import Sequence
from typing import Any

# Whole bodies. Not one of them is a JSON object in UTF-8 without repeated surprises in it.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a brace": b"{",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"7",
    "two objects": b"{}{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "no UTF-8": b"\xff\xfe{",
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
    "NUL": b"\x00",
    "single quotes": b"{'text': 'x'}",
    "a comment": b'{"text": "x" /* why */}',
    "a comma too many": b'{"text": "x",}',
    "lists without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "a megabyte": b'{"text": "' + b"x" * 2**20 + b'"}',
    "gzip": base64.b64decode("H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA=="),
}

# Of any type; those that a field's schema allows are left out where they are used.
VALUES: list[Any] = [
    None,
    True,
    0,
    7,
    -1,
    1.5,
    2**62,
    2**64,
    -(2**63),
    1e30,
    "",
    " ",
    "text",
    "2031-13-45",
    [],
    ["x"],
    {},
]
VALUES += [{"$ne": ""}, [[[]]], {"a": {"b": {}}}, [None], "00000000-0000-0000-0000-00000000000g"]

# As a value's JSON: what no parser of JSON takes.
NO_JSON: dict[str, bytes] = {
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00 x"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "no UTF-8": b'"\xff"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a number without end": b"1e999",
    "a bare control character": b'"a\nb"',
    "1000 levels": b"[" * 1000 + b"]" * 1000,
    "1000 levels of objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "65 levels": b"[" * 64 + b"]" * 64,
}
# And what is JSON, but nothing to keep.
NO_VALUE: dict[str, bytes] = {
    "NUL": b'"a\\u0000b"',
    "a NUL in a key": b'{"a\\u0000": 1}',
    "900 kB": b'"' + b"x" * 900_000 + b'"',
    "emoji": b'"' + "🎭".encode() * 50_000 + b'"',
    "many": b'["' + b'","'.join([b"x"] * 20_000) + b'"]',
    "63 levels": b"[" * 63 + b"]" * 63,
    "a huge number": b"9" * 5000,
}

CONTENT_TYPES = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/jsonp",
    "json",
    "application/json, application/xml",
    ";;;===",
    "x" * 3000,
]
# Django's own reading of these fails before the site could answer; see `config.wsgi`.
FATAL_CONTENT_TYPES = [
    "application/json; x*=bogus''%41",
    "a/b; x*=bogus''%41",
    "x" * 20_000,
    "text/plain; charset=rot13",
    "application/x-www-form-urlencoded; charset=rot13",
    "multipart/form-data; boundary=x; charset=zlib",
]


def cursor_of(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


ID = "01890000-0000-7000-8000-000000000000"
WHEN = "2026-01-01T00:00:00+00:00"
# None of them could have come from any list of ours.
CURSORS: dict[str, str] = {
    "a word": "garbage",
    "not base64": "%%%",
    "not ASCII": "курсор",
    "padding": "====",
    "one character": "a",
    "NUL": "AA\x00AA",
    "bytes": base64.urlsafe_b64encode(bytes(range(256))).decode(),
    "10 kB": "A" * 10_000,
    "10 kB of JSON": cursor_of(["x" * 7_000]),
    "lists without end": base64.urlsafe_b64encode(b"[" * 6_000).decode(),
    "SQL": "' OR 1=1 --",
    **{
        json.dumps(value)[:60]: cursor_of(value)
        for value in (
            None, {}, [], 7, "x", [None], [True], [1.5], [-1], [2**64], [[]], [{}], ["x"], [ID[:-1]], [None, None],
            [WHEN, None], [None, ID], [7, ID], ["2026-13-45T00:00:00Z", ID], ["2026-01-01T00:00:00", ID], [WHEN, 7],
            [WHEN + "x", ID], ["popular", None, None, None], ["popular", 1, None, ID], ["popular", "1", 1, ID],
            ["popular", 1, 2**70, ID], ["popular", 2**63, 1, ID], ["nonsense", 1, 1, ID], ["popular", 1, 1, "x"],
            ["new", 1, 7, ID], ["new", 1, "yesterday", ID], [1] * 5, ["popular", 1, 1.5, ID], [["popular"], 1, 1, ID],
        )
    },
}  # fmt: skip
# Well formed, of this list or of another: whatever comes, it is no 500.
ODD_CURSORS = [
    cursor_of(value)
    for value in (
        [0], [1], [2**61], [ID], [WHEN, ID], ["popular", 1, 1, ID], ["new", 0, WHEN, ID], ["trending", -(2**63), 0, ID],
        ["2026-01-01T00:00:00+23:59", ID], ["2026-01-01T00:00:00-23:59:59.999999", ID],
        ["0001-01-01T00:00:00+14:00", ID],
        ["9999-12-31T23:59:59.999999-14:00", ID], ["new", 1, "2026-01-01T00:00:00+23:59", ID],
        ["new", 1, "0001-01-01T00:00:00+15:00", ID], ["new", 1, "9999-12-31T23:59:59-15:00", ID],
        ["relevance", 1, 1e308, ID], ["relevance", 1, -0.0, ID], ["relevance", 1, 7, ID], ["relevance", 1, 2**64, ID],
    )
]  # fmt: skip

NUMBERS = [
    "0",
    "-1",
    "101",
    "1e2",
    "1.0",
    "٣",
    "１",
    "²",
    "0x10",
    " 1",
    "+1",
    "null",
    "NaN",
    "9" * 30,
    "9" * 5_000,
    "\x00",
    "[]",
]


def some(values: Sequence[Any], turn: int, *, of_them: int = 6) -> list[Any]:
    """A few of the values, others at each turn, so that over all doors all of them are tried."""
    begin = turn * of_them % len(values) if values else 0
    return [*values, *values][begin : begin + min(of_them, len(values))]


TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "'",
    "' OR '1'='1",
    "'; DROP TABLE chat_message; --",
    "%",
    "%s %(x)s {0}",
    "\\",
    "_" * 300,
    "((((((((((",
    ":*&|!<->",
    '"unclosed',
    "-" * 200,
    "a OR b OR -c",
    "\u202e\u0000\ufeff",
    "🎭" * 100,
    "x" * 5_000,
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "${jndi:ldap://x}",
    "\r\nSet-Cookie: a=b",
    ID,
    "urn:uuid:" + ID,
    "{" + ID + "}",
    "true",
    ",,,,",
    ",".join(["x"] * 500),
]
RAW_QUERIES = [
    b"%00",
    b"%ff%fe=%ff",
    b"a=%ed%a0%80",
    b"&&&&",
    b"=",
    b"%",
    b"%zz=%zz",
    b"a" * 8_000,
    b"&".join([b"a=b"] * 1_500),
    b"format=xml",
    b"cursor=a&cursor=b",
    b"limit=5&limit=x",
]
RAW_PATHS = [
    b"/%00",
    b"/%ff",
    b"/..%2f..%2fetc/passwd",
    b"//evil.example/x",
    b"/%",
    b"/" + b"a" * 8_000,
    b"/\xc0\xae",
    b"/a;b=c",
    b"/%0d%0aSet-Cookie:x",
]

HEADERS: list[tuple[str, str]] = [
    ("Idempotency-Key", ""),
    ("Idempotency-Key", "k" * 256),
    ("Idempotency-Key", "k" * 9_000),
    ("Idempotency-Key", "a\tb"),
    ("Idempotency-Key", "\x7f"),
    ("X-Request-ID", "x" * 9_000),
    ("X-Request-ID", "<script>alert(1)</script>"),
    ("X-Request-ID", "a\x0b%s%n{0}"),
    ("If-None-Match", "x" * 9_000),
    (
        "If-None-Match",
        'W/"',
    ),
    ("If-None-Match", "*, \xff"),
    ("If-Modified-Since", "Sun, 99 Nov 9999 99:99:99 GMT"),
    ("Cookie", "session=" + "x" * 9_000),
    ("Cookie", 'session="\\000\\377'),
    ("Cookie", ";;;=;=;session;session=;csrftoken=\xff\x00"),
    ("Cookie", "session=' OR 1=1 --; messages=x; csrftoken=" + "y" * 500),
    ("Accept", "a/b; x*=bogus''%41"),
    ("Accept", ";;;,,,/"),
    ("Accept", "x" * 9_000),
    ("Accept-Language", "xx-\x00,*;q=nonsense," + "a," * 2_000),
    ("Accept-Encoding", "gzip;q=x, \xff"),
    ("X-Forwarded-For", "' OR 1=1, \xff, 999.999.999.999"),
    ("X-Forwarded-Proto", "nonsense"),
    ("Host", "evil.example:99999"),
    ("Host", "a b"),
    ("Origin", "http://["),
    ("Referer", "\xff"),
    ("User-Agent", "\xff" * 5_000),
    ("Range", "bytes=9999999999999999999-"),
    ("Content-Length", "nonsense"),
    ("HX-Request", "true"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-CSRFToken", "x" * 9_000),
]
