"""Uploads of pictures: how long one takes and where its time goes, beside Pillow, and what fifty large ones cost in
memory."""

import http.client
import io
import json
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil

from bench import pictures
from bench.figures import percentile

PATH = "/api/upload/file"
SEEDS_MS = 2_000  # what the applications before this one said of a megabyte
STEPS = ("receive", "scan", "wait", "decode", "encode", "store")
BOUNDARY = "troupe-bench"
PIECE = 64 * 1024
LONGEST_SECONDS = 300
AT_ONCE = 50
GROWTH_MIB = 64
ALLOWED = {("413", "PAYLOAD_TOO_LARGE"), ("429", "RATE_LIMIT_EXCEEDED"), ("503", "NOT_READY")}
DRAWING = "drawing/worker.py"  # in the command of a child that draws
EVERY_SECONDS = 0.1


@dataclass
class UploadsResult:
    """Times in milliseconds. `steps` are what the application itself told, medians by name."""

    done: int = 0
    refused: int = 0  # with an error that the contract names
    errors: int = 0
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)


def run(url: str, picture: bytes, tokens: Sequence[str], numbers: range, connections: int) -> UploadsResult:
    """Sends the picture once for each number, each time as other bytes, over so many connections at once."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    result, lock, told = UploadsResult(), threading.Lock(), []

    def work() -> None:
        address = urlsplit(url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=LONGEST_SECONDS)
        with suppress(queue.Empty):
            while True:
                number = waiting.get_nowait()
                answer = _send(connection, picture, number, tokens[number % len(tokens)])
                with lock:
                    _count(result, told, answer)
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - began
    result.times.sort()
    result.steps = {name: statistics.median(one.get(name, 0.0) for one in told) for name in STEPS if told}
    return result


@dataclass(frozen=True)
class _Answer:
    status: int
    code: str
    milliseconds: float
    steps: dict[str, float]


def _count(result: UploadsResult, told: list[dict[str, float]], answer: _Answer) -> None:
    if answer.status == 201:
        result.done += 1
        result.times.append(answer.milliseconds)
        told.append(answer.steps)
    elif (str(answer.status), answer.code) in ALLOWED:
        result.refused += 1
    else:
        result.errors += 1


def _send(connection: http.client.HTTPConnection, picture: bytes, number: int, token: str) -> _Answer:
    began = time.perf_counter()
    try:
        length, body = _form(picture, number)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(length),
        }
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return _Answer(0, type(error).__name__, 0.0, {})
    took = 1e3 * (time.perf_counter() - began)
    if answer.status != 201:
        return _Answer(answer.status, _code(data), took, {})
    asset = json.loads(data)
    if not asset["width"] or not asset["blurhash"]:
        return _Answer(answer.status * 10, "NOT_WHOLE", took, {})
    return _Answer(answer.status, "", took, _steps(answer.headers["Server-Timing"] or ""))


def _form(picture: bytes, number: int) -> tuple[int, Iterator[bytes]]:
    """Its length, and a form with the picture in pieces, so that fifty of them need not stand in our memory."""
    name = f'Content-Disposition: form-data; name="file"; filename="{number}.jpg"\r\nContent-Type: image/jpeg'
    head, rest = pictures.numbered(picture, number)
    before, after = f"--{BOUNDARY}\r\n{name}\r\n\r\n".encode() + head, f"\r\n--{BOUNDARY}--\r\n".encode()
    whole = memoryview(rest)
    pieces = (bytes(whole[at : at + PIECE]) for at in range(0, len(whole), PIECE))
    return len(before) + len(rest) + len(after), _chain([before], pieces, [after])


def _chain(*parts: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield from part


def _code(data: bytes) -> str:
    try:
        return str(json.loads(data)["code"])
    except (ValueError, KeyError, TypeError):
        return "NO_PROBLEM_DOCUMENT"


def _steps(header: str) -> dict[str, float]:
    """`receive;dur=3.1, decode;dur=20.4` as milliseconds by name."""
    parts = [part.strip().split(";dur=") for part in header.split(",") if ";dur=" in part]
    return {name: float(milliseconds) for name, milliseconds in parts}


# --- memory -----------------------------------------------------------------------------------------------------------


class MemoryMeter:
    """`with MemoryMeter(pids) as meter: …`: the most that these processes and their children took meanwhile, in MiB.

    `web` is without the children that draw pictures, which are `drawing`; each has PSS and RSS, summed up.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        self.before, self.most = _memory(pids), _memory(pids)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def grown(self, name: str) -> float:
        return self.most[name] - self.before[name]

    def _look(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            now = _memory(self.pids)
            self.most = {name: max(value, self.most[name]) for name, value in now.items()}


def _memory(pids: Sequence[int]) -> dict[str, float]:
    found = dict.fromkeys(("web_pss", "web_rss", "drawing_pss", "drawing_rss"), 0.0)
    for pid in pids:
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    group = "drawing" if any(DRAWING in word for word in process.cmdline()) else "web"
                    memory = process.memory_full_info()
                    found[f"{group}_pss"] += memory.pss / pictures.MIB
                    found[f"{group}_rss"] += memory.rss / pictures.MIB
    return found


# --- beside Pillow ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BesidePillow:
    """Medians in milliseconds: of the clock, and of the processor."""

    ours: list[float]
    ours_cpu_ms: float
    pillow: list[float]
    pillow_cpu_ms: float

    @property
    def ratio(self) -> float:
        return percentile(self.pillow, 50) / percentile(self.ours, 50)


def beside_pillow(picture: bytes, times: int) -> BesidePillow:
    """The same picture drawn by us and by Pillow in turns: decoded, made smaller, saved, hashed. Needs Django."""
    from media import drawing

    with tempfile.TemporaryDirectory(prefix="troupe-bench-") as name:
        folder = Path(name)
        source = folder / "source.jpg"
        source.write_bytes(picture)
        drawing.draw(source, folder)  # its child is started, and warm
        with_pillow(source, folder)
        (child,) = [psutil.Process(one.pid) for one in drawing.decoders.children]
        ours, pillow = [], []
        for _ in range(times):
            ours.append(_timed(lambda: drawing.draw(source, folder), lambda: _cpu(child) + time.process_time()))
            pillow.append(_timed(lambda: with_pillow(source, folder), time.process_time))
        drawing.decoders.close()
    return BesidePillow(
        ours=sorted(clock for clock, _ in ours),
        ours_cpu_ms=statistics.median(cpu for _, cpu in ours),
        pillow=sorted(clock for clock, _ in pillow),
        pillow_cpu_ms=statistics.median(cpu for _, cpu in pillow),
    )


def _timed(work: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float]:
    used, began = cpu(), time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began), 1e3 * (cpu() - used)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def with_pillow(source: Path, folder: Path) -> str:
    """The same work: the same sizes, each made from the next larger one, the same settings of WebP, the same hash."""
    import blurhash
    from django.conf import settings
    from PIL import Image, ImageOps

    from media.drawing import worker

    with Image.open(source) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    most = (settings.IMAGE_MAX_WIDTH, settings.IMAGE_MAX_HEIGHT)
    for name, size in {"original": most, **{name: (side, side) for name, side in worker.SIDES.items()}}.items():
        picture.thumbnail(size, Image.Resampling.LANCZOS)
        small = picture.width * picture.height <= worker.SMALL_PIXELS
        saved = io.BytesIO()
        effort = worker.SMALL_EFFORT if small else worker.WEBP_EFFORT
        picture.save(saved, "WEBP", quality=settings.IMAGE_QUALITY, method=effort)
        (folder / f"pillow-{name}.webp").write_bytes(saved.getvalue())
    picture.thumbnail((worker.BLUR_SIDE, worker.BLUR_SIDE), Image.Resampling.LANCZOS)
    rows = [[picture.getpixel((x, y)) for x in range(picture.width)] for y in range(picture.height)]
    return str(blurhash.encode(rows, worker.BLUR_COLUMNS, worker.BLUR_ROWS))
