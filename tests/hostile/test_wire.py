"""What no HTTP library sends, over a bare connection: refused, and nobody else notices."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings

from accounts.models import AuthSession
from config import asgi
from tests.hostile.conftest import unchanged
from tests.hostile.crowd import Rest
from tests.live import LiveSite
from tests.people import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]

HOST = b"Host: 127.0.0.1\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"


@pytest.fixture
def connected(site: LiveSite) -> Callable[[bytes], socket.socket]:
    """A connection on which these bytes were sent."""

    def connect(data: bytes) -> socket.socket:
        tcp = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        with suppress(OSError):  # refused before all was said
            tcp.sendall(data)
        return tcp

    return connect


@pytest.fixture
def status(connected: Callable[[bytes], socket.socket]) -> Callable[[bytes], int]:
    """The status of the first answer to these bytes; 0 where the server just hangs up."""

    def ask(data: bytes) -> int:
        with connected(data) as tcp:
            try:
                answer = tcp.recv(64)
            except ConnectionError:
                return 0
        return int(answer.split(b" ")[1]) if answer else 0

    return ask


MALFORMED = {
    "no request": b"\x00\x01\x02\x03\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 190,
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes in the query": b"GET /?search=\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x00b\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nhello",
    "a length that is none": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Content-Length: five\r\n\r\n{}",
    "a length below zero": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Content-Length: -1\r\n\r\n{}",
    "two lengths": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "a length and chunks": b"POST /api/auth/login HTTP/1.1\r\n"
    + JSON
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk that is none": b"POST /api/auth/login HTTP/1.1\r\n"
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "an unknown encoding": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: rot13\r\n\r\n{}",
    "HTTP/9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "a made-up method": b"HACK /api/wallet HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
}


def test_what_is_no_http_is_refused(status):
    with unchanged():
        answers = {name: status(data) for name, data in MALFORMED.items()}
    assert {name: code for name, code in answers.items() if code != 0 and not 400 <= code < 500} == {}


ODD = {
    "no host": b"GET /api/characters HTTP/1.0\r\n\r\n",
    "an absolute address": b"GET http://evil.example/api/characters HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "dots": b"GET /static/../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "encoded dots": b"GET /static/%2e%2e/%2e%2e/config/settings.py HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the path": b"GET /static/%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in the path": b"GET /%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long header": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"x" * 60_000 + b"\r\n\r\n",
    "a thousand headers": b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: x\r\n" % n for n in range(1_000)) + b"\r\n",
    "a thousand cookies": b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * 1_000 + b"\r\n\r\n",
    "an odd type": b"POST /api/auth/login HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: a/b; x*=bogus''%41\r\nContent-Length: 2\r\n\r\n{}",
    "Expect": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Expect: magic\r\nContent-Length: 2\r\n\r\n{}",
    "an upgrade": b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "a socket without its key": b"GET /ws/ HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "two megabytes in chunks": b"POST /api/auth/login HTTP/1.1\r\n"
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"10000\r\n" * 0
    + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 32
    + b"0\r\n\r\n",
}


def test_what_is_odd_http_is_answered(status):
    with unchanged():
        answers = {name: status(data) for name, data in ODD.items()}
    assert {name: code for name, code in answers.items() if not 100 <= code < 500} == {}


def test_slow_bodies_hold_no_thread(connected, site, owner):
    """Three times as many as the site has threads begin a request and do not go on."""
    begun = b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Content-Length: 100\r\n\r\n{"
    slow = [connected(begun) for _ in range(3 * asgi.HTTP_THREADS)]
    time.sleep(0.3)
    started = time.monotonic()
    assert Rest(site, owner).get("/api/wallet").status_code == 200
    assert time.monotonic() - started < 3
    for tcp in slow:
        tcp.close()


def test_slow_large_bodies_hold_no_thread_that_answers(connected, site, owner):
    """More than is read ahead has come, and the rest of it does not."""
    form = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n--x\r\n"
    head = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    signed_in = f"Authorization: Bearer {owner.token}\r\n".encode()
    begun = b"POST /api/upload/file HTTP/1.1\r\n" + HOST + signed_in + form + head + b"x" * 2_000_000
    slow = [connected(begun) for _ in range(3 * asgi.HTTP_THREADS)]
    time.sleep(0.5)
    started = time.monotonic()
    assert Rest(site, owner).get("/api/wallet").status_code == 200
    assert time.monotonic() - started < 5
    for tcp in slow:
        tcp.close()


def test_slow_readers_hold_no_thread(site, owner):
    """They ask for the largest static file and read nothing of it."""
    from django.contrib.staticfiles import finders

    sizes = {path: storage.size(path) for finder in finders.get_finders() for path, storage in finder.list([])}
    ask = f"GET {settings.STATIC_URL}{max(sizes, key=sizes.__getitem__)} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
    slow = []
    for _ in range(2 * asgi.HTTP_THREADS):
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        tcp.connect(("127.0.0.1", site.port))
        tcp.sendall(ask)  # once: uvicorn does not tell a request that its caller has gone while another waits behind it
        slow.append(tcp)
    time.sleep(1)
    started = time.monotonic()
    assert Rest(site, owner).get("/api/wallet").status_code == 200
    assert time.monotonic() - started < 5
    for tcp in slow:
        tcp.close()


def test_a_body_that_breaks_off_is_not_acted_upon(connected, site, owner, conversation):
    body = json.dumps({"text": "Half of this is missing."}).encode()
    head = f"POST /api/conversations/{conversation}/messages HTTP/1.1\r\nAuthorization: Bearer {owner.token}\r\n"
    data = head.encode() + JSON + f"Content-Length: {len(body) + 50}\r\n\r\n".encode() + body
    with unchanged():
        connected(data).close()
        time.sleep(0.3)


def test_who_hangs_up_before_the_answer_is_no_error(connected):
    """At another moment each time: before the answer, and between its head and its body."""
    for pause in range(200):
        tcp = connected(b"GET /api/characters HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(pause / 20_000)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, at once
        tcp.close()


def test_two_requests_at_once_on_one_connection_are_both_answered(connected):
    one = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(one + one + b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n") as tcp:
        answer = b""
        while part := tcp.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200") == 3


def test_an_underscore_is_no_dash(status, owner):
    """The site's proxy is 127.0.0.1. It sets `X-Forwarded-For`; a caller may write `X_Forwarded_For`."""
    body = json.dumps({"email": owner.user.email, "password": PASSWORD}).encode()
    for forwarded in (b"X_Forwarded_For: 9.9.9.9\r\n", b"X-Forwarded-For: 8.8.8.8\r\nX_Forwarded-For: 9.9.9.9\r\n"):
        head = b"POST /api/auth/login HTTP/1.1\r\n" + JSON + forwarded + b"Content-Length: %d\r\n\r\n" % len(body)
        assert status(head + body) == 200
    addresses = set(AuthSession.objects.values_list("address", flat=True)) - {None}
    assert addresses == {"127.0.0.1", "8.8.8.8"}


