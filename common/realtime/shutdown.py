"""Before the server leaves: every socket hears `bye` and when to come back, then the server's own shutdown runs."""

import asyncio
import signal
from typing import Any

from common.realtime.hub import current_hub

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


def say_bye_on_signals() -> None:
    """Puts `bye` before the server's own handlers. Call inside the server's event loop, once it has set them.

    Uvicorn closes sockets as the first step of its shutdown, before any hook of the application runs, so its signal
    is held back until the goodbyes are sent.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    leaving = False

    def leave(number: int, frame: Any) -> None:
        nonlocal leaving
        if leaving:
            _hand_on(before, number, frame)
            return
        leaving = True
        loop.call_soon_threadsafe(lambda: loop.create_task(_say_bye_then(before, number, frame)))

    for number in SIGNALS:
        signal.signal(number, leave)


async def _say_bye_then(before: dict[signal.Signals, Any], number: int, frame: Any) -> None:
    await current_hub().say_bye()
    _hand_on(before, number, frame)


def _hand_on(before: dict[signal.Signals, Any], number: int, frame: Any) -> None:
    handler = before[signal.Signals(number)]
    if number == signal.SIGUSR2 or not callable(handler):
        handler, number = before[signal.SIGTERM], signal.SIGTERM
    if callable(handler):
        handler(number, frame)
