"""The children that draw: what they may use, what ends them, and that nobody else feels it."""

import json
import os
import queue
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import pyvips

from common.errors import Unavailable, Unprocessable
from media import drawing
from media.drawing import pool as pools
from media.drawing.pool import Pool
from tests.media.forged import picture, png

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def make_pool(monkeypatch):
    """`make_pool(…)`: a pool in which `drawing.draw` draws, until the end of the test."""
    made = []

    def make(children: int = 1, **limits) -> Pool:
        made.append(Pool(children, **limits))
        monkeypatch.setattr(drawing, "decoders", made[-1])
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def draw(tmp_path):
    """`draw()`: draws a good picture, or these bytes; from any thread."""

    def send(data: bytes | None = None) -> drawing.Picture:
        folder = tmp_path / os.urandom(6).hex()
        folder.mkdir()
        (folder / "source").write_bytes(picture(".png") if data is None else data)
        return drawing.draw(folder / "source", folder)

    return send


@pytest.fixture
def hang(tmp_path):
    """`with hang(pool) as outcome:` a child waits for a file that does not come; `outcome` is what its caller gets."""

    @contextmanager
    def waiting(pool: Pool):
        pipe, outcome = tmp_path / "pipe", queue.Queue()
        os.mkfifo(pipe)

        def ask():
            try:
                outcome.put(pool.draw(job(pipe, tmp_path)))
            except BaseException as error:
                outcome.put(error)

        thread = threading.Thread(target=ask)
        thread.start()
        end = os.open(pipe, os.O_WRONLY)  # returns when the child has opened it to read
        try:
            yield outcome
        finally:
            os.close(end)
            thread.join()
            pipe.unlink()

    return waiting


def job(source: Path, folder: Path) -> dict[str, object]:
    return {
        "source": str(source), "folder": str(folder), "format": "png", "square": False, "names": ["original"],
        "width": 2560, "height": 2560, "save_as": "webp", "quality": 85,
    }  # fmt: skip


def liar(folder: Path, answer: str) -> Path:
    """A worker that gives this answer, whatever it is asked."""
    worker = folder / "liar.py"
    worker.write_text(f"print('{{}}', flush=True)\nfor line in open(0):\n    print({answer!r}, flush=True)\n")
    return worker


def only_child(pool: Pool) -> int:
    (child,) = pool.children
    return child.pid


