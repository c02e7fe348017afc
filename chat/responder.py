"""The responder: one process, one event loop, many replies at once.

A reply is a row first (`Variant`, pending) and a nudge second. The responder claims rows by lease, streams them from
their provider, and publishes each piece as it comes. It owns the run: clients only follow, closing a tab stops nothing.
"""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from redis.asyncio import Redis

from chat import live, topics
from chat.models import Status
from chat.nudges import CHANNEL
from chat.selectors import read_message
from chat.services import writing
from chat.services.writing import Assignment, Failure
from common import redis
from common.context import work_context
from common.errors import Problem
from common.metrics import provider_requests_total, replies_total, reply_first_token_seconds
from common.realtime.frames import CHANNEL_PREFIX, encode, pack
from common.realtime.threads import in_thread
from generation.providers.text.base import ProviderError, TextDelta, TextUsage
from generation.providers.text.registry import build_text_providers, close_text_providers, get_text_provider

log = structlog.get_logger(__name__)

# Between two frames of one reply; faster providers are read as fast, their pieces travel together.
FRAME_SECONDS = 0.04
CHECKPOINT_SECONDS = 2.0
KEEP_SECONDS = 60.0
INTERNAL = Failure("SERVER_ERROR", "Something went wrong on our side. Please ask again.")


class Run:
    """One reply being written."""

    def __init__(self, assignment: Assignment, client: Redis) -> None:
        self.assignment = assignment
        self.client = client
        self.deltas: list[str] = []
        self.fresh = ""
        self.dirty = asyncio.Event()
        self.usage: TextUsage | None = None
        self.stopping = False
        self.lost = False
        self.interrupted = False
        self.reading: asyncio.Task[None] | None = None
        self.claimed_at = time.perf_counter()
        self.kept_at = -math.inf
        self.topic = topics.topic_of(assignment.conversation_id)

    @property
    def text(self) -> str:
        return self.assignment.base_text + "".join(self.deltas) + self.fresh

    @property
    def next_index(self) -> int:
        return self.assignment.base_index + len(self.deltas)

    def stop(self) -> None:
        self.stopping = True
        if self.reading:
            self.reading.cancel()

    def abandon(self) -> None:
        """Somebody else holds the lease now: not one more frame from here."""
        self.lost = True
        if self.reading:
            self.reading.cancel()

    async def write(self) -> None:
        self.reading = asyncio.create_task(self._read())
        helpers = [asyncio.create_task(self._send_frames()), asyncio.create_task(self._keep_lease())]
        if self.stopping:  # asked while the context was being built
            self.reading.cancel()
        status, failure = await self._outcome(self.reading)
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        if not self.lost:
            await self._send_fresh()
            await self._finish(status, failure)

    async def _outcome(self, reading: "asyncio.Task[None]") -> tuple[Status, Failure | None]:
        provider = self.assignment.model.provider
        try:
            await reading
        except asyncio.CancelledError:
            if not (self.stopping or self.lost):
                raise
            return Status.STOPPED, None
        except ProviderError as error:
            provider_requests_total.labels("text", provider, error.code).inc()
            log.warning("provider failed", provider=provider, code=error.code, reason=error.private)
            return Status.FAILED, Failure(error.code, error.detail, error.private)
        except Exception:
            provider_requests_total.labels("text", provider, "error").inc()
            log.exception("reply failed", provider=provider)
            return Status.FAILED, INTERNAL
        provider_requests_total.labels("text", provider, "ok").inc()
        if not (self.deltas or self.fresh.strip()):
            return Status.FAILED, Failure("PROVIDER_ERROR", "The answer was empty. Nothing was charged.")
        return Status.COMPLETE, None

    async def _read(self) -> None:
        provider = get_text_provider(self.assignment.model.provider)
        first = True
        async with aclosing(provider.stream(self.assignment.request)) as stream:
            async for item in stream:
                if isinstance(item, TextUsage):
                    self.usage = item
                elif isinstance(item, TextDelta) and item.text:
                    if first:
                        first = False
                        seconds = time.perf_counter() - self.claimed_at
                        reply_first_token_seconds.labels(self.assignment.model.provider).observe(seconds)
                    self.fresh += item.text.replace("\x00", "")
                    self.dirty.set()

    # --- frames ----------------------------------------------------------------------------------------------------

    async def _send_frames(self) -> None:
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            await asyncio.shield(self._send_fresh())
            await asyncio.sleep(FRAME_SECONDS)

    async def _send_fresh(self) -> None:
        """One delta: kept in the live list and published, in one round trip."""
        if not self.fresh:
            return
        text, self.fresh = self.fresh, ""
        index = self.next_index
        self.deltas.append(text)
        try:
            if self.interrupted:
                await self._show_afresh()
            else:
                await self._send_delta(text, index)
        except (redis.RedisError, OSError):
            self.interrupted = True
            log.warning("delta not published", topic=self.topic)

    async def _send_delta(self, text: str, index: int) -> None:
        data = topics.delta_data(self.assignment.message_id, self.assignment.index, index, text)
        run = f"{self.assignment.message_id}/{self.assignment.index}"
        key = live.key(self.assignment.variant_id)
        async with self.client.pipeline(transaction=False) as pipeline:
            pipeline.rpush(key, text)
            if time.monotonic() - self.kept_at > KEEP_SECONDS:
                self.kept_at = time.monotonic()
                pipeline.expire(key, live.KEPT_SECONDS)
            pipeline.publish(
                CHANNEL_PREFIX + self.topic, pack(encode(self.topic, "chat.delta", data), run=run, index=index)
            )
            length = (await pipeline.execute())[0]
        if length != len(self.deltas):
            await self._show_afresh()

    async def _show_afresh(self) -> None:
        """Redis was away, or holds a dead run's words: followers may lack deltas, so they get the whole text so far."""
        key = live.key(self.assignment.variant_id)
        async with self.client.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            pipeline.rpush(key, *self.deltas)
            pipeline.expire(key, live.KEPT_SECONDS)
            await pipeline.execute()
        message = await in_thread(read_message, self.assignment.message_id)
        await self.client.publish(CHANNEL_PREFIX + self.topic, pack(encode(self.topic, "chat.updated", message)))
        self.interrupted = False

    # --- the row ---------------------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        delay = 0.2  # soon after the first token the row says "streaming"
        while True:
            await asyncio.sleep(delay)
            delay = CHECKPOINT_SECONDS
            try:
                lease = await in_thread(
                    writing.checkpoint,
                    variant_id=self.assignment.variant_id,
                    token=self.assignment.token,
                    text=self.assignment.base_text + "".join(self.deltas),
                    next_index=self.next_index,
                )
            except DatabaseError:
                log.warning("checkpoint failed", exc_info=True)
                continue
            if lease == "lost":
                self.abandon()
            elif lease == "stop":
                self.stop()

    async def _finish(self, status: Status, failure: Failure | None) -> None:
        deadline = time.monotonic() + settings.REPLY_LEASE_SECONDS
        while True:
            try:
                await in_thread(
                    writing.finish,
                    assignment=self.assignment,
                    status=status,
                    text=self.text,
                    next_index=self.next_index,
                    usage=self.usage,
                    failure=failure,
                )
            except DatabaseError:
                if time.monotonic() > deadline:
                    raise
                log.warning("reply not saved yet", exc_info=True)
                await asyncio.sleep(1)
                continue
            replies_total.labels(self.assignment.model.provider, status.value).inc()
            with suppress(redis.RedisError, OSError):
                await self.client.expire(live.key(self.assignment.variant_id), 60)
            return


