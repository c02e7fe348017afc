"""One socket following one topic: each numbered frame exactly once and in order, whatever came first."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from common.errors import Problem
from common.realtime.frames import Frame, encode
from common.realtime.registry import Replay, topics
from common.realtime.threads import in_thread

if TYPE_CHECKING:
    from common.realtime.consumer import Socket

log = structlog.get_logger(__name__)
# Two transactions may publish in the other order than they committed; the missing frame is mostly on its way.
PATIENCE_SECONDS = 0.05
RETRY_SECONDS = 1.0
HELD_FRAMES = 1000


class Subscription:
    """Holds live frames back until the replay is sent, then keeps the numbers contiguous."""

    def __init__(self, socket: "Socket", topic: str) -> None:
        self.socket = socket
        self.topic = topic
        self.last: int | None = None
        self.held: dict[int, Frame] = {}
        self.waiting: list[Frame] = []
        self.floors: dict[str, int] = {}
        self.catching_up: asyncio.Task[None] | None = None
        self.losses = 0
        self.behind = False

    async def open(self, since: int | None) -> int:
        """Sends what the client misses and goes live; returns the topic's newest number. Raises Problems."""
        replay = await in_thread(self._read, since)
        self._show(replay, since)
        if self.behind:
            self.catch_up_soon()
        return replay.latest

    def offer(self, frame: Frame) -> None:
        """A live frame from the hub."""
        if frame.seq is None:
            self._offer_passing(frame)
        elif self.last is None or frame.seq > self.last + 1:
            self._hold(frame)
        elif frame.seq == self.last + 1:
            self._send_numbered(frame)
            self._drain()

    def catch_up_soon(self, delay: float = 0.0) -> None:
        if self.last is not None and (self.catching_up is None or self.catching_up.done()):
            self.catching_up = asyncio.create_task(self._catch_up(delay))

    def fall_behind(self) -> None:
        """The hub lost Redis for a while. What comes now may follow on something missed, a delta as much as a change,
        so nothing passes before the topic has been read.
        """
        self.losses += 1
        self.behind = True
        self.catch_up_soon()

    def close(self) -> None:
        if self.catching_up:
            self.catching_up.cancel()

    def _read(self, since: int | None) -> Replay:
        kind, _, topic_id = self.topic.partition(":")
        return topics[kind].replay(self.socket.identity, topic_id, since)

    def _show(self, replay: Replay, since: int | None) -> None:
        if replay.gap:
            self.socket.push(encode(self.topic, "gap", {"since": since, "latest": replay.latest}).decode())
        for frame in replay.frames:
            self.socket.push(frame.text)
        self.floors.update(replay.floors)
        self.last = max(replay.latest, self.last or 0)
        self._drain()
        waiting, self.waiting = self.waiting, []
        for frame in waiting:
            self._offer_passing(frame)

    def _offer_passing(self, frame: Frame) -> None:
        if self.last is None or self.behind:
            self._wait(frame)
        elif frame.run is None or frame.index is None or frame.index >= self.floors.get(frame.run, 0):
            self.socket.push(frame.text)

    def _wait(self, frame: Frame) -> None:
        if len(self.waiting) >= HELD_FRAMES:
            self.waiting.clear()
            self.fall_behind()
        self.waiting.append(frame)

    def _hold(self, frame: Frame) -> None:
        assert frame.seq is not None
        if len(self.held) < HELD_FRAMES:
            self.held[frame.seq] = frame
        self.catch_up_soon(PATIENCE_SECONDS)

    def _drain(self) -> None:
        assert self.last is not None
        for seq in [seq for seq in self.held if seq <= self.last]:
            del self.held[seq]
        while frame := self.held.pop(self.last + 1, None):
            self._send_numbered(frame)

    def _send_numbered(self, frame: Frame) -> None:
        self.last = frame.seq
        self.socket.push(frame.text)

    async def _catch_up(self, delay: float) -> None:
        await asyncio.sleep(delay)
        while self.held or self.behind:
            since, losses = self.last, self.losses
            try:
                replay = await in_thread(self._read, since)
            except Problem:
                await self.socket.drop(self.topic)  # no longer theirs to follow
                return
            except Exception:
                log.warning("catch-up failed", topic=self.topic, exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.behind = self.behind and losses != self.losses
            self._show(replay, since)
            if not self.behind:
                return
