"""What the stand-ins of payment providers share: a local server over real HTTP that keeps state and can misbehave.

A member routes its paths, signs like the real thing, and lets a test play the payer:

with StripeServer() as stripe:
    settings.PAYMENT_PROVIDERS = {"stripe": stripe.block}
    …                                           # our code makes a checkout there
    stripe.pay(session_id)                      # the payer pays; what the provider tells us goes into `outbox`
    stripe.misbehave("POST", "/v1/refunds", status=500, after=True)   # does it, and answers an error
"""

import json
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came. `query` and `form` have single values."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None  # JSON, or text as it is
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """A notification on its way to us: what a test posts to `/webhooks/{provider}`, as often and in any order."""

    body: bytes
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass
class Trouble:
    """`after`: the request is carried out first, so that only the answer is lost."""

    method: str
    path: re.Pattern[str]
    times: int
    status: int
    delay: float
    hang_up: bool
    after: bool
    headers: dict[str, str]


Route = tuple[str, str, Callable[..., Answer | Any]]


class PaymentServer:
    """Subclasses give `name`, `block` (their settings), `routes`, and the payer's side: `pay`, `decline`, `expire`,
    `refund`, `dispute`, `win_dispute`, and where they have subscriptions `renew` and `cancel`."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.asked: list[Asked] = []
        self.outbox: list[Delivery] = []
        self._troubles: deque[Trouble] = deque()
        self._compiled = [(method, re.compile(f"{path}$"), handle) for method, path, handle in self.routes()]

    # --- what a subclass gives ---

    def routes(self) -> list[Route]:
        """`(method, pattern of the path, handler(asked, *groups))`; a handler answers JSON or an `Answer`."""
        raise NotImplementedError

    @property
    def block(self) -> dict[str, Any]:
        raise NotImplementedError

    def authenticate(self, asked: Asked) -> Answer | None:
        """An answer refuses the request."""
        return None

    def unknown(self, asked: Asked) -> Answer:
        return Answer(404, {"error": {"message": f"no such path: {asked.path}"}})

    # --- a test's hand ---

    def misbehave(
        self,
        method: str = "POST",
        path: str = ".*",
        *,
        times: int = 1,
        status: int = 500,
        delay: float = 0.0,
        hang_up: bool = False,
        after: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        """The next `times` requests to `path` (a pattern) fail, or with `delay` alone (status 0) are only slow."""
        self._troubles.append(Trouble(method, re.compile(path), times, status, delay, hang_up, after, headers or {}))

    def behave(self) -> None:
        """No more trouble."""
        self._troubles.clear()

    def send(
        self, body: bytes, headers: dict[str, str], query: dict[str, str] | None = None, method: str = "POST"
    ) -> None:
        with self.lock:
            self.outbox.append(Delivery(body, headers, query or {}, method))

    def taken(self) -> list[Delivery]:
        """Everything that waits to be delivered, which then waits no more."""
        with self.lock:
            waiting, self.outbox = self.outbox, []
            return waiting

    def count(self, method: str, path: str) -> int:
        """How often a path (a pattern) was asked."""
        return sum(1 for asked in self.asked if asked.method == method and re.fullmatch(path, asked.path))

    @staticmethod
    def new_id(prefix: str = "") -> str:
        return f"{prefix}{uuid.uuid4().hex[:24]}"

    # --- the server ---

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def _answer(self, asked: Asked) -> Answer | None:
        """None: hang up."""
        with self.lock:
            self.asked.append(asked)
            trouble = self._trouble_for(asked)
        if trouble and trouble.delay:
            time.sleep(trouble.delay)
        if trouble and trouble.status and not trouble.after:
            return (
                None
                if trouble.hang_up
                else Answer(trouble.status, {"error": {"message": "misbehaving"}}, trouble.headers)
            )
        with self.lock:
            answer = self.authenticate(asked) or self._handle(asked)
        if trouble and trouble.status:
            return (
                None
                if trouble.hang_up
                else Answer(trouble.status, {"error": {"message": "misbehaving"}}, trouble.headers)
            )
        return answer

    def _trouble_for(self, asked: Asked) -> Trouble | None:
        for trouble in self._troubles:
            if trouble.times and trouble.method == asked.method and trouble.path.fullmatch(asked.path):
                trouble.times -= 1
                return trouble
        return None

    def _handle(self, asked: Asked) -> Answer:
        for method, pattern, handle in self._compiled:
            if method == asked.method and (match := pattern.match(asked.path)):
                answer = handle(asked, *match.groups())
                return answer if isinstance(answer, Answer) else Answer(200, answer)
        return self.unknown(asked)

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body go separately, and the second would wait 40 ms

            def _serve(self) -> None:
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command,
                    url.path,
                    {name: values[0] for name, values in parse_qs(url.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                answer = stand_in._answer(asked)
                if answer is None:
                    self.close_connection = True
                    return
                text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
                content = b"" if answer.body is None else text.encode()
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

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
