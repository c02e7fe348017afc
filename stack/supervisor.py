"""Runs the processes under honcho until someone stops them, or one of them ends by itself.

A process that ends by itself takes the others with it: here that is nearly always an error in the code or the
settings, and a restart would only repeat it, off the screen.
"""

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import honcho.manager
from honcho.manager import Manager
from honcho.printer import Printer

from stack import leftovers, signals
from stack.console import OUTPUT, bold, say, terminal_is_gone
from stack.ports import LOOPBACK
from stack.services import Services

KILL_SECONDS = 15
LOOK_EVERY = 0.2
SLOW_SECONDS = 60

# honcho's own clock starts only when a first process has ended, and its kill misses what left the process group.
honcho.manager.KILL_WAIT = 10**6


class Supervisor(Manager):
    """`run` returns the exit code: 0 when it was asked to stop, 1 when something ended by itself."""

    def __init__(self, host: str, port: int, services: Services, when_ready: Callable[[], None]) -> None:
        super().__init__(Printer(OUTPUT))
        self._address = (LOOPBACK if host in {"", "0.0.0.0", "::"} else host, port)  # noqa: S104
        self._services = services
        self._when_ready = when_ready
        self._failed = False
        self._pid = os.getpid()

    def run(self) -> int:
        for number in (signal.SIGHUP, signal.SIGUSR2):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._asked_to_stop)
        try:
            self.loop()
        finally:
            signals.ignore_further()
            leftovers.stop_leftovers()
        return 1 if self._failed else 0

    def _start(self) -> None:
        super()._start()
        threading.Thread(target=self._watch, daemon=True).start()  # not before: honcho forks

    def terminate(self) -> None:
        if self._terminating or os.getpid() != self._pid:  # honcho's forks inherit our signal handlers
            return
        if not self._all_started():  # honcho doesn't know the process ids yet
            _later(LOOK_EVERY, self.terminate)
            return
        for name, process in self._processes.items():
            if "returncode" in process:
                self._failed = True
                how = _how(process["returncode"])
                say(bold(f"\n{name} ended by itself ({how}); its last lines are above. Stopping the rest."))
        if not self._failed:
            say(bold("\nStopping. Work in progress gets a few seconds to finish."))
        super().terminate()
        _later(KILL_SECONDS, self.kill)

    def kill(self) -> None:
        super().kill()
        leftovers.stop_leftovers(but_children=True)  # our children are honcho's forks, which end with their process

    def _asked_to_stop(self, number: int, _: FrameType | None) -> None:
        self.terminate()

    def _system_print(self, data: str) -> None:
        """honcho's running commentary; what matters of it is said above."""

    def _watch(self) -> None:
        """Says when the site answers, then keeps an eye on the servers."""
        started, told = time.monotonic(), False
        while not self._terminating:
            time.sleep(LOOK_EVERY)
            status = self._status()
            if status == http.client.OK:
                self._when_ready()
                break
            if terminal_is_gone():
                self.terminate()
            if not told and time.monotonic() - started > SLOW_SECONDS:
                told = True
                answer = status or "nothing"
                say(bold(f"\nNot ready after {SLOW_SECONDS} s: /health/ready answers {answer}. Still waiting."))
        while not self._terminating:
            time.sleep(1)
            if terminal_is_gone():
                self.terminate()
            if not self._terminating and (dead := self._services.dead()):
                self._failed = True
                logs = " and ".join(str(self._services.servers[name].log) for name in dead)
                say(bold(f"\n{' and '.join(dead)} ended by itself; see {logs}. Stopping the rest."))
                self.terminate()

    def _status(self) -> int | None:
        connection = http.client.HTTPConnection(*self._address, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _later(seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def _how(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
