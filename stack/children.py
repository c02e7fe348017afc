"""Commands whose output is followed line by line."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from stack import ROOT


@contextmanager
def following(command: list[str], stderr: int | IO[str]) -> Iterator["subprocess.Popen[str]"]:
    """Runs the command in the project's folder; when we are stopped in the middle, it and its children are too."""
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True, errors="replace",
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
