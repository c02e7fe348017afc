"""A stand-in for an OpenAI-compatible server that knows how long it took: `python -m bench.provider PORT`.

It waits before the first words, then drips the rest steadily. The first words of a reply are the provider's own account
of that reply: `@<nanoseconds>@`, from having read the whole request to handing the first words to the network.
"""

import asyncio
import json
import random
import socket
import sys
import time

FIRST_SECONDS, JITTER_SECONDS = 0.2, 0.05
WORDS, WORD_SECONDS = 40, 0.03
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _event(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _event(json.dumps({"id": "bench", "object": "chat.completion.chunk", "model": "bench", "choices": [choice]}))


USAGE = _event(
    json.dumps(
        {
            "id": "bench",
            "object": "chat.completion.chunk",
            "model": "bench",
            "choices": [],
            "usage": {"prompt_tokens": 1000, "completion_tokens": WORDS, "total_tokens": 1000 + WORDS},
        }
    )
)
END = _chunk({}, "stop") + USAGE + _event("[DONE]") + b"0\r\n\r\n"
WORD = _chunk({"content": " word"})


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, rest = head.partition(b"content-length:")
            await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
            await _reply(writer, time.perf_counter_ns())
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


async def _reply(writer: asyncio.StreamWriter, asked: int) -> None:
    await asyncio.sleep(FIRST_SECONDS + random.uniform(0, JITTER_SECONDS))
    writer.write(HEAD + _chunk({"role": "assistant", "content": ""}))
    writer.write(_chunk({"content": f"@{time.perf_counter_ns() - asked}@"}))
    for _ in range(WORDS):
        await asyncio.sleep(WORD_SECONDS)
        writer.write(WORD)
    writer.write(END)
    await writer.drain()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_serve_connection, "127.0.0.1", port)
    print("provider is ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
