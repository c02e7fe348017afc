"""The socket at `/ws/`: signs in, takes commands, follows topics. The contract's section 6 is its specification."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http import parse_cookie

from common import sessions
from common.context import work_context
from common.errors import Problem, Unauthenticated, ValidationProblem, as_problem
from common.metrics import socket_commands_total, socket_frames_total
from common.realtime import registry
from common.realtime.hub import current_hub
from common.realtime.subscription import Subscription
from common.realtime.threads import in_thread
from common.rendering import DEEPEST, is_deeper, to_json

log = structlog.get_logger(__name__)

SIGN_IN_SECONDS = 10
SILENT_SECONDS = 60
MAX_FRAME_BYTES = 64 * 1024
MAX_TOPICS = 100
QUEUED_FRAMES = 2000
UNREAD_FRAMES = 100  # with more than these on their way to it, a client's next command waits
COMMANDS_EACH_10_SECONDS = 100

SIGNED_OUT, FLOOD, TOO_LARGE, TOO_SLOW, RESTART, FAILED = 4001, 4008, 1009, 1013, 1012, 1011
CLOSE = object()


class Socket(AsyncWebsocketConsumer):
    """One client. Frames leave through a queue, so that a slow client delays nobody but itself."""

    identity: registry.Identity | None = None

    def __init__(self) -> None:
        super().__init__()
        self.hub = current_hub()
        self.subscriptions: dict[str, Subscription] = {}
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.closing = False
        self.opened = self.heard = time.monotonic()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.writer = asyncio.create_task(self._write())
        self.count, self.count_since = 0, self.opened

    async def __call__(self, *scope_receive_send: Any) -> None:
        try:
            await super().__call__(*scope_receive_send)
        finally:  # `disconnect` alone would not be called where something failed
            await self._leave()

    async def connect(self) -> None:
        await self.accept()
        self.hub.add(self)
        try:
            if identity := await in_thread(self._identify_from_handshake):
                await self._sign_in(identity)
        except Problem:
            self.close_soon(SIGNED_OUT)
        except Exception:
            log.exception("sign-in of a socket failed")
            self.close_soon(FAILED)

    async def _leave(self) -> None:
        self.closing = True
        self.hub.discard(self)
        for task in (*self.tasks, self.writer):
            task.cancel()
        for topic in list(self.subscriptions):
            await self.drop(topic)

    # --- out -------------------------------------------------------------------------------------------------------

    def push(self, text: str) -> None:
        """Queues one frame. A client that does not read is closed; it resumes where it was."""
        if self.closing:
            return
        if self.queue.qsize() < QUEUED_FRAMES:
            self.queue.put_nowait(text)
            return
        while not self.queue.empty():
            self.queue.get_nowait()
        self.close_soon(TOO_SLOW)

    def close_soon(self, code: int) -> None:
        """Closes after what is queued, and takes no more frames and commands."""
        self.hub.discard(self)
        if not self.closing:
            self.closing = True
            self.queue.put_nowait((CLOSE, code))

    def say_bye(self, retry_in_ms: int) -> None:
        self.push(to_json({"type": "bye", "data": {"retry_in_ms": retry_in_ms}}).decode())
        self.close_soon(RESTART)

    async def _write(self) -> None:
        while True:
            item = await self.queue.get()
            if isinstance(item, tuple):
                await self.close(code=item[1])
                return
            await self.send(text_data=item)
            socket_frames_total.inc()

    # --- life ------------------------------------------------------------------------------------------------------

    def close_if_overdue(self, now: float) -> None:
        if self.identity is None and now - self.opened > SIGN_IN_SECONDS:
            self.close_soon(SIGNED_OUT)
        elif now - self.heard > SILENT_SECONDS:
            self.close_soon(1000)

    def check_session_soon(self) -> None:
        """After Redis was away an announced end may have been missed."""
        self._in_background(self._check_session())

    async def _check_session(self) -> None:
        if self.identity and not await in_thread(sessions.is_live, self.identity.session_id):
            self.close_soon(SIGNED_OUT)

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- sign-in ---------------------------------------------------------------------------------------------------

    def _identify_from_handshake(self) -> registry.Identity | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        if token := query.get("token", [""])[0]:
            return self._identify_token(token)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
        if session_key and _is_same_origin(headers.get("origin", ""), headers.get("host", "")):
            return registry.identifiers["web"](session_key)
        return None

    def _identify_token(self, token: str) -> registry.Identity:
        identity = registry.identifiers["token"](token)
        if identity is None or not sessions.is_live(identity.session_id):
            raise Unauthenticated
        return identity

    async def _sign_in(self, identity: registry.Identity) -> None:
        self.identity = identity
        await self._subscribe(f"user:{identity.user_id}", None)
        await self._check_session()  # it may have ended between the check and the hub's knowing of this socket

    # --- in --------------------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.heard = time.monotonic()
        await self._until_read()
        if self.closing:
            return
        if text_data is None or len(text_data) > MAX_FRAME_BYTES or len(text_data.encode()) > MAX_FRAME_BYTES:
            self.close_soon(TOO_LARGE)
        elif self._is_flood():
            self.close_soon(FLOOD)
        else:
            await self._answer(text_data)

    async def _until_read(self) -> None:
        """Who asks and does not read waits for the answer themselves: it must not pile up here."""
        while self.queue.qsize() > UNREAD_FRAMES and not (self.closing or self.writer.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def _is_flood(self) -> bool:
        if self.heard - self.count_since > 10:
            self.count, self.count_since = 0, self.heard
        self.count += 1
        return self.count > COMMANDS_EACH_10_SECONDS * settings.RATE_LIMIT_FACTOR

    async def _answer(self, text: str) -> None:
        command_id: Any = None
        name = "unknown"
        with work_context("", socket=id(self)):
            try:
                payload = self._parse(text)
                command_id = payload.pop("id", None)
                name = str(payload.pop("type", None))
                data = await self._run(name, payload)
                answer: dict[str, Any] = {"id": command_id, "ok": True, "data": data}
            except Exception as error:
                problem = as_problem(error)
                if problem is None:
                    log.exception("socket command failed", command=name[:80])
                    problem = Problem()
                answer = {"id": command_id, "ok": False, "error": problem.data()}
            known = name if name in registry.commands or name in OWN_COMMANDS else "unknown"
            socket_commands_total.labels(known, "ok" if answer["ok"] else answer["error"]["code"]).inc()
        self.push(to_json(answer).decode())

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            payload = orjson.loads(text)
        except ValueError as error:
            raise ValidationProblem("The frame is not valid JSON.") from error
        if not isinstance(payload, dict):
            raise ValidationProblem("A frame is a JSON object.")
        if is_deeper(payload, DEEPEST):
            raise ValidationProblem(f"A frame has at most {DEEPEST} levels.")
        if not isinstance(payload.get("id"), (str, int, type(None))) or len(str(payload.get("id"))) > 64:
            raise ValidationProblem(errors={"id": ["An id is a string of at most 64 characters."]})
        return payload

    async def _run(self, name: str, payload: dict[str, Any]) -> Any:
        if self.identity is None and name not in BEFORE_SIGN_IN:
            raise Unauthenticated
        if name in OWN_COMMANDS:
            return await OWN_COMMANDS[name](self, payload)
        if name not in registry.commands:
            raise ValidationProblem("This command is not known.", errors={"type": ["This command is not known."]})
        return await in_thread(registry.commands[name], self.identity, payload)

    # --- the socket's own commands ---------------------------------------------------------------------------------

    async def do_auth(self, payload: dict[str, Any]) -> dict[str, Any]:
        if self.identity is not None:
            raise ValidationProblem("This socket is signed in already.")
        token = payload.get("token")
        if not isinstance(token, str):
            raise ValidationProblem(errors={"token": ["Give an access token."]})
        await self._sign_in(await in_thread(self._identify_token, token))
        assert self.identity is not None
        return {"user": str(self.identity.user_id)}

    async def do_ping(self, _: dict[str, Any]) -> str:
        return "pong"

    async def do_subscribe(self, payload: dict[str, Any]) -> dict[str, Any]:
        topic, since = payload.get("topic"), payload.get("since")
        if not isinstance(topic, str) or not 1 <= len(topic) <= 100 or topic.partition(":")[0] not in registry.topics:
            raise ValidationProblem(errors={"topic": ["This topic is not known."]})
        if since is not None and (type(since) is not int or not 0 <= since < 2**53):
            raise ValidationProblem(errors={"since": ["Give the number of the last change you have."]})
        if topic not in self.subscriptions and len(self.subscriptions) >= MAX_TOPICS:
            raise ValidationProblem(errors={"topic": [f"A socket follows at most {MAX_TOPICS} topics."]})
        return {"topic": topic, "latest": await self._subscribe(topic, since)}

    async def do_unsubscribe(self, payload: dict[str, Any]) -> dict[str, Any]:
        topic = payload.get("topic")
        if not isinstance(topic, str):
            raise ValidationProblem(errors={"topic": ["Give a topic."]})
        await self.drop(topic)
        return {"topic": topic}

    async def _subscribe(self, topic: str, since: int | None) -> int:
        await self.drop(topic)
        subscription = self.subscriptions[topic] = Subscription(self, topic)
        await self.hub.join(subscription)
        try:
            return await subscription.open(since)
        except BaseException:
            await self.drop(topic)
            raise

    async def drop(self, topic: str) -> None:
        """Stops following a topic."""
        if subscription := self.subscriptions.pop(topic, None):
            subscription.close()
            await self.hub.leave(subscription)


def _is_same_origin(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc == host
    except ValueError:
        return False


BEFORE_SIGN_IN = {"auth", "ping"}
OWN_COMMANDS: dict[str, Callable[[Socket, dict[str, Any]], Awaitable[Any]]] = {
    "auth": Socket.do_auth,
    "ping": Socket.do_ping,
    "subscribe": Socket.do_subscribe,
    "unsubscribe": Socket.do_unsubscribe,
}
