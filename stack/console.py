"""What the stack prints: one calm line a step, with its progress while it is slow."""

import errno
import os
import select
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LIVE = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
COLOUR = LIVE and not os.environ.get("NO_COLOR")
UNICODE = (getattr(sys.stdout, "encoding", "") or "").lower().startswith("utf")
DONE, FAILED, WORKING = ("✓", "✗", "·") if UNICODE else ("ok", "!!", "..")
NARROW = 40
CLEAR = "\r\033[K"


class Output:
    """Standard output that may lose its terminal: when the window is closed, the tidying up goes on in silence."""

    def write(self, text: str) -> None:
        self._outlive(lambda: sys.stdout.write(text))

    def flush(self) -> None:
        self._outlive(sys.stdout.flush)

    def isatty(self) -> bool:
        return LIVE

    def _outlive(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)


OUTPUT = Output()


def terminal_is_gone() -> bool:
    """Whether the window was closed. Its SIGHUP reaches only the first process in it, which may be make."""
    if not LIVE:
        return False
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def say(text: str = "") -> None:
    print(text, file=OUTPUT, flush=True)


def paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def bold(text: str) -> str:
    return paint(text, "1")


def faint(text: str) -> str:
    return paint(text, "2")


class Step:
    """One line of the start. `note` is what it does just now, `result` what it leaves on the line."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.note = ""
        self.result = ""
        self.failed = False
        self._started = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def finish(self) -> None:
        self._over.set()
        self._ticker.join()
        mark = paint(FAILED, "31") if self.failed else paint(DONE, "32")
        took = f"  {faint(f'{self._seconds():.1f} s')}" if self._seconds() >= 1 else ""
        start = CLEAR if LIVE else ""
        say(f"{start}  {mark} {self.label:<20}{self.result}{took}".rstrip())

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _tick(self) -> None:
        """Redraws the line on a terminal; into a file or a pipe, says every ten seconds what is going on."""
        while not self._over.wait(0.2 if LIVE else 10):
            line = f"  {WORKING} {self.label:<20}{self.note or 'working'}"
            if LIVE:
                width = max(shutil.get_terminal_size().columns - 1, NARROW)
                text = f"{line}  {self._seconds():.0f} s"[:width]
                print(f"{CLEAR}{text}", end="", file=OUTPUT, flush=True)
            else:
                say(f"{line} ({self._seconds():.0f} s)")


@contextmanager
def step(label: str) -> Iterator[Step]:
    current = Step(label)
    try:
        yield current
    except BaseException:
        current.failed = True
        raise
    finally:
        current.finish()
