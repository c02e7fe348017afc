"""Failing on purpose, for the stand-ins of storages."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Trouble:
    """`status` for an answer, an answer after `delay` seconds, or only `cut` bytes of what is sent either way."""

    method: str
    path: re.Pattern[str]
    times: int
    status: int
    delay: float
    cut: int | None


class Troubles:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: list[tuple[str, str]] = []  # method and path of every request
        self._troubles: list[Trouble] = []
        self._calm = threading.Event()
        self._answering = 0
        self._idle = threading.Condition(self.lock)

    def misbehave(
        self,
        method: str,
        path: str = ".*",
        *,
        times: int = 1,
        status: int = 0,
        delay: float = 0.0,
        cut: int | None = None,
    ) -> None:
        """The next `times` requests to `path` (a pattern) go wrong."""
        self._troubles.append(Trouble(method, re.compile(path), times, status, delay, cut))

    def behave(self) -> None:
        """No more trouble, nothing was asked, and whatever was still being answered is over."""
        self._troubles.clear()
        self.asked.clear()
        self._calm.set()
        with self.lock:
            self._idle.wait_for(lambda: not self._answering, timeout=10)
        self._calm = threading.Event()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around each request, so that none outlives its test and stores its file in the next."""
        with self.lock:
            self._answering += 1
        try:
            yield
        finally:
            with self.lock:
                self._answering -= 1
                self._idle.notify_all()

    def dawdle(self, trouble: Trouble | None) -> None:
        """Waits as long as the trouble says, or until it is over."""
        if trouble:
            self._calm.wait(trouble.delay)

    def trouble_for(self, method: str, path: str) -> Trouble | None:
        with self.lock:
            self.asked.append((method, path))
            for trouble in self._troubles:
                if trouble.times and trouble.method == method and trouble.path.fullmatch(path):
                    trouble.times -= 1
                    return trouble
            return None
