"""Locks between processes; the kernel drops them when their holder dies, however it dies."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack import VAR


class HeldError(Exception):
    """Someone else has the lock; `args[0]` is what they wrote into it."""


_held: set[int] = set()


@contextmanager
def hold(path: Path, *, wait: bool = False, facts: dict[str, Any] | None = None) -> Iterator[None]:
    """Holds the lock at `path` and leaves `facts` in it for others to read.

    Raises HeldError when it is taken, unless `wait`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise HeldError(read_facts(path)) from None
        _held.add(descriptor)
        os.truncate(descriptor, 0)
        os.write(descriptor, json.dumps(facts or {}).encode())
        yield
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def _forget_in_child() -> None:
    """A forked child shares the lock, and would keep it after this process was killed."""
    for descriptor in _held:
        os.close(descriptor)


os.register_at_fork(after_in_child=_forget_in_child)


def read_facts(path: Path) -> dict[str, Any]:
    """What the holder of the lock says of itself, or nothing."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def make_var() -> None:
    """Makes var/, closed to other users; PostgreSQL's has to pass through it when we are root."""
    make_folder(VAR, 0o711 if os.geteuid() == 0 else 0o700)


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Makes the folder. Raises PermissionError when it isn't ours to write in."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
