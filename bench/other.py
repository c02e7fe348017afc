"""Another application to compare with, described by a JSON file. docs/benchmarks.md explains its members."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.fanout import Dialect

KNOWN = {"name", "prepare", "start", "url", "ready", "requests", "rooms", "socket"}


@dataclass(frozen=True)
class Other:
    """`requests` are request files by our scenarios' names; `prepare` and `start` are shell commands."""

    name: str
    url: str
    ready: str
    prepare: str
    start: str
    requests: dict[str, Path]
    rooms: Path | None
    socket: Dialect | None

    def read_rooms(self, count: int) -> list[tuple[str, str]]:
        if self.rooms is None:
            return []
        lines = self.rooms.read_text(encoding="utf-8").splitlines()[:count]
        return [(name, token) for name, token in (line.split("\t") for line in lines)]


def read_other(path: Path) -> Other:
    """Paths in the file are relative to its folder. Raises ValueError for what is missing or not known."""
    described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if unknown := described.keys() - KNOWN:
        raise ValueError(f"{path}: unknown: {', '.join(sorted(unknown))}")
    if missing := {"name", "url", "requests"} - described.keys():
        raise ValueError(f"{path}: missing: {', '.join(sorted(missing))}")
    socket = described.get("socket")
    return Other(
        name=described["name"],
        url=described["url"].rstrip("/"),
        ready=described.get("ready", described["url"]),
        prepare=described.get("prepare", ""),
        start=described.get("start", ""),
        requests={name: path.parent / file for name, file in described["requests"].items()},
        rooms=path.parent / described["rooms"] if "rooms" in described else None,
        socket=Dialect(
            url=socket["url"],
            steps=tuple((frame, answer) for frame, answer in socket["steps"]),
            send=socket["send"],
            delivery=socket["delivery"],
            ping=tuple(socket["ping"]) if "ping" in socket else None,
        )
        if socket
        else None,
    )


def environ(database_url: str, redis_url: str) -> dict[str, str]:
    """What the other's commands are told: PostgreSQL, as psql understands it, and Redis. Their database they make."""
    postgres, redis = urlsplit(database_url), urlsplit(redis_url)
    return {
        **os.environ,
        "PGHOST": str(postgres.hostname),
        "PGPORT": str(postgres.port),
        "PGUSER": str(postgres.username),
        "PGPASSWORD": str(postgres.password),
        "PGDATABASE": "postgres",
        "REDIS_HOST": str(redis.hostname),
        "REDIS_PORT": str(redis.port),
        "REDIS_PASSWORD": redis.password or "",
    }