class TestReadingAhead:
    """The hybrid application without a server."""

    SCOPE = {"type": "http", "method": "POST", "headers": [], "path": "/", "query_string": b"", "http_version": "1.1"}

    @staticmethod
    async def answers(*messages: Any, seconds: float = 5) -> list[Any]:
        left, sent = list(messages), []

        async def receive() -> Any:
            return left.pop(0) if left else await asyncio.sleep(seconds)

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.timeout(seconds):
            await asgi.application(dict(TestReadingAhead.SCOPE), receive, send)
        return sent

    async def test_who_takes_too_long_is_told_so(self, monkeypatch):
        monkeypatch.setattr(asgi, "BODY_SECONDS", 0.1)
        sent = await self.answers({"type": "http.request", "body": b"{", "more_body": True})
        assert sent[0]["status"] == 408

    async def test_who_has_gone_is_told_nothing(self):
        assert (
            await self.answers({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
            == []
        )

    async def test_who_goes_on_too_slowly_counts_as_gone(self, monkeypatch):
        monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)
        again = asgi._again([{"type": "http.request", "body": b"{", "more_body": True}], lambda: asyncio.sleep(5))
        assert (await again())["body"] == b"{"
        assert await again() == {"type": "http.disconnect"}

    async def test_who_goes_on_fast_enough_is_heard_to_the_end(self, monkeypatch):
        monkeypatch.setattr(asgi, "BODY_SECONDS", 0.3)
        piece = {"type": "http.request", "body": b"x" * asgi.SLOWEST_BODY, "more_body": True}

        async def receive() -> Any:
            await asyncio.sleep(0.1)
            return piece

        again = asgi._again([], receive)
        assert [await again() for _ in range(6)] == [piece] * 6

    async def test_no_more_than_is_too_much_is_kept(self):
        piece = {"type": "http.request", "body": b"x" * 300_000, "more_body": True}
        sent: list[Any] = []

        async def receive() -> Any:
            sent.append(piece)
            return piece

        ahead = await asgi._read_ahead(receive)
        assert len(ahead) == len(sent) == 4
