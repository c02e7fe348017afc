"""A local server that takes mails as Resend's API does, over real HTTP, well or as a script says.

with ResendServer() as server:
    server.script(status=429, headers={"Retry-After": "7"})  # the next mail; without a script each is taken
    settings.ANYMAIL = {"RESEND_API_KEY": server.api_key, "RESEND_API_URL": server.base_url}
    …
    assert server.mails[-1]["subject"] == "Your link to sign in"
"""

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """How one mail is answered."""

    status: int = 200
    body: dict[str, Any] | str | None = None  # by default what Resend says with this status
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the answer
    hang_up: bool = False  # takes the mail and answers nothing


NAMES = {401: "missing_api_key", 403: "validation_error", 422: "validation_error", 429: "rate_limit_exceeded"}


class ResendServer:
    """`mails` are those it took, `requests` all it was asked; a repeat under one idempotency key is not taken again."""

    api_key = "re_standin_key"

    def __init__(self) -> None:
        self.mails: list[dict[str, Any]] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.taken: dict[str, str] = {}  # by idempotency key
        self.lock = threading.Lock()
        self._scripts: deque[Answer] = deque()

    def script(self, **options: Any) -> None:
        self._scripts.append(Answer(**options))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stand_in._answer(self, body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def _answer(self, handler: BaseHTTPRequestHandler, mail: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self.lock:
            self.requests.append((headers, mail))
            answer = self._scripts.popleft() if self._scripts else Answer()
        if handler.path != "/emails":
            answer = Answer(404)
        elif headers.get("authorization") != f"Bearer {self.api_key}":
            answer = Answer(401)
        body = answer.body
        if answer.status == 200 and body is None:
            body = {"id": self._take(headers.get("idempotency-key", ""), mail)}
        elif body is None:
            name = NAMES.get(answer.status, "internal_server_error")
            body = {"statusCode": answer.status, "name": name, "message": "As the test wants it."}
        time.sleep(answer.delay)
        if answer.hang_up:
            handler.close_connection = True
            handler.connection.close()
            return
        self._send(handler, answer, body)

    def _take(self, key: str, mail: dict[str, Any]) -> str:
        with self.lock:
            if key in self.taken:
                return self.taken[key]
            self.mails.append(mail)
            message_id = str(uuid.uuid4())
            if key:
                self.taken[key] = message_id
            return message_id

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer, body: dict[str, Any] | str) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            handler.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:  # the caller would not wait
            handler.close_connection = True


def resend_server() -> Iterator[ResendServer]:
    """The body of a pytest fixture: `resend = pytest.fixture(resend_server)`."""
    with ResendServer() as server:
        yield server