class Responder:
    """Claims replies as nudges come and by a sweep, and writes up to `REPLIES_AT_ONCE` of them at a time."""

    def __init__(self) -> None:
        self.client = redis.async_client()
        self.runs: dict[uuid.UUID, Run] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.leaving = asyncio.Event()

    async def run(self, on_start: Callable[[], None] = lambda: None) -> None:
        """Until `leave` is called; then what is being written gets its time to end. Calls `on_start` once it works."""
        build_text_providers()
        loops = [asyncio.create_task(self._listen()), asyncio.create_task(self._sweep())]
        on_start()
        await self.leaving.wait()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._end_runs()
        await close_text_providers()
        await self.client.aclose()

    def leave(self) -> None:
        self.leaving.set()

    async def _end_runs(self) -> None:
        if self.tasks:
            log.info("finishing replies", replies=len(self.tasks))
            await asyncio.wait(self.tasks, timeout=settings.SHUTDOWN_SECONDS)
        for run in list(self.runs.values()):
            run.abandon()
            await in_thread(writing.give_back, variant_id=run.assignment.variant_id, token=run.assignment.token)

    async def _listen(self) -> None:
        while True:
            client = redis.async_client()
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            self._nudged(message["data"].decode())
            except (redis.RedisError, OSError) as error:
                log.warning("responder lost redis", error=type(error).__name__)
            finally:
                await client.aclose()
            await asyncio.sleep(0.5)

    def _nudged(self, text: str) -> None:
        action, _, variant_id = text.partition(" ")
        if action == "write" and self._room():
            self._start(self._claim_and_write(uuid.UUID(variant_id)))
        elif action == "stop" and (run := self.runs.get(uuid.UUID(variant_id))):
            run.stop()

    async def _sweep(self) -> None:
        """Finds what no nudge told of, and what a dead responder held."""
        while True:
            try:
                if room := self._room():
                    for variant_id, token in await in_thread(writing.claim, limit=room):
                        self._start(self._write(variant_id, token))
            except DatabaseError:
                log.warning("sweep failed", exc_info=True)
            await asyncio.sleep(settings.REPLY_SWEEP_SECONDS)

    def _room(self) -> int:
        return max(settings.REPLIES_AT_ONCE - len(self.tasks), 0)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("reply task failed", exc_info=error)

    async def _claim_and_write(self, variant_id: uuid.UUID) -> None:
        assignment = await in_thread(_claim_and_begin, variant_id)
        if assignment:
            await self._stream(assignment)

    async def _write(self, variant_id: uuid.UUID, token: uuid.UUID) -> None:
        assignment = await in_thread(_begin, variant_id, token)
        if assignment:
            await self._stream(assignment)

    async def _stream(self, assignment: Assignment) -> None:
        run = self.runs[assignment.variant_id] = Run(assignment, self.client)
        try:
            with work_context(assignment.request_id, reply=str(assignment.message_id)):
                await run.write()
        finally:
            self.runs.pop(assignment.variant_id, None)


def _claim_and_begin(variant_id: uuid.UUID) -> Assignment | None:
    """Claim and context in one hop to a thread: this is on the way to the first token."""
    claimed = writing.claim(only=variant_id)
    return _begin(*claimed[0]) if claimed else None


def _begin(variant_id: uuid.UUID, token: uuid.UUID) -> Assignment | None:
    try:
        return writing.begin(variant_id, token)
    except Problem as problem:  # no model can answer any more
        writing.refuse(variant_id, token, Failure(problem.code, problem.detail))
        return None
