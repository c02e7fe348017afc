"""Processes of a run that outlived it: a kill -9 leaves them, and so does a job in a process group of its own.

Every process of a run inherits a mark in its environment, so they are found whoever their parent is by now.
"""

import contextlib

import psutil

from stack import MARK, VAR

PATIENCE = 3


def stop_leftovers() -> int:
    """Ends every process of a run in this folder but this one and its ancestors; returns how many there were."""
    found = _marked()
    for process in found:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(found, timeout=PATIENCE)
    for process in stubborn:
        _signal(process, "kill")
    psutil.wait_procs(stubborn, timeout=PATIENCE)
    return len(found)


def _marked() -> list[psutil.Process]:
    own = psutil.Process()
    spared = {own.pid, *(parent.pid for parent in own.parents())}
    return [process for process in psutil.process_iter() if process.pid not in spared and _is_marked(process)]


def _is_marked(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(VAR)
    except (psutil.Error, OSError):
        return False


def _signal(process: psutil.Process, action: str) -> None:
    with contextlib.suppress(psutil.Error):
        getattr(process, action)()
