"""One hub a process: the only Redis subscriber, handing each frame to the sockets of this process that follow it.

Redis Pub/Sub forgets what nobody heard. Every durable frame is numbered, so a subscription that sees a number missing,
or whose hub lost Redis for a while, reads what it missed from the topic's own record (`Subscription.catch_up`).
"""

import asyncio
import random
import time
import weakref
from typing import TYPE_CHECKING

import structlog
from redis.asyncio.client import PubSub

from common import last_used, redis
from common.metrics import sockets_open
from common.realtime.frames import CHANNEL_PREFIX, unpack
from common.realtime.threads import in_thread
from common.sessions import CONTROL_CHANNEL

if TYPE_CHECKING:
    from common.realtime.consumer import Socket
    from common.realtime.subscription import Subscription

log = structlog.get_logger(__name__)
SWEEP_SECONDS = 2.0
CONFIRM_SECONDS = 5.0
SEEN_EVERY_SECONDS = 60.0


class Hub:
    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self.topics: dict[str, set[Subscription]] = {}
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    # --- sockets ---------------------------------------------------------------------------------------------------

    def add(self, socket: "Socket") -> None:
        self.start()
        self.sockets.add(socket)
        sockets_open.inc()

    def discard(self, socket: "Socket") -> None:
        if socket in self.sockets:
            self.sockets.discard(socket)
            sockets_open.dec()

    async def say_bye(self, spread_seconds: float = 5.0) -> None:
        """Tells every socket to come back, each at its own moment, and closes it with 1012."""
        sockets = list(self.sockets)
        for socket in sockets:
            socket.say_bye(retry_in_ms=random.randint(100, int(spread_seconds * 1000)))  # noqa: S311
        if sockets:
            await asyncio.wait([socket.writer for socket in sockets], timeout=1.0)

    # --- topics ----------------------------------------------------------------------------------------------------

    async def join(self, subscription: "Subscription") -> None:
        """From the return of this on, no frame of the topic passes the subscription by while Redis is there."""
        topic = subscription.topic
        followers = self.topics.setdefault(topic, set())
        followers.add(subscription)
        if len(followers) > 1 and topic not in self._confirmed:
            return
        confirmed = self._confirmed.setdefault(topic, asyncio.get_running_loop().create_future())
        try:
            if self._pubsub:
                await self._pubsub.subscribe(CHANNEL_PREFIX + topic)
            async with asyncio.timeout(CONFIRM_SECONDS):
                await asyncio.shield(confirmed)
        except (redis.RedisError, TimeoutError, OSError):
            log.warning("subscription waits for redis", topic=topic)  # joined again as soon as it is back

    async def leave(self, subscription: "Subscription") -> None:
        followers = self.topics.get(subscription.topic)
        if followers is None:
            return
        followers.discard(subscription)
        if not followers:
            del self.topics[subscription.topic]
            if self._pubsub:
                try:
                    await self._pubsub.unsubscribe(CHANNEL_PREFIX + subscription.topic)
                except (redis.RedisError, OSError):
                    return  # nothing is subscribed on a connection that is gone

    # --- the listener ----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        delay, first = 0.5, True
        while True:
            client = redis.async_client()
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(CONTROL_CHANNEL, *(CHANNEL_PREFIX + topic for topic in self.topics))
                    self._pubsub = pubsub
                    if late := [CHANNEL_PREFIX + topic for topic in self._confirmed]:  # joined during the line above
                        await pubsub.subscribe(*late)
                    if not first:
                        self._catch_up_all()
                    first, delay = False, 0.5
                    while True:
                        self._handle(await pubsub.parse_response(block=True))
            except (redis.RedisError, OSError) as error:
                log.warning("hub lost redis", error=type(error).__name__)
            finally:
                self._pubsub = None
                await client.aclose()
            await asyncio.sleep(delay)
            delay = min(delay * 2, 4.0)

    def _handle(self, message: list[bytes | int] | None) -> None:
        if not message:
            return
        kind, channel = message[0], str(message[1], "utf-8")  # type: ignore[arg-type]
        if kind == b"message":
            if channel == CONTROL_CHANNEL:
                self._control(str(message[2], "utf-8"))  # type: ignore[arg-type]
            else:
                self._deliver(channel[len(CHANNEL_PREFIX) :], message[2])  # type: ignore[arg-type]
        elif kind == b"subscribe":
            waiting = self._confirmed.pop(channel[len(CHANNEL_PREFIX) :], None)
            if waiting and not waiting.done():
                waiting.set_result(None)

    def _deliver(self, topic: str, payload: bytes) -> None:
        if followers := self.topics.get(topic):
            frame = unpack(payload)
            for subscription in tuple(followers):
                subscription.offer(frame)

    def _control(self, text: str) -> None:
        action, _, value = text.partition(" ")
        if action == "end-session":
            for socket in list(self.sockets):
                if socket.identity and str(socket.identity.session_id) == value:
                    socket.close_soon(4001)

    def _catch_up_all(self) -> None:
        for followers in self.topics.values():
            for subscription in followers:
                subscription.fall_behind()
        for socket in self.sockets:
            socket.check_session_soon()

    async def _sweep(self) -> None:
        seen_at = -SEEN_EVERY_SECONDS
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for socket in list(self.sockets):
                socket.close_if_overdue(now)
            if now - seen_at >= SEEN_EVERY_SECONDS:
                seen_at = now
                await self._say_who_is_here()

    async def _say_who_is_here(self) -> None:
        """Who is connected is seen, even where they say nothing."""
        people = {socket.identity.user_id for socket in self.sockets if socket.identity}
        if people:
            await in_thread(last_used.touch_all, last_used.PEOPLE, people)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def current_hub() -> Hub:
    """The hub of the running event loop: one a process, and one a test."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
