"""A person's copy of their own data, a ZIP written piece by piece: the memory it takes does not grow with the data."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import registry
from accounts.models import User
from common.rendering import to_readable_json

PIECE = 1024 * 1024
Moved = Callable[[int], None]


def write_archive(path: Path, user: User, moved: Moved) -> None:
    """Writes the file. `moved` is called with the per cent that are done, often; what it raises ends the work."""
    parts = registry.export_parts()
    total = sum(max(1, part.size(user)) for part in parts.values())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        counter = _Counter(total, moved)
        _write(archive, "README.txt", [_readme(user, parts).encode()])
        for name, part in parts.items():
            counter.begin(max(1, part.size(user)))
            for filename, content in part.read(user):
                _write(archive, f"{name}/{filename}", _pieces(content, counter))
                counter.count()


class _Counter:
    """Files and items of long lists, as per cent. A part that said too small a size stands still at its end."""

    def __init__(self, total: int, moved: Moved) -> None:
        self.total, self.moved = total, moved
        self.before = self.done = self.size = 0

    def begin(self, size: int) -> None:
        self.before += self.size
        self.done, self.size = 0, size

    def count(self) -> None:
        self.done += 1
        self.tick()

    def tick(self) -> None:
        self.moved(99 * (self.before + min(self.done, self.size)) // self.total)


def _write(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> None:
    info = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    with archive.open(info, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)


def _pieces(content: Any, counter: _Counter) -> Iterator[bytes]:
    if isinstance(content, registry.LongList):
        yield from _long_list(content, counter)
    elif hasattr(content, "read"):
        yield from _copied(content, counter)
    else:
        yield to_readable_json(content)


def _long_list(content: registry.LongList, counter: _Counter) -> Iterator[bytes]:
    head = to_readable_json(content.head).rstrip().removesuffix(b"}").rstrip()
    yield head + (b",\n" if content.head else b"\n")
    yield b"  " + orjson.dumps(content.name) + b": ["
    comma = b"\n"
    for item in content.items:
        yield comma + to_readable_json(item)
        comma = b",\n"
        counter.count()
    yield b"\n  ]\n}"


def _copied(file: IO[bytes], counter: _Counter) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
            counter.tick()


def _readme(user: User, parts: dict[str, registry.ExportPart]) -> str:
    folders = [{"name": name, "says": part.says} for name, part in sorted(parts.items())]
    return render_to_string("accounts/export_readme.txt", {"user": user, "folders": folders, "at": timezone.now()})
