"""The family of storages: what each member is asked. Files go in from a path and come out in pieces, never as a whole.

A member is also a storage of Django's. Its methods raise StorageError where the storage is away or refuses, in plain
words and without secrets; FileNotFoundError where there is no such file. They may be called from any thread.

To add a member: a file here, its settings in `config/env.py`, its name in `media/storages/__init__.py`, a stand-in and
a line in `tests/media/conftest.py`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

PIECE = 256 * 1024
LONGEST_KEY = 200
# parts between slashes; none begins with a dot, which no "..", and no name of ours for a file in the making, does
KEY = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f]+(?:/(?!\.)[^/\\\x00-\x1f\x7f]+)*")


class StorageError(Exception):
    """A storage did not do what it was asked, for now or at all."""


@dataclass(frozen=True)
class Stat:
    """What a storage says of a file. `content_type` is empty where it keeps none."""

    size: int
    content_type: str = ""


@dataclass(frozen=True)
class SignedPut:
    """A request that stores one file: whoever has it may send it, with these headers."""

    url: str
    method: str
    headers: dict[str, str] = field(default_factory=dict)


class MediaStorage(ABC):
    """Keys are unique: no other file is ever stored under one. What is put there again takes the place of the first."""

    name: ClassVar[str]

    @abstractmethod
    def put(self, key: str, path: Path, content_type: str) -> None:
        """Stores the file at `path`. Under the key there is all of it or nothing, whenever this is interrupted."""

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """None where there is no such file."""

    @abstractmethod
    def read(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The bytes from `first` to `last`, both included, in pieces; none beyond the end. Errors come with the pieces:
        StorageError also where fewer come than there are."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Deletes the file and what is left of one that was interrupted. One that is gone already is fine."""

    @abstractmethod
    def check(self) -> None:
        """Asks the storage whether it would take and give files. Raises StorageError."""

    def fetch(self, key: str, path: Path) -> None:
        """Copies the file to `path`, where nothing is left when that fails."""
        try:
            with path.open("wb") as file:
                file.writelines(self.read(key))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def signed_put(self, key: str, *, content_type: str, size: int, seconds: int) -> SignedPut | None:
        """A request that stores exactly `size` bytes of that type, for so long; None where we take them ourselves."""
        check_key(key)
        return None

    def signed_get(self, key: str, *, seconds: int, filename: str, content_type: str, inline: bool) -> str | None:
        """An address that gives the file to whoever has it, for so long; None where we serve it ourselves."""
        check_key(key)
        return None


def check_key(key: str) -> str:
    """The key, if it is one that can be nowhere but in the storage's own folder. Raises StorageError."""
    if len(key) > LONGEST_KEY or not KEY.fullmatch(key):
        raise StorageError("This can't be the key of a file.")
    return key
