"""`manage.py responder`: writes the characters' replies until it is asked to leave."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand

from chat.responder import Responder
from common.memory import keep_what_is_loaded


class Command(BaseCommand):
    help = "Streams the characters' replies, many at once. SIGTERM lets those in progress end first."

    def handle(self, *args: Any, **options: Any) -> None:
        # uvloop reads a provider's stream in two thirds of the time
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        responder = Responder()
        keep_what_is_loaded()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            loop.add_signal_handler(number, responder.leave)
        await responder.run(on_start=self._say_ready)

    def _say_ready(self) -> None:
        self.stdout.write("responder is ready")
        self.stdout.flush()
