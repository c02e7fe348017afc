"""Socket fan-out: rooms of clients, one of whom speaks; each delivery is timed from the moment it was sent.

At a rate: every speaker sends so many messages a second, whatever has arrived. At most: every speaker keeps a window of
messages on their way, and sends the next when its own copy of one comes back. All clients live in one process, so that
there is one clock.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.figures import percentile
from bench.websocket import WebSocket

MARK = b"~~"
FILLER = "Are you still there? I kept thinking about what you told me this afternoon."
SETTLE_SECONDS, DRAIN_SECONDS = 0.5, 5.0


@dataclass(frozen=True)
class Dialect:
    """How a server is spoken to. `{room}`, `{token}` and `{text}` are replaced.

    `steps` are frames to send after opening, each with what the answer to it holds; `delivery` is what the frame of a
    message holds, and no other; `ping` is a frame of the server and its answer.
    """

    url: str
    steps: tuple[tuple[str, str], ...]
    send: str
    delivery: str
    ping: tuple[str, str] | None = None


def our_dialect(url: str) -> Dialect:
    return Dialect(
        url=f"{url.replace('http', 'ws', 1)}/ws/?token={{token}}",
        steps=(('{"id":"in","type":"subscribe","topic":"conversation:{room}"}', '"id":"in","ok":true'),),
        send='{"type":"chat.send","conversation":"{room}","text":"{text}","reply":false}',
        delivery='"type":"chat.message"',
    )


@dataclass(frozen=True)
class Plan:
    """`per_second` None: at most, with a window."""

    seconds: float
    per_second: float | None
    members: int = 10
    window: int = 8


@dataclass
class FanoutResult:
    sent: int
    expected: int
    delivered: int
    lost: int
    doubled: int
    closed: int
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass
class _Tally:
    """What was sent, by its mark, and how often each arrived."""

    members: int
    copies: dict[int, int] = field(default_factory=dict)
    latencies: list[int] = field(default_factory=list)

    def new_mark(self) -> int:
        mark = time.perf_counter_ns()
        while mark in self.copies:
            mark += 1
        self.copies[mark] = 0
        return mark

    def arrived(self, frame: bytes) -> None:
        now = time.perf_counter_ns()
        begin = frame.find(MARK) + len(MARK)
        mark = int(frame[begin : frame.find(MARK, begin)])
        self.copies[mark] += 1
        self.latencies.append(now - mark)

    @property
    def complete(self) -> bool:
        return len(self.latencies) >= len(self.copies) * self.members


class _Room:
    def __init__(self, dialect: Dialect, name: str, token: str, tally: _Tally) -> None:
        self.dialect, self.name, self.token, self.tally = dialect, name, token, tally
        self.sockets: list[WebSocket] = []
        self.again = False

    def fill(self, template: str, text: str = "") -> str:
        return template.replace("{room}", self.name).replace("{token}", self.token).replace("{text}", text)

    async def join(self) -> None:
        speaks = not self.sockets
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        delivery = self.dialect.delivery.encode()
        ping, pong = self.dialect.ping or ("", "")

        def heard(frame: bytes) -> None:
            if delivery in frame:
                self.tally.arrived(frame)
                if speaks and self.again:
                    self.speak()
            elif ping and frame == ping.encode():
                member.send(pong)
            else:
                answers.put_nowait(frame)

        member = WebSocket(self.fill(self.dialect.url), heard)
        await member.open()
        for frame, answer in self.dialect.steps:
            if frame:
                member.send(self.fill(frame))
            async with asyncio.timeout(15):
                while answer.encode() not in await answers.get():
                    pass
        self.sockets.append(member)

    def speak(self) -> None:
        mark = MARK.decode()
        self.sockets[0].send(self.fill(self.dialect.send, f"{mark}{self.tally.new_mark()}{mark} {FILLER}"))


def run(dialect: Dialect, rooms: Sequence[tuple[str, str]], plan: Plan) -> FanoutResult:
    """`rooms` are pairs of a room and a token of one of its members."""
    return asyncio.run(_run(dialect, rooms, plan))


async def _run(dialect: Dialect, names: Sequence[tuple[str, str]], plan: Plan) -> FanoutResult:
    tally = _Tally(plan.members)
    rooms = [_Room(dialect, name, token, tally) for name, token in names]
    for room in rooms:
        for _ in range(plan.members):
            await room.join()
    await asyncio.sleep(SETTLE_SECONDS)
    started = time.perf_counter()
    if plan.per_second is None:
        await _speak_at_most(rooms, plan)
    else:
        await _speak_at_a_rate(rooms, plan.per_second, plan.seconds)
    took, in_time = time.perf_counter() - started, len(tally.latencies)
    deadline = time.perf_counter() + DRAIN_SECONDS
    while not tally.complete and time.perf_counter() < deadline:  # noqa: ASYNC110 - a poll costs nothing here
        await asyncio.sleep(0.02)
    return _result(tally, rooms, in_time / took)


async def _speak_at_most(rooms: Sequence[_Room], plan: Plan) -> None:
    for room in rooms:
        room.again = True
        for _ in range(plan.window):
            room.speak()
    await asyncio.sleep(plan.seconds)
    for room in rooms:
        room.again = False


async def _speak_at_a_rate(rooms: Sequence[_Room], per_second: float, seconds: float) -> None:
    """By absolute times, so that a late message makes no later one late; the rooms take turns within a period."""
    loop = asyncio.get_running_loop()
    start, period = loop.time(), 1 / per_second

    async def speaker(place: int, room: _Room) -> None:
        for n in range(int(per_second * seconds)):
            await asyncio.sleep(start + (n + place / len(rooms)) * period - loop.time())
            room.speak()

    await asyncio.gather(*(speaker(place, room) for place, room in enumerate(rooms)))


def _result(tally: _Tally, rooms: Sequence[_Room], rate: float) -> FanoutResult:
    sockets = [member for room in rooms for member in room.sockets]
    closed = sum(member.closed for member in sockets)
    for member in sockets:
        member.close()
    times = sorted(tally.latencies)
    copies = tally.copies.values()
    return FanoutResult(
        sent=len(copies),
        expected=len(copies) * tally.members,
        delivered=len(times),
        lost=sum(max(0, tally.members - count) for count in copies),
        doubled=sum(max(0, count - tally.members) for count in copies),
        closed=closed,
        rate=rate,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
        max_ms=percentile(times, 100) / 1e6,
    )
