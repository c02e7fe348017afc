import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack import ROOT, run
from stack.locks import HeldError, hold


def test_a_second_holder_learns_who_has_the_lock(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", facts={"pid": 7}):
        with pytest.raises(HeldError) as caught, hold(tmp_path / "lock"):
            pass
        assert caught.value.args[0] == {"pid": 7}
    with hold(tmp_path / "lock"):
        pass


def test_the_lock_goes_with_its_holder_however_that_ends(tmp_path: Path) -> None:
    """Even while a forked child of the holder lives on, as honcho's do."""
    script = (
        "import os, sys, time; from pathlib import Path; from stack.locks import hold\n"
        "with hold(Path(sys.argv[1])):\n"
        "    if os.fork() == 0: time.sleep(30); os._exit(0)\n"
        "    print('held', flush=True); time.sleep(30)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, process_group=0) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HeldError), hold(tmp_path / "lock"):
            pass
        holder.kill()
        holder.wait()
        try:
            with hold(tmp_path / "lock"):
                pass
        finally:
            os.killpg(holder.pid, signal.SIGKILL)


def test_a_second_run_in_the_folder_says_where_the_first_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOCK", tmp_path / "run.lock")
    first = run.the_only_run({"address": "http://127.0.0.1:8000"})
    with first, pytest.raises(run.StackError, match=r"already at http://127\.0\.0\.1:8000 \(process \d+\)"):  # noqa: SIM117
        with run.the_only_run({}):
            pass
