"""Hostile sockets: whatever one client does, the process stays well and the others keep getting their frames."""

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat import services
from common.realtime.consumer import OWN_COMMANDS, QUEUED_FRAMES
from tests.hostile import bad
from tests.hostile.conftest import CODES
from tests.hostile.crowd import Log, Rest
from tests.live import LiveSite, Wire
from tests.people import Person

pytestmark = [pytest.mark.django_db(transaction=True)]

KNOWN_CODES = set().union(*CODES.values())
FIELDS = {
    "auth": ["token"],
    "subscribe": ["topic", "since"],
    "unsubscribe": ["topic"],
    "chat.send": ["conversation", "text", "client_id", "reply_to", "reply"],
    "chat.edit": ["message", "text"],
    "chat.delete": ["message"],
    "chat.regenerate": ["message"],
    "chat.continue": ["message"],
    "chat.stop": ["message"],
    "chat.select": ["message", "variant"],
    "chat.read": ["conversation", "seq"],
    "chat.typing": ["conversation", "active"],
}


@pytest.fixture
async def bystander(site: LiveSite, log: Log, owner: Person, conversation: uuid.UUID) -> AsyncIterator[Any]:
    """Somebody else's socket: `await bystander()` sends through it, and tells how long the frame took."""
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=f"conversation:{conversation}")

        async def still_served() -> float:
            begun, text = time.monotonic(), str(uuid.uuid4())
            answer = await wire.ask("chat.send", conversation=conversation, text=text, reply=False)
            assert answer["ok"], answer
            await wire.until(lambda frame: frame["type"] == "chat.message" and frame["data"]["text"] == text)
            return time.monotonic() - begun

        await still_served()
        yield still_served
        await still_served()


