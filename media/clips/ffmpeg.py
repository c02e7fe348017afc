"""ffmpeg as a child with limits: of time, memory, processor and file size, of what it opens and of what it decodes.

Files of people are only ever named to it as `Source`s, which say what they may be. What it complains of goes to our own
log, a few lines of it; people are told in our words.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog

from media.clips import limits

log = structlog.get_logger(__name__)
Hear = Callable[[bytes], None]

DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "m4a": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "mp3": "mp3",
    "ogg": "ogg",
    "wav": "wav",
    "flac": "flac",
}
# the build knows some five hundred; what cameras, phones, browsers and studios write needs these
VIDEO_DECODERS = ("h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mjpeg", "prores")
AUDIO_DECODERS = ("aac", "mp3float", "mp3", "opus", "vorbis", "flac", "alac", "ac3", "eac3", "speex", "libspeex")
PCM = ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "alaw", "mulaw")
DECODERS = ",".join((*VIDEO_DECODERS, *AUDIO_DECODERS, *(f"pcm_{name}" for name in PCM)))

OPTIONS = ["-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "1"]
BOUNDED = Path(__file__).with_name("bounded.py")
ENVIRONMENT = {"LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}  # an arena for each thread would take 64 MiB of addresses
PIECE = 64 * 1024
LINES_KEPT, LINE_LENGTH = 20, 300
ENDED = (-signal.SIGKILL, -signal.SIGTERM, 255)  # asked to end, it does so itself, with 255


class FfmpegError(Exception):
    """ffmpeg could not do what it was asked; `lines` is the end of what it complained of."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        super().__init__("; ".join(lines))
        self.lines = list(lines)


class TooSlowError(FfmpegError):
    """It had to be stopped, for it took too long or wrote too much."""


class KilledError(Exception):
    """Somebody else has ended it: a machine that shuts down or is out of memory. That says nothing of the clip."""


@dataclass(frozen=True)
class Source:
    """A file that was sent to us, and which of `media.formats` it is by its first bytes."""

    path: Path
    format: str

    def arguments(self, *, start: float = 0) -> list[str]:
        """Opens this one file as what it is: no playlist, no other file, no address, no huge frame."""
        return [
            *("-protocol_whitelist", "file"),
            *("-codec_whitelist", DECODERS),
            *("-max_pixels", str(limits.MOST_PIXELS * 11 // 10)),  # decoders count whole blocks
            *("-threads", str(limits.THREADS)),
            *(("-ss", f"{start:.3f}") if start else ()),
            *("-f", DEMUXERS[self.format]),
            *("-i", f"file:{self.path}"),
        ]


@cache
def binary() -> str:
    """The program that comes with the wheel."""
    import imageio_ffmpeg

    return str(Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve())


def run(arguments: Sequence[str], *, seconds: float, hear: Hear | None = None) -> list[str]:
    """Runs ffmpeg; `hear` is given what it writes to `pipe:1`, in pieces. Returns its last complaints.

    Raises FfmpegError, TooSlowError after so many seconds, KilledError, and whatever `hear` raises. The child is dead
    by then.
    """
    command = [binary(), *OPTIONS, *arguments]
    ending: deque[str] = deque(maxlen=LINES_KEPT)
    deadline = time.monotonic() + seconds
    with _child(command, cpu_seconds=int(seconds * limits.THREADS) + 1) as child:
        try:
            _listen(child, deadline, hear or (lambda piece: None), ending)
            code = child.wait(max(0.1, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            log.warning("ffmpeg stopped", seconds=seconds, complaints=list(ending))
            raise TooSlowError(list(ending)) from None
    if code in ENDED:
        raise KilledError(f"ffmpeg was ended from outside ({code})")
    if code:
        log.info("ffmpeg failed", code=code, complaints=list(ending))
        raise (TooSlowError if code == -signal.SIGXFSZ else FfmpegError)(list(ending))
    return list(ending)


@contextmanager
def _child(command: list[str], *, cpu_seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    bounds = [os.getpid(), limits.MEMORY, cpu_seconds, limits.LARGEST_FILE]
    child = subprocess.Popen(  # noqa: S603 - a list of our own making, and no shell
        [sys.executable, "-I", "-S", str(BOUNDED), *map(str, bounds), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


def _listen(child: subprocess.Popen[bytes], deadline: float, hear: Hear, ending: deque[str]) -> None:
    """Reads both pipes until they are closed, whichever has something. Raises TimeoutError."""
    assert child.stdout
    assert child.stderr
    complaints = _Lines(ending)
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, hear)
        selector.register(child.stderr, selectors.EVENT_READ, complaints)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready or time.monotonic() > deadline:
                raise TimeoutError
            for key, _ in ready:
                piece = os.read(key.fd, PIECE)
                if piece:
                    key.data(piece)
                else:
                    selector.unregister(key.fileobj)


class _Lines:
    """Keeps the last lines, each cut short, of however much comes."""

    def __init__(self, kept: deque[str]) -> None:
        self.kept, self.begun = kept, b""

    def __call__(self, piece: bytes) -> None:
        *whole, self.begun = (self.begun + piece).split(b"\n")
        self.begun = self.begun[-PIECE:]
        self.kept.extend(line.decode("ascii", "replace")[:LINE_LENGTH] for line in whole[-LINES_KEPT:])
