"""First-token overhead: what we add to the text provider's own time.

Some people at once, each in a conversation of their own: send `chat.send` over the socket, read the reply to its end,
think, send again. The overhead of a reply is the time from handing the frame of `chat.send` to the network until the
first `chat.delta` of its reply has arrived at the same client, less the time that the provider itself says it took for
that very request (see `bench.provider`).
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.figures import percentile
from bench.websocket import WebSocket

OWN_TIME = re.compile(r"@(\d+)@")
THINK_SECONDS = (0.5, 3.5)
REPLY_SECONDS = 30.0
QUESTION = "Tell me about the town you come from."


@dataclass
class FirstTokenResult:
    replies: int
    failed: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    provider_p50_ms: float
    sent_p50_ms: float


@dataclass
class _Tally:
    wanted: int
    overheads: list[float] = field(default_factory=list)
    own_times: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def complete(self) -> bool:
        return len(self.overheads) + self.failed >= self.wanted


class _Person:
    def __init__(self, url: str, conversation: str, token: str) -> None:
        self.conversation = conversation
        self.socket = WebSocket(f"{url.replace('http', 'ws', 1)}/ws/?token={token}", self._heard)
        self.frames: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()

    def _heard(self, frame: bytes) -> None:
        self.frames.put_nowait((time.perf_counter(), json.loads(frame)))

    async def join(self) -> None:
        await self.socket.open()
        self.socket.send(json.dumps({"id": "in", "type": "subscribe", "topic": f"conversation:{self.conversation}"}))
        await self._until(lambda frame: frame.get("id") == "in")

    async def talk(self, tally: _Tally, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(0, THINK_SECONDS[1]))
        while not tally.complete:
            try:
                async with asyncio.timeout(REPLY_SECONDS):
                    await self._ask(tally)
            except (TimeoutError, ConnectionError):
                tally.failed += 1
            await asyncio.sleep(rng.uniform(*THINK_SECONDS))

    async def _ask(self, tally: _Tally) -> None:
        sent = time.perf_counter()
        ask = {"id": "ask", "type": "chat.send", "conversation": self.conversation, "text": QUESTION}
        self.socket.send(json.dumps(ask))
        answered, answer = await self._until(lambda frame: frame.get("id") == "ask")
        if not answer["ok"]:
            raise ConnectionError(str(answer["error"]))
        reply = answer["data"]["reply"]["id"]
        first, delta = await self._until(
            lambda frame: frame.get("type") == "chat.delta" and frame["data"]["message"] == reply
        )
        match = OWN_TIME.search(delta["data"]["text"])
        own = int(match[1]) / 1e9 if match else 0.0
        await self._until(lambda frame: frame.get("type") == "chat.updated" and frame["data"]["id"] == reply)
        tally.own_times.append(own)
        tally.answers.append(answered - sent)
        tally.overheads.append(first - sent - own)

    async def _until(self, true: Any) -> tuple[float, dict[str, Any]]:
        while True:
            at, frame = await self.frames.get()
            if true(frame):
                return at, frame
            if self.socket.closed:
                raise ConnectionError("the socket was closed")


def run(url: str, conversations: Sequence[tuple[str, str]], replies: int) -> FirstTokenResult:
    """`conversations` are pairs of an id and its person's token; ends after `replies` in all."""
    return asyncio.run(_run(url, conversations, replies))


async def _run(url: str, conversations: Sequence[tuple[str, str]], replies: int) -> FirstTokenResult:
    people = [_Person(url, conversation, token) for conversation, token in conversations]
    for person in people:
        await person.join()
    tally, started = _Tally(replies), time.perf_counter()
    await asyncio.gather(*(person.talk(tally, random.Random(n)) for n, person in enumerate(people)))
    took = time.perf_counter() - started
    for person in people:
        person.socket.close()
    overheads = sorted(1e3 * seconds for seconds in tally.overheads)
    return FirstTokenResult(
        replies=len(overheads),
        failed=tally.failed,
        rate=len(overheads) / took,
        p50_ms=percentile(overheads, 50),
        p95_ms=percentile(overheads, 95),
        p99_ms=percentile(overheads, 99),
        max_ms=percentile(overheads, 100),
        provider_p50_ms=1e3 * percentile(sorted(tally.own_times), 50),
        sent_p50_ms=1e3 * percentile(sorted(tally.answers), 50),
    )
