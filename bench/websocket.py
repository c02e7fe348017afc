"""A small WebSocket client: text frames as bytes, pings answered. A hundred of them cost little of one core."""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
OPEN_SECONDS = 15


class WebSocket(asyncio.Protocol):
    """`on_text(bytes)` is called with each text frame; `closed` tells whether it is over."""

    def __init__(self, url: str, on_text: Callable[[bytes], None]) -> None:
        self.address = urlsplit(url)
        self.on_text = on_text
        self.unread = bytearray()
        self.closed = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> Self:
        """Raises ConnectionError when the server does not agree."""
        await asyncio.get_running_loop().create_connection(lambda: self, self.address.hostname, self.address.port)
        await asyncio.wait_for(self.opened, OPEN_SECONDS)
        return self

    def send(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def close(self) -> None:
        self.transport.close()

    # --- asyncio's side --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        address, key = self.address, base64.b64encode(os.urandom(16)).decode()
        target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        transport.write(
            f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if self.opened.done() or self._read_handshake():
            self._read_frames()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed before it was open"))

    # --- the protocol ----------------------------------------------------------------------------------------------

    def _read_handshake(self) -> bool:
        head, end, rest = bytes(self.unread).partition(b"\r\n\r\n")
        if not end:
            return False
        self.unread = bytearray(rest)
        if head.split(b" ", 2)[1] == b"101":
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(head.decode("latin-1")))
        return True

    def _read_frames(self) -> None:
        data, start = bytes(self.unread), 0
        while frame := _frame_at(data, start):
            opcode, begin, end = frame
            if opcode == TEXT:
                self.on_text(data[begin:end])
            elif opcode == PING:
                self._send(PONG, data[begin:end])
            elif opcode == CLOSE:
                self.closed = True
                self.transport.close()
            start = end
        self.unread = bytearray(data[start:])

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        else:
            head += struct.pack("!BH", 0x80 | 126, size) if size < 2**16 else struct.pack("!BQ", 0x80 | 127, size)
        # a mask of zeros is a mask, and leaves the payload as it is
        self.transport.write(head + b"\0\0\0\0" + payload)


def _frame_at(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Opcode, and where the payload of the unmasked frame at `start` begins and ends; None while it is not whole."""
    if len(data) < start + 2:
        return None
    size, begin = data[start + 1], start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        begin += width
        if len(data) < begin:
            return None
        size = int.from_bytes(data[begin - width : begin])
    return (data[start] & 0x0F, begin, begin + size) if len(data) >= begin + size else None
