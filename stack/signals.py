"""Being asked to stop: the first signal raises, the ones after it don't disturb the tidying up."""

import os
import signal
from types import FrameType
from typing import NoReturn

ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


class Stopped(SystemExit):
    """Someone asked us to stop; its code is the shell's for that signal."""


def raise_stopped() -> None:
    """From here on a signal to stop raises Stopped in the main thread, once. One that `nohup` ignores stays ignored."""
    for number in ASKED_TO_STOP:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise)


def ignore_further() -> None:
    for number in ASKED_TO_STOP:
        signal.signal(number, signal.SIG_IGN)


def open_standard_streams() -> None:
    """Gives closed standard streams to /dev/null, so that no file or socket gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    ignore_further()
    raise Stopped(128 + number)