def wait_for_end(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


class TestItsLife:
    def test_none_is_started_before_the_first_picture_and_then_it_stays(self, make_pool, draw):
        pool = make_pool()
        assert not pool.children
        draw()
        first = only_child(pool)
        draw()
        assert only_child(pool) == first

    def test_after_so_many_pictures_it_makes_room_for_a_fresh_one(self, make_pool, draw):
        pool, pids = make_pool(pictures=2), []
        for _ in range(4):
            draw()
            pids.append(sorted(child.pid for child in pool.children))
        assert pids[0] != []
        assert pids[1] == pids[3] == []
        assert pids[0] != pids[2]

    def test_one_that_ended_while_nobody_asked_is_replaced(self, make_pool, draw):
        pool = make_pool()
        draw()
        first = only_child(pool)
        os.kill(first, signal.SIGKILL)
        wait_for_end(first)
        assert draw().files
        assert only_child(pool) != first

    def test_where_none_can_be_started_the_site_says_so(self, make_pool, draw, monkeypatch, tmp_path):
        make_pool()
        monkeypatch.setattr(pools, "WORKER", tmp_path / "nothing.py")
        with pytest.raises(Unavailable) as problem:
            draw()
        assert problem.value.headers["Retry-After"] == "10"
        monkeypatch.undo()
        make_pool()
        assert draw().files

    def test_it_knows_nothing_of_the_site(self):
        code = (
            "import runpy, sys; runpy.run_path(sys.argv[1], run_name='worker')\n"
            "print([name for name in sys.modules if name.partition('.')[0] in ('django', 'common', 'media', 'config')])"
        )
        command = [sys.executable, "-I", "-c", code, str(pools.WORKER)]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"

    def test_a_forked_process_starts_its_own(self, make_pool, draw):
        pool = make_pool()
        draw()
        before = only_child(pool)
        receiving, sending = os.pipe()
        if not (pid := os.fork()):
            try:
                draw()
                os.write(sending, json.dumps([child.pid for child in drawing.decoders.children]).encode())
                drawing.decoders.close()
            finally:
                os._exit(0)
        os.close(sending)
        os.waitpid(pid, 0)
        with os.fdopen(receiving, "rb") as said:
            (other,) = json.loads(said.read())
        assert other != before
        draw()
        assert only_child(pool) == before

    def test_a_fork_while_a_thread_draws_is_not_left_with_a_lock(self, make_pool, draw, hang):
        pool = make_pool()
        with hang(pool):
            if not (pid := os.fork()):
                try:
                    code = 0 if draw().files else 1
                    drawing.decoders.close()
                except BaseException:
                    code = 1
                os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    @linux
    def test_it_ends_with_the_process_that_started_it(self, make_pool, draw):
        make_pool()
        receiving, sending = os.pipe()
        if not (pid := os.fork()):
            draw()
            os.write(sending, str(only_child(drawing.decoders)).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(sending)
        with os.fdopen(receiving, "rb") as said:
            worker = int(said.read())
        os.waitpid(pid, 0)
        ends_at = time.monotonic() + 20
        while "worker.py" in _command(worker):
            assert time.monotonic() < ends_at
            time.sleep(0.01)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


class TestWhatEndsIt:
    def test_killed_in_the_middle_the_file_is_refused_and_the_next_one_drawn(self, make_pool, draw, hang):
        pool = make_pool()
        with hang(pool) as outcome:
            os.kill(only_child(pool), signal.SIGKILL)
            problem = outcome.get(timeout=20)
        assert isinstance(problem, Unprocessable)
        assert problem.detail == pools.CRASHED
        assert draw().files

    def test_a_crash_of_the_library_is_the_same(self, make_pool, draw, hang):
        pool = make_pool()
        with hang(pool) as outcome:
            os.kill(only_child(pool), signal.SIGSEGV)
            assert isinstance(outcome.get(timeout=20), Unprocessable)
        assert draw().files

    def test_what_takes_too_long_is_ended(self, make_pool, draw, hang):
        pool = make_pool(seconds=0.3)
        with hang(pool) as outcome:
            problem = outcome.get(timeout=20)
        assert isinstance(problem, Unprocessable)
        assert problem.detail == pools.TOO_SLOW
        assert not pool.children
        make_pool()
        assert draw().files

    @linux
    def test_what_needs_too_much_memory_is_refused_and_the_next_one_drawn(self, make_pool, draw):
        pool = make_pool()
        draw()
        status = Path(f"/proc/{only_child(pool)}/status").read_text(encoding="utf-8")
        enough_for_a_small_one = int(re.search(r"VmPeak:\s+(\d+) kB", status)[1]) * 1024 + 20 * 1024 * 1024
        bomb = pyvips.Image.black(4000, 4000, bands=3).write_to_buffer(".png", interlace=True, compression=1)
        make_pool(memory=enough_for_a_small_one)
        assert draw().files
        with pytest.raises(Unprocessable):
            draw(bomb)
        assert draw().files
        make_pool()
        assert draw(bomb).width == 2560

    def test_what_would_be_too_large_on_the_disk_is_refused(self, make_pool, draw):
        make_pool(file_bytes=300)
        with pytest.raises(Unprocessable, match="too many bytes"):
            draw(picture(".jpg"))
        assert draw(png(4, 4)).files

    def test_an_answer_that_makes_no_sense_is_not_believed(self, make_pool, draw, monkeypatch, tmp_path):
        monkeypatch.setattr(pools, "WORKER", liar(tmp_path, "[" * 9))
        pool = make_pool()
        with pytest.raises(Unprocessable):
            draw()
        assert not pool.children

    def test_files_are_taken_only_from_where_they_were_asked_for(self, make_pool, draw, monkeypatch, tmp_path):
        said = {
            "width": 1, "height": 1, "animated": False, "blurhash": "", "seconds": {},
            "files": [
                {"name": name, "extension": "/../../x", "width": 1, "height": 1, "size": 1, "sha256": ""}
                for name in ("../../etc/passwd", "original")
            ],
        }  # fmt: skip
        monkeypatch.setattr(pools, "WORKER", liar(tmp_path, json.dumps(said)))
        make_pool()
        (file,) = draw().files
        assert file.path.name == "original.webp"


class TestTheLine:
    def test_who_comes_while_one_is_drawn_waits(self, make_pool, draw, hang):
        pool = make_pool()
        with ThreadPoolExecutor(3) as threads:
            with hang(pool):
                waiting = [threads.submit(draw) for _ in range(3)]
                assert len(pool.children) == 1
                assert not any(one.done() for one in waiting)
            assert all(one.result(timeout=20).files for one in waiting)
        assert len(pool.children) == 1

    def test_who_has_waited_for_long_is_sent_away_with_a_word(self, make_pool, draw, hang):
        pool = make_pool(wait=0.05)
        with hang(pool), pytest.raises(Unavailable) as problem:
            draw()
        assert problem.value.headers["Retry-After"] == "10"
        assert draw().files

    def test_two_draw_beside_each_other_where_the_site_says_so(self, make_pool, draw, hang):
        pool = make_pool(2)
        with hang(pool):
            assert draw().files
            assert len(pool.children) == 2

    def test_the_settings_say_how_many(self, settings, draw, hang, monkeypatch):
        settings.MEDIA_DECODERS = 2
        pool = Pool(wait=5)
        monkeypatch.setattr(drawing, "decoders", pool)
        with hang(pool):
            assert draw().files
        pool.close()


@linux
class TestWhatItHas:
    @pytest.fixture
    def proc(self, make_pool, draw, monkeypatch):
        """The child's folder in /proc, after it has drawn."""
        monkeypatch.setenv("DJANGO_SECRET_KEY", "a-secret-of-the-site")
        monkeypatch.setenv("DATABASE_URL", "postgres://troupe:secret@localhost/troupe")
        pool = make_pool()
        draw(picture(".jpg"))
        return Path(f"/proc/{only_child(pool)}")

    def test_no_secret_of_the_site(self, proc):
        names = {entry.partition(b"=")[0].decode() for entry in (proc / "environ").read_bytes().split(b"\x00") if entry}
        assert names <= {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "MALLOC_ARENA_MAX", "VIPS_DISC_THRESHOLD"}
        assert "PATH" in names

    def test_no_file_of_the_site(self, make_pool, draw, tmp_path):
        with (tmp_path / "inherited").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            pool = make_pool()
            draw()
            entries = [entry for entry in Path(f"/proc/{only_child(pool)}/fd").iterdir() if entry.name not in "012"]
            open_files = [str(entry.readlink()) for entry in entries]
        assert not [name for name in open_files if str(tmp_path) in name or "(deleted)" in name]

    def test_limits(self, proc):
        pid = int(proc.name)
        assert resource.prlimit(pid, resource.RLIMIT_AS) == (pools.MEMORY_BYTES,) * 2
        assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (pools.FILE_BYTES,) * 2
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)

    def test_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(self, proc):
        assert os.getsid(int(proc.name)) == int(proc.name)

    def test_no_work_left_of_it(self, proc):
        assert (proc / "cwd").readlink() == Path("/")
        assert not list(Path("/tmp").glob("vips-*"))  # noqa: S108
