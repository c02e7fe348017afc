"""What the machine does meanwhile: the processor time of groups of processes, and how busy it is with others."""

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

import psutil

Times = dict[int, float]


def cpu_times(pids: Sequence[int]) -> Times:
    """Processor seconds by process: these, their descendants, and in each what it has waited for."""
    found: Times = {}
    for pid in pids:
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    found[process.pid] = times.user + times.system + times.children_user + times.children_system
    return found


class CpuMeter:
    """`with CpuMeter({"app": pids}) as meter: …`, then `meter.seconds["app"]`.

    `meter.others` is the share of the machine (0 to 1) that went to processes which are neither ours nor in a group.
    """

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self.groups = {**groups, "": [os.getpid()]}
        self.seconds: dict[str, float] = {}
        self.others = 0.0

    def __enter__(self) -> Self:
        self._before, self._machine = self._read(), psutil.cpu_times()
        return self

    def __exit__(self, *_: object) -> None:
        now, machine = self._read(), psutil.cpu_times()
        self.seconds = {name: sum(now[name].values()) - sum(self._before[name].values()) for name in now}
        busy, whole = _busy(machine) - _busy(self._machine), sum(machine[:8]) - sum(self._machine[:8])
        known = _sum_once(now) - _sum_once(self._before)
        self.others = max(0.0, (busy - known) / whole) if whole else 0.0

    def _read(self) -> dict[str, Times]:
        return {name: cpu_times(pids) for name, pids in self.groups.items()}


def _sum_once(groups: Mapping[str, Times]) -> float:
    return sum({pid: seconds for times in groups.values() for pid, seconds in times.items()}.values())


def _busy(machine: "psutil._ntp.scputimes") -> float:
    return sum(machine[:8]) - machine.idle - machine.iowait


def load() -> float:
    return round(os.getloadavg()[0], 2)


def description() -> str:
    """`2 cores, 23 GiB, Linux 6.18, Python 3.11.7`."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}"
    )
