"""Pictures, drawn anew: whatever came in, what goes out is pixels in a file of our own making.

Decoding and encoding happen in child processes (`pool.py`, `worker.py`) with limits on time, memory and size.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from common.errors import Unavailable, Unprocessable, UnsupportedMediaType
from media.drawing.pool import Pool
from media.formats import format_of

log = structlog.get_logger(__name__)
ALL = ("original", "medium", "small", "thumbnail")
HEAD_BYTES = 4096

decoders = Pool()
os.register_at_fork(after_in_child=lambda: decoders.forget())  # noqa: PLW0108 - a test may put another one here


@dataclass(frozen=True)
class Drawn:
    """One file that was drawn. `size` in bytes, `sha256` in hex."""

    name: str
    path: Path
    mime_type: str
    width: int
    height: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Picture:
    """Width and height of the original as it is drawn (or would be, where it is not among `files`), in pixels.

    `files` is in the order original, medium, small, thumbnail; a variant that would be no smaller than the original
    isn't made. `seconds` has `decode` and `encode`.
    """

    width: int
    height: int
    animated: bool
    blurhash: str
    files: list[Drawn]
    seconds: dict[str, float]


def draw(source: Path, folder: Path, *, square: bool = False, names: Sequence[str] = ALL) -> Picture:
    """Draws the picture in `source`, and its smaller variants, as files in `folder`.

    `square` cuts out the middle first. With fewer `names` only these are made, as later from a stored original.
    Raises UnsupportedMediaType (not one of our formats), Unprocessable (broken, too many pixels or frames, too slow,
    too much memory), Unavailable (no child could be started, or none was free in time).
    """
    if unknown := set(names) - set(ALL):
        raise ValueError(f"no such variant: {', '.join(sorted(unknown))}")
    said = decoders.draw(
        {
            "source": str(source.absolute()),
            "folder": str(folder.absolute()),
            "format": _format_name(source),
            "square": square,
            "names": list(names),
            "width": getattr(settings, "IMAGE_MAX_WIDTH", 2560),
            "height": getattr(settings, "IMAGE_MAX_HEIGHT", 2560),
            "save_as": getattr(settings, "IMAGE_FORMAT", "webp"),
            "quality": getattr(settings, "IMAGE_QUALITY", 85),
        }
    )
    if "refused" in said:
        log.info("picture refused", reason=said.get("reason", said["refused"]))
        raise Unprocessable(said["refused"])
    if "failed" in said:
        log.error("picture not drawn", reason=said["failed"])
        raise Unavailable("Pictures can't be kept just now.", retry_after=60)
    return _picture(said, folder, names)


def _format_name(source: Path) -> str:
    with source.open("rb") as file:
        found = format_of(file.read(HEAD_BYTES))
    if found is None or found.family != "image":
        raise UnsupportedMediaType("Please send a JPEG, PNG, WebP, GIF or AVIF picture.")
    return found.name


def _picture(said: dict[str, Any], folder: Path, names: Sequence[str]) -> Picture:
    # a decoder that was taken over may say anything, so no path is made of its words
    files = {name: file for file in said["files"] for name in names if name == file["name"]}
    drawn = [_drawn(name, files[name], folder) for name in ALL if name in files]
    return Picture(said["width"], said["height"], said["animated"], said["blurhash"], drawn, said["seconds"])


def _drawn(name: str, file: dict[str, Any], folder: Path) -> Drawn:
    extension = "avif" if file["extension"] == "avif" else "webp"
    path, mime_type = folder / f"{name}.{extension}", f"image/{extension}"
    return Drawn(name, path, mime_type, file["width"], file["height"], file["size"], file["sha256"])
