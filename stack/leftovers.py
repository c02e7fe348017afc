"""Processes of a run that outlived it: a kill -9 leaves them, and so does a job in a process group of its own.

Every process of a run inherits a mark in its environment, so they are found whoever their parent is by now.
The mark's value is the run's folder, so that runs elsewhere are left alone.
"""

import contextlib
import os

import psutil

from stack import MARK

PATIENCE = 3


def stop_leftovers(*, but_children: bool = False) -> int:
    """Ends every process with our own mark but this one and its ancestors; returns how many there were."""
    own = psutil.Process()
    spared = {p.pid for p in [own, *own.parents(), *(own.children() if but_children else [])]}
    found = [p for p in psutil.process_iter() if p.pid not in spared and _is_marked(p)]
    for process in found:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(found, timeout=PATIENCE)
    for process in stubborn:
        _signal(process, "kill")
    psutil.wait_procs(stubborn, timeout=PATIENCE)
    return len(found)


def _is_marked(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == os.environ[MARK]
    except (psutil.Error, OSError):
        return False


def _signal(process: psutil.Process, action: str) -> None:
    with contextlib.suppress(psutil.Error):
        getattr(process, action)()
