"""What apps contribute to the socket: topics, commands, and how a connection is identified."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.realtime.frames import Frame


class Identity(Protocol):
    """Who a socket belongs to; `accounts.tokens.Claims` is one."""

    @property
    def user_id(self) -> uuid.UUID: ...
    @property
    def session_id(self) -> uuid.UUID: ...


@dataclass(frozen=True)
class Replay:
    """What a topic has for a client: its newest number and the frames after the one the client has.

    `floors` tells for each reply in progress (`run`) the index of the next delta; earlier ones are in its text.
    """

    latest: int
    frames: list[Frame] = field(default_factory=list)
    gap: bool = False
    floors: Mapping[str, int] = field(default_factory=dict)


ReplayReader = Callable[[Any, str, int | None], Replay]
Command = Callable[[Any, dict[str, Any]], Any]


@dataclass(frozen=True)
class TopicKind:
    """`replay(identity, topic_id, since)` raises NotFound for who may not follow; without `since` it gives `latest`."""

    replay: ReplayReader


topics: dict[str, TopicKind] = {}
commands: dict[str, Command] = {}
identifiers: dict[str, Callable[[str], Identity | None]] = {}


def register_topic(kind: str, *, replay: ReplayReader) -> None:
    """`kind` is what stands before the colon: `conversation` for `conversation:<id>`."""
    topics[kind] = TopicKind(replay)


def register_command(name: str, handler: Command) -> None:
    """`handler(identity, payload)` runs in a thread, returns the answer's `data`, and raises Problems."""
    commands[name] = handler


def register_identifier(*, token: Callable[[str], Identity], web: Callable[[str], Identity | None]) -> None:
    """`token(access)` raises Unauthenticated; `web(session_key)` gives None where nobody is signed in."""
    identifiers["token"] = token
    identifiers["web"] = web
