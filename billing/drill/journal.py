"""A worker thread's own book: a file of lines, each written with one system call, so that a kill can't split one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def write(self, **line: Any) -> None:
        os.write(self.file, orjson.dumps(line) + b"\n")


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """What the thread wrote down, in order: `{number, plan}`, then `{number, outcome, …}`."""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield orjson.loads(line)
