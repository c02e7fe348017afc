"""Frames as they travel: encoded once by whoever publishes, handed as they are to every receiver.

On its way through Redis a frame has one header line, so that a receiver can order it without reading the JSON:
`<seq> <run> <index>\\n<frame>`. `seq` numbers a durable change of the topic; `run` and `index` place a delta within a
reply in progress. A part that does not apply is `-`.
"""

from dataclasses import dataclass
from typing import Any

from common.rendering import to_json

CHANNEL_PREFIX = "topic:"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame for sockets: its text and its place in the topic."""

    text: str
    seq: int | None = None
    run: str | None = None
    index: int | None = None


def encode(topic: str, kind: str, data: Any, *, seq: int | None = None) -> bytes:
    """The frame's JSON."""
    body: dict[str, Any] = {"type": kind, "topic": topic}
    if seq is not None:
        body["seq"] = seq
    body["data"] = data
    return to_json(body)


def pack(body: bytes, *, seq: int | None = None, run: str | None = None, index: int | None = None) -> bytes:
    """The frame with its header line."""
    header = f"{'-' if seq is None else seq} {run or '-'} {'-' if index is None else index}\n"
    return header.encode() + body


def unpack(payload: bytes) -> Frame:
    header, body = payload.split(b"\n", 1)
    seq, run, index = header.decode().split(" ")
    return Frame(
        text=body.decode(),
        seq=None if seq == "-" else int(seq),
        run=None if run == "-" else run,
        index=None if index == "-" else int(index),
    )
