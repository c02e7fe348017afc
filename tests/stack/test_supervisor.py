import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stack import MARK, ROOT
from stack.ports import free_port

SCRIPT = """
import sys
from pathlib import Path
from stack.services import Services
from stack import supervisor as module
from stack.supervisor import Supervisor

module.KILL_SECONDS = 3
port, folder, *commands = sys.argv[1:]
services = Services(Path(folder), database=False, redis=False)
supervisor = Supervisor("127.0.0.1", int(port), services, when_ready=lambda: print("READY", flush=True))
for number, command in enumerate(commands):
    supervisor.add_process(f"process{number}", command)
sys.exit(supervisor.run())
"""
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Run:
    """A supervisor in a process of its own, with a ready site and the given commands."""

    def __init__(self, folder: Path, *commands: str) -> None:
        (folder / "site.py").write_text(SERVER)
        self.mark = str(folder)
        port = str(free_port())
        site = f"exec {sys.executable} {folder / 'site.py'} {port}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, port, str(folder), site, *commands],
            cwd=ROOT,
            env=os.environ | {MARK: self.mark},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # who runs the tests under nohup has it ignored, and it is inherited
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
        )

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        read = ""
        while text not in read:
            line = self.process.stdout.readline()
            assert line, f"ended without {text!r}: {read}"
            read += line
        return read

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output

    def left(self) -> list[psutil.Process]:
        return [p for p in psutil.process_iter() if _mark(p) == self.mark and p.status() != psutil.STATUS_ZOMBIE]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2])
def test_being_asked_to_stop_ends_everything_with_success(tmp_path: Path, number: signal.Signals) -> None:
    run = Run(tmp_path, "exec sleep 60")
    run.read_until("READY")
    run.process.send_signal(number)
    code, output = run.end()
    assert (code, run.left()) == (0, [])
    assert "Stopping." in output


def test_a_process_that_ends_by_itself_is_named_and_takes_the_others_with_it(tmp_path: Path) -> None:
    run = Run(tmp_path, "echo about to fail; sleep 1; exit 3")
    code, output = run.end()
    assert (code, run.left()) == (1, [])
    assert "about to fail" in output
    assert "process1 ended by itself (exit code 3)" in output


def test_a_killed_process_is_named_with_its_signal(tmp_path: Path) -> None:
    run = Run(tmp_path, "exec sleep 61")
    run.read_until("READY")
    next(p for p in run.left() if p.cmdline() == ["sleep", "61"]).kill()
    code, output = run.end()
    assert code == 1
    assert "process1 ended by itself (killed by SIGKILL)" in output


def test_a_job_in_a_session_of_its_own_does_not_outlive_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path, f'{sys.executable} -c \'import os; os.setsid(); os.execlp("sleep", "sleep", "62")\' & sleep 62')
    run.read_until("READY")
    time.sleep(0.5)
    run.process.send_signal(signal.SIGTERM)
    code, _ = run.end()
    assert (code, run.left()) == (0, [])


def test_closing_the_output_ends_everything(tmp_path: Path) -> None:
    run = Run(tmp_path, "while true; do echo line; sleep 0.1; done")
    run.read_until("READY")
    assert run.process.stdout is not None
    run.process.stdout.close()
    assert run.process.wait(60) != 0
    assert run.left() == []
