"""What a child is before it becomes ffmpeg: it takes its limits upon itself, then runs the command in its place.

Run by path, in isolated mode, as `bounded.py PARENT MEMORY CPU_SECONDS FILE_BYTES COMMAND…`; imports nothing of ours.
A function run between fork and exec would do the same, but not safely beside threads.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
NICE = 10
GRACE = 10  # seconds of the processor between being asked to end and being killed


def main(parent: int, memory: int, cpu_seconds: int, file_bytes: int, command: list[str]) -> None:
    _die_with(parent)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + GRACE)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    if sys.platform != "darwin":  # whose kernel knows no such limit
        _limit(resource.RLIMIT_AS, memory)
    os.nice(NICE)
    for number in (signal.SIGXFSZ, signal.SIGPIPE):  # which Python ignores, and whoever it becomes would too
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - that is what this is for; the command is ours


def _die_with(parent: int) -> None:
    """A worker that is killed leaves no child behind that goes on for an hour."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    """Never more than there may be already."""
    most = resource.getrlimit(what)[1]
    wanted = (soft, soft if hard is None else hard)
    resource.setrlimit(what, wanted if most == resource.RLIM_INFINITY else (min(soft, most), min(wanted[1], most)))


if __name__ == "__main__":
    numbers = [int(number) for number in sys.argv[1:5]]
    main(numbers[0], numbers[1], numbers[2], numbers[3], sys.argv[5:])
