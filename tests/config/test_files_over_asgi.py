"""A file goes through the realtime process in pieces: who reads slowly does not fill its memory."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from config import asgi

PIECES = 500


class Clip:
    """A WSGI application that counts how much of its answer was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "video/mp4")])
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        for _ in range(PIECES):
            self.given += 1
            yield b"x" * 1024


def scope(path: str) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5000),
    }  # fmt: skip


async def nothing_more() -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", ["/media/content/a-long-clip", "/admin/media/asset/1/file/original/"])
async def test_no_more_of_a_file_is_read_than_is_sent(monkeypatch, path):
    clip, sent = Clip(), []
    monkeypatch.setattr(asgi.files, "app", clip)

    async def slow(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:  # the first piece: wait until nobody reads on
            before = -1
            while clip.given != before:
                before = clip.given
                await asyncio.sleep(0.05)
            assert clip.given <= asgi.PIECES_AHEAD + 4

    await asgi.application(scope(path), nothing_more, slow)
    assert sum(len(message.get("body", b"")) for message in sent) == PIECES * 1024
