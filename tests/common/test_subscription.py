"""A subscription sends each numbered frame exactly once and in order, whatever reaches it first."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from common.realtime import registry
from common.realtime.frames import Frame, encode, pack, unpack
from common.realtime.registry import Replay
from common.realtime.subscription import Subscription


class Record:
    """A topic's own record, and what a socket has been sent of it."""

    def __init__(self) -> None:
        self.rows: list[Frame] = []
        self.sent: list[str] = []
        self.reads = 0

    def replay(self, identity, topic_id, since) -> Replay:
        self.reads += 1
        latest = self.rows[-1].seq if self.rows else 0
        return Replay(latest=latest, frames=[row for row in self.rows if since is not None and row.seq > since])

    def add(self, seq: int) -> Frame:
        frame = Frame(text=str(seq), seq=seq)
        self.rows.append(frame)
        return frame


@pytest.fixture
def record(monkeypatch):
    record = Record()
    monkeypatch.setitem(registry.topics, "record", registry.TopicKind(record.replay))
    return record


@pytest.fixture
def subscription(record):
    return Subscription(SimpleNamespace(identity=None, push=record.sent.append), "record:1")


def delta(index: int) -> Frame:
    return Frame(text=f"d{index}", run="m/0", index=index)


async def test_live_frames_wait_for_the_replay(record, subscription):
    first, second = record.add(1), record.add(2)
    subscription.offer(Frame(text="3", seq=3))
    subscription.offer(second)
    await subscription.open(since=0)
    assert record.sent == ["1", "2", "3"]
    assert first.seq == 1


async def test_a_frame_that_comes_twice_is_sent_once(record, subscription):
    await subscription.open(since=None)
    for _ in range(3):
        subscription.offer(Frame(text="1", seq=1))
    assert record.sent == ["1"]


async def test_two_frames_in_the_wrong_order_are_put_right_without_a_read(record, subscription):
    await subscription.open(since=None)
    subscription.offer(Frame(text="2", seq=2))
    subscription.offer(Frame(text="1", seq=1))
    await asyncio.sleep(0.1)
    assert record.sent == ["1", "2"]
    assert record.reads == 1


async def test_a_lost_frame_is_read_from_the_record(record, subscription):
    await subscription.open(since=None)
    record.add(1)
    subscription.offer(record.add(2))
    async with asyncio.timeout(5):
        while record.sent != ["1", "2"]:
            await asyncio.sleep(0.01)
    assert record.reads == 2


async def test_deltas_that_are_in_the_text_already_are_dropped(record, subscription, monkeypatch):
    replay = Replay(latest=1, frames=[Frame(text="so far", seq=1)], floors={"m/0": 3})
    monkeypatch.setitem(registry.topics, "record", registry.TopicKind(lambda *_: replay))
    subscription.offer(delta(2))
    subscription.offer(delta(3))
    await subscription.open(since=0)
    subscription.offer(delta(1))
    subscription.offer(delta(4))
    assert record.sent == ["so far", "d3", "d4"]


async def test_after_redis_was_away_no_delta_passes_before_the_text_it_follows_on(record, subscription, monkeypatch):
    await subscription.open(since=None)
    subscription.offer(delta(0))
    replay = Replay(latest=0, frames=[Frame(text="text up to 4")], floors={"m/0": 4})
    monkeypatch.setitem(registry.topics, "record", registry.TopicKind(lambda *_: replay))
    subscription.fall_behind()
    for index in (3, 4):
        subscription.offer(delta(index))
    await settle(subscription)
    assert record.sent == ["d0", "text up to 4", "d4"]


async def test_a_loss_of_redis_while_the_record_is_read_has_it_read_again(record, subscription, monkeypatch):
    await subscription.open(since=None)
    reads: list[int] = []

    def replay(*_: object) -> Replay:
        reads.append(len(reads))
        if len(reads) == 1:
            loop.call_soon_threadsafe(subscription.fall_behind)
            time.sleep(0.1)
        return Replay(latest=0, frames=[Frame(text=f"read {len(reads)}")])

    loop = asyncio.get_running_loop()
    monkeypatch.setitem(registry.topics, "record", registry.TopicKind(replay))
    subscription.fall_behind()
    subscription.offer(delta(0))
    await settle(subscription)
    assert record.sent == ["read 1", "read 2", "d0"]


async def settle(subscription: Subscription) -> None:
    async with asyncio.timeout(5):
        while subscription.behind:
            await asyncio.sleep(0.01)


async def test_a_gap_is_told_and_life_goes_on(record, subscription, monkeypatch):
    replay = Replay(latest=900, gap=True)
    monkeypatch.setitem(registry.topics, "record", registry.TopicKind(lambda *_: replay))
    assert await subscription.open(since=2) == 900
    subscription.offer(Frame(text="901", seq=901))
    assert '"type":"gap"' in record.sent[0]
    assert record.sent[1] == "901"


@pytest.mark.parametrize(
    ("seq", "run", "index"), [(None, None, None), (7, None, None), (None, "a/1", 0), (None, "a/1", 12)]
)
def test_a_frame_survives_its_way_through_redis(seq, run, index):
    body = encode("conversation:1", "chat.delta", {"text": "line\nbreak ü 🎭"}, seq=seq)
    frame = unpack(pack(body, seq=seq, run=run, index=index))
    assert (frame.text, frame.seq, frame.run, frame.index) == (body.decode(), seq, run, index)
