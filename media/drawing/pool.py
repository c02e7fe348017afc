"""Child processes that decode pictures: a bomb or a crash ends the child, never the process that serves people.

A child is started with the first picture and drawn with again; a few at most live beside each other, and who finds none
free waits in line. A forked process starts children of its own.
"""

import json
import os
import queue
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from common.errors import Unavailable, Unprocessable

log = structlog.get_logger(__name__)
WORKER = Path(__file__).with_name("worker.py")
MEMORY_BYTES = 1536 * 1024 * 1024  # of addresses, of which a large picture uses a fraction
FILE_BYTES = 64 * 1024 * 1024  # no picture that is drawn may be larger
DRAW_SECONDS = 20.0
START_SECONDS = 30.0
WAIT_SECONDS = 60.0
RETRY_AFTER = 10  # seconds; told to those who have waited for nothing
PICTURES_PER_CHILD = 200  # then a fresh one, whatever has gathered in its memory
LONGEST_ANSWER = 1024 * 1024

CRASHED = "This picture can't be read. It is broken, or it needs too much memory."
TOO_SLOW = "This picture takes too long to read. A smaller one will do."

Message = dict[str, Any]


class Gone(Exception):  # noqa: N818
    """The child has ended, or what it says makes no sense."""


class Slow(Exception):  # noqa: N818
    """The child has not answered in time."""


class Child:
    """One process that draws one picture at a time. Raises OSError, Gone or Slow where it can't be started."""

    def __init__(self, *, memory: int, file_bytes: int, seconds: float) -> None:
        self.drawn = 0
        limits = [memory, file_bytes, int(seconds) + 5]
        self._process = subprocess.Popen(  # noqa: S603 - both words are ours
            [sys.executable, "-I", str(WORKER), *map(str, limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # what is sent to stop the site would stop it in the middle of a picture
        )
        try:
            self._read(START_SECONDS)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, job: Message, seconds: float) -> Message:
        """What the child says of this job. After Gone or Slow it is of no use any more."""
        assert self._process.stdin is not None
        self.drawn += 1
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
        except BrokenPipeError:
            raise Gone from None
        return self._read(seconds)

    def _read(self, seconds: float) -> Message:
        assert self._process.stdout is not None
        pipe, ends_at, got = self._process.stdout.fileno(), time.monotonic() + seconds, b""
        poll = select.poll()  # `select` knows no more than 1024 open files
        poll.register(pipe, select.POLLIN)
        while not got.endswith(b"\n"):
            if not poll.poll(max(0.0, ends_at - time.monotonic()) * 1000):
                raise Slow
            piece = os.read(pipe, 65_536)
            got += piece
            if not piece or len(got) > LONGEST_ANSWER:
                raise Gone
        try:
            said = json.loads(got)
        except ValueError:
            raise Gone from None
        if not isinstance(said, dict):
            raise Gone
        return said

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def forget(self) -> None:
        """In a forked process, whose parent goes on with this child."""
        self._process.returncode = 0  # otherwise its end is waited for here
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


class Pool:
    """At most so many children of this process. All limits may be other ones in a test."""

    def __init__(
        self,
        children: int | None = None,
        *,
        memory: int = MEMORY_BYTES,
        file_bytes: int = FILE_BYTES,
        seconds: float = DRAW_SECONDS,
        wait: float = WAIT_SECONDS,
        pictures: int = PICTURES_PER_CHILD,
    ) -> None:
        by_settings: int = getattr(settings, "MEDIA_DECODERS", 1)
        self._most = children or by_settings
        self._limits: dict[str, Any] = {"memory": memory, "file_bytes": file_bytes, "seconds": seconds}
        self._seconds, self._wait, self._pictures = seconds, wait, pictures
        self._begin()

    def _begin(self) -> None:
        self.children: set[Child] = set()
        self._places: queue.LifoQueue[Child | None] = queue.LifoQueue()  # who has just drawn is warm, and draws again
        for _ in range(self._most):
            self._places.put(None)

    def draw(self, job: Message) -> Message:
        """The child's answer, which may be a refusal.

        Raises Unprocessable where the file ended the child or took too long, Unavailable where none can be started or
        all are busy for a minute.
        """
        child, usable = self._take(), False
        try:
            said = child.ask(job, self._seconds)
        except Slow:
            raise Unprocessable(TOO_SLOW) from None
        except Gone:
            log.warning("picture ended its decoder", format=job.get("format"))
            raise Unprocessable(CRASHED) from None
        else:
            usable = child.drawn < self._pictures
            return said
        finally:
            if not usable:
                self._end(child)
            self._places.put(child if usable else None)

    def _take(self) -> Child:
        try:
            child = self._places.get(timeout=self._wait)
        except queue.Empty:
            busy = "Many pictures are being worked on just now. Please send yours again in a moment."
            raise Unavailable(busy, retry_after=RETRY_AFTER) from None
        try:
            if child and child.alive:
                return child
            if child:
                self._end(child)
            return self._start()
        except BaseException:
            self._places.put(None)
            raise

    def _start(self) -> Child:
        try:
            child = Child(**self._limits)
        except (OSError, Gone, Slow) as error:
            log.exception("decoder not started")
            raise Unavailable("Pictures can't be read just now.", retry_after=RETRY_AFTER) from error
        self.children.add(child)
        return child

    def _end(self, child: Child) -> None:
        child.end()
        self.children.discard(child)

    def close(self) -> None:
        """Ends all children; while one draws, its picture fails."""
        for child in list(self.children):
            self._end(child)

    def forget(self) -> None:
        """In a forked process: the children are the parent's, and a lock may be held by a thread that isn't here."""
        for child in list(self.children):
            child.forget()
        self._begin()


def _environment() -> dict[str, str]:
    """Nothing of ours: a decoder that has been taken over finds no secret in it."""
    passed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return passed | {
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "VIPS_DISC_THRESHOLD": "16g",  # never a temporary file beside the one that is asked for
    }