def memory_of(site: LiveSite) -> int:
    """Resident memory of the server, in bytes."""
    statm = Path(f"/proc/{site.processes['server'].pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connections_of(site: LiveSite) -> int:
    """How many the server holds, whether or not somebody is at the other end."""
    inodes = set()
    for link in Path(f"/proc/{site.processes['server'].pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            inodes.add(link.readlink().name)
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        f"socket:[{row[9]}]" in inodes for row in rows if row[1].endswith(f":{site.port:04X}") and row[3] != "0A"
    )


class TestCommands:
    def test_every_command_of_the_socket_is_tried_here(self):
        from common.realtime import registry

        assert set(FIELDS) == (set(OWN_COMMANDS) | set(registry.commands)) - {"ping"}, "tell its fields above"

    async def test_values_of_every_wrong_kind_are_refused_by_name(self, site, bystander, owner, conversation):
        sent = await sync_to_async(services.send_message)(conversation_id=conversation, user_id=owner.id, text="Hm?")
        right = {
            "conversation": str(conversation), "message": str(sent.message["id"]),
            "topic": f"conversation:{conversation}", "text": "x", "variant": 0, "seq": 1, "token": owner.token,
        }  # fmt: skip
        async with Wire(site, owner.token) as wire:
            for name, fields in FIELDS.items():
                for field in fields:
                    for value in bad.VALUES:
                        payload = {part: right[part] for part in fields if part in right} | {field: value}
                        answer = await wire.ask(name, **payload)
                        assert answer["ok"] or answer["error"]["code"] in KNOWN_CODES, (name, field, value, answer)
            assert (await wire.ask("ping"))["ok"]

    async def test_frames_that_are_no_commands_are_answered_and_forgiven(self, site, bystander, owner):
        frames = [body.decode("latin-1") for body in bad.BODIES.values()]
        frames += [
            '{"id": 1, "type": "ping", "x": ' + value.decode("latin-1") + "}"
            for value in (*bad.NO_JSON.values(), *bad.NO_VALUE.values())
        ]
        ids = ("[]", "{}", "true", "1.5", '"' + "x" * 65 + '"', "9" * 400)
        frames += ['{"id": ' + one + ', "type": "chat.send"}' for one in ids]
        kinds = (None, 7, [], {}, "__class__", "chat.", "x" * 9_000)
        frames += [json.dumps({"id": "t", "type": kind}) for kind in kinds]
        deep = "[" * 900 + "]" * 900
        for name, fields in FIELDS.items():
            frames += [json.dumps({"id": "d", "type": name}), f'{{"id": "n", "type": "{name}", "{fields[0]}": {deep}}}']
        frames = [frame for frame in frames if len(frame.encode()) <= 65536]
        async with Wire(site, owner.token) as wire:
            for frame in frames:
                await wire.raw(frame)
            assert (await wire.ask("ping"))["data"] == "pong"
            assert wire.close_code is None

    async def test_ids_of_nobody_and_of_others_are_not_found(self, site, bystander, stranger, conversation):
        async with Wire(site, stranger.token) as wire:
            for thing in (conversation, uuid.uuid4()):
                for name, fields in FIELDS.items():
                    if name.startswith("chat."):
                        payload = {"conversation": thing, "message": thing, "text": "x", "variant": 0, "seq": 1}
                        answer = await wire.ask(name, **{field: payload[field] for field in fields if field in payload})
                        assert answer["error"]["code"] == "NOT_FOUND", (name, answer)
                answer = await wire.ask("subscribe", topic=f"conversation:{thing}")
                assert answer["error"]["code"] == "NOT_FOUND"

    async def test_a_random_storm_of_bytes_is_survived(self, site, bystander, owner):
        dice = random.Random(11)
        for _ in range(20):
            async with Wire(site, owner.token) as wire:
                try:
                    for _ in range(20):
                        await wire.raw(dice.randbytes(dice.randrange(200)).decode("latin-1"))
                        await wire.raw(mangled(dice))
                except ConnectionClosed:
                    pass

    async def test_a_thousand_subscriptions_and_back(self, site, bystander, owner, conversation):
        topic = f"conversation:{conversation}"
        async with Wire(site, owner.token) as wire:
            for number in range(1_000):
                answer = await wire.ask("unsubscribe" if number % 2 else "subscribe", topic=topic)
                assert answer["ok"]
            assert not [frame for frame in wire.frames if frame["type"] == "gap"]

    async def test_a_socket_follows_a_hundred_topics_and_no_more(self, site, bystander, owner, start):
        own = [await sync_to_async(start)(owner) for _ in range(100)]
        async with Wire(site, owner.token) as wire:
            answers = [await wire.ask("subscribe", topic=f"conversation:{one}") for one in own]
        assert [answer["ok"] for answer in answers] == [True] * 99 + [False]
        assert answers[-1]["error"]["code"] == "VALIDATION_ERROR"


def mangled(dice: random.Random) -> str:
    """A right command with some characters changed."""
    text = list('{"id": "c1", "type": "subscribe", "topic": "conversation:0189", "since": 3}')
    for _ in range(3):
        text[dice.randrange(len(text))] = dice.choice('{}[]",:0\\ué\n')
    return "".join(text)


class Raw:
    """A socket of bytes, for what no library sends."""

    def __init__(
        self, site: LiveSite, token: str = "", *, deflate: bool = False, receive_buffer: int = 0, **headers: str
    ) -> None:
        self.tcp = socket.socket()
        if receive_buffer:
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.tcp.settimeout(30)
        self.tcp.connect(("127.0.0.1", site.port))
        sent = {
            "Host": f"127.0.0.1:{site.port}", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        }  # fmt: skip
        if deflate:
            sent["Sec-WebSocket-Extensions"] = "permessage-deflate"
        lines = [f"GET /ws/?token={token} HTTP/1.1", *(f"{k}: {v}" for k, v in (sent | headers).items()), "", ""]
        self.tcp.sendall("\r\n".join(lines).encode("latin-1"))
        self.answer = b""
        while b"\r\n\r\n" not in self.answer:
            self.answer += self.tcp.recv(1)

    @property
    def deflates(self) -> bool:
        return b"permessage-deflate" in self.answer.lower()

    def frame(self, payload: bytes, opcode: int = 1, *, fin: bool = True, rsv: int = 0) -> None:
        head = bytes([(0x80 if fin else 0) | rsv | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            head += bytes([0x80 | 126]) + struct.pack("!H", len(payload))
        else:
            head += bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
        self.tcp.sendall(head + b"\0\0\0\0" + payload)

    def close_code(self) -> int | None:
        """The code that the server closes with; None where it just goes."""
        seen = b""
        try:
            while part := self.tcp.recv(65536):
                seen += part
        except OSError:
            pass
        while len(seen) >= 2:
            opcode, length, skip = seen[0] & 0x0F, seen[1], 2
            if length == 126:
                length, skip = struct.unpack("!H", seen[2:4])[0], 4
            elif length == 127:
                length, skip = struct.unpack("!Q", seen[2:10])[0], 10
            if opcode == 8:
                return struct.unpack("!H", seen[skip : skip + 2])[0]
            seen = seen[skip + length :]
        return None


def deflated(payload: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


class TestWire:
    async def test_text_that_is_no_utf8_closes_with_1007(self, site, owner, bystander, log):
        log.forgiven.add("Invalid UTF-8 sequence received from client")  # Uvicorn makes much of it
        raw = await asyncio.to_thread(Raw, site, owner.token)
        raw.frame(b'{"id": "\xff\xfe"}')
        assert await asyncio.to_thread(raw.close_code) == 1007

    async def test_frames_that_break_the_protocol_close_with_1002(self, site, owner, bystander):
        breaks: list[dict[str, Any]] = [
            {"payload": b"x", "rsv": 0x40},  # compressed, where nobody agreed on it
            {"payload": b"x", "opcode": 3},
            {"payload": b"x", "opcode": 0},  # goes on with nothing
            {"payload": b"x" * 126, "opcode": 9},
            {"payload": b"x", "opcode": 8},
        ]
        for broken in breaks:
            raw = await asyncio.to_thread(Raw, site, owner.token)
            raw.frame(**broken)
            assert await asyncio.to_thread(raw.close_code) == 1002, broken

    async def test_a_compression_bomb_closes_with_1009_and_takes_no_memory(self, site, owner, bystander):
        before = memory_of(site)
        bomb = deflated(b"0" * 64 * 2**20)
        assert len(bomb) < 70_000
        for _ in range(20):
            raw = await asyncio.to_thread(Raw, site, owner.token, deflate=True)
            assert raw.deflates
            raw.frame(bomb, rsv=0x40)
            assert await asyncio.to_thread(raw.close_code) == 1009
        assert memory_of(site) - before < 16 * 2**20

    async def test_half_frames_hold_nothing_but_themselves(self, site, owner, bystander):
        before = memory_of(site)
        held = [await asyncio.to_thread(Raw, site, owner.token) for _ in range(50)]
        for raw in held:
            raw.frame(b'{"id": "half", ' * 4_000, fin=False)
        assert await bystander() < 5
        assert memory_of(site) - before < 32 * 2**20
        held[0].frame(b"x" * 60_000, opcode=0)  # both parts together are too much
        assert await asyncio.to_thread(held[0].close_code) == 1009
        for raw in held:
            raw.tcp.close()

    @pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "\xff", "x" * 5_000])
    async def test_an_odd_origin_is_nobody(self, site, owner, bystander, origin):
        raw = await asyncio.to_thread(Raw, site, Cookie="session=" + "x" * 32, Origin=origin)
        raw.frame(b'{"id": "c1", "type": "ping"}')
        raw.frame(b"", opcode=8)
        assert b"101" in raw.answer

    @pytest.mark.parametrize("path", ["/ws", "/ws/x", "/", "/api/characters", "/ws/%00", "/ws/?token=%ff%00", "//ws/"])
    async def test_a_handshake_elsewhere_is_refused(self, site, bystander, path):
        from websockets.asyncio.client import connect

        with pytest.raises((ConnectionClosed, InvalidStatus)):
            async with connect(f"ws://127.0.0.1:{site.port}{path}") as wire:
                await wire.recv()


class TestLoad:
    @pytest.fixture
    def hasty(self, django_db_setup: None) -> Iterator[LiveSite]:
        """A site that asks soon whether a client still reads."""
        with LiveSite(
            responders=0, uvicorn=("--ws-ping-interval", "3", "--ws-ping-timeout", "4"), RATE_LIMIT_FACTOR="1000000"
        ) as site:
            yield site

    async def test_who_never_reads_is_let_go_and_delays_nobody(self, hasty, owner, conversation):
        topic = f"conversation:{conversation}"
        await sync_to_async(Rest(hasty, owner).post)(
            f"/api/conversations/{conversation}/messages", {"text": "x" * 16_000, "reply": False}
        )
        deaf = [await asyncio.to_thread(Raw, hasty, owner.token, receive_buffer=4_096) for _ in range(5)]
        assert connections_of(hasty) >= 5
        subscribe = json.dumps({"id": "c", "type": "subscribe", "topic": topic, "since": 0}).encode()
        before = memory_of(hasty)
        async with Wire(hasty, owner.token) as wire:
            await wire.ask("subscribe", topic=topic)
            for raw in deaf:
                raw.tcp.setblocking(False)
                for _ in range(400):  # each is answered with 16 kB
                    try:
                        raw.frame(subscribe)
                    except OSError:
                        break
            begun = time.monotonic()
            for number in range(300):
                answer = await wire.ask("chat.typing", conversation=conversation, active=bool(number % 2))
                assert answer["ok"]
            assert time.monotonic() - begun < 15
            await wire.until(lambda frame: len(wire.of("chat.typing")) == 300)
            assert memory_of(hasty) - before < 64 * 2**20
            async with asyncio.timeout(30):
                while connections_of(hasty) > 1:
                    await asyncio.sleep(0.2)
            assert (await wire.ask("ping"))["ok"]

    async def test_two_hundred_sockets_come_and_go(self, site, bystander, owner, conversation):
        async def visit(number: int) -> None:
            async with Wire(site, owner.token if number % 3 else "nonsense") as wire:
                if number % 3 == 1:
                    await wire.ask("subscribe", topic=f"conversation:{conversation}", since=0)
                elif number % 3 == 2:
                    await wire.raw('{"id": "x", "type": "ping"}')
                    wire.connection.transport.abort()

        await asyncio.gather(*(visit(number) for number in range(50)))
        await asyncio.sleep(0.5)
        before = memory_of(site)
        for _ in range(3):
            await asyncio.gather(*(visit(number) for number in range(50)))
            assert await bystander() < 5
        assert memory_of(site) - before < 24 * 2**20
        async with asyncio.timeout(10):
            while "\nsockets_open 1.0" not in await asyncio.to_thread(lambda: Rest(site, owner).get("/metrics").text):
                await asyncio.sleep(0.1)

    def test_the_queue_of_a_socket_is_bounded_in_frames_and_in_closing(self):
        from common.realtime.consumer import Socket

        async def fill() -> int:
            one = Socket()
            for number in range(QUEUED_FRAMES * 3):
                one.push(f'{{"n": {number}}}')
            one.writer.cancel()
            return one.queue.qsize()

        assert asyncio.run(fill()) == 1
