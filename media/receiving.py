"""Receiving a file: onto the disk in pieces, counted and hashed on its way, refused as soon as it is too large."""

import base64
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from common.errors import PayloadTooLarge, ValidationProblem
from media import limits

PIECE = 256 * 1024
SPACES = (" ", "\t", "\r", "\n")


@dataclass(frozen=True)
class Received:
    """A file of somebody's on our disk: its size in bytes and the SHA-256 of what was sent, in hex."""

    path: Path
    size: int
    sha256: str
    filename: str = ""


@contextmanager
def received(pieces: Iterable[bytes], *, most: int, filename: str = "") -> Iterator[Received]:
    """Writes the pieces to a file that is gone at the end. Raises PayloadTooLarge beyond `most` bytes."""
    with tempfile.NamedTemporaryFile(prefix=limits.TEMPORARY, dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        digest, size = hashlib.sha256(), 0
        for piece in pieces:
            size += len(piece)
            if size > most:
                raise PayloadTooLarge(f"A file may have at most {most // 1024 // 1024} MB here.")
            digest.update(piece)
            file.write(piece)
        file.flush()
        if not size:
            raise ValidationProblem(errors={"file": ["This file is empty."]})
        yield Received(Path(file.name), size, digest.hexdigest(), shown_name(filename))


def from_base64(text: str) -> Iterator[bytes]:
    """The bytes of base64, or of a `data:` URL, in pieces. Raises ValidationProblem where it is neither.

    Lines may be broken, as mail and command lines do it.
    """
    body = text
    if text[:5].lower() == "data:":
        head, _, body = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise _no_base64()
    if any(space in body for space in SPACES):
        body = "".join(body.split())
    if not body or len(body) % 4 or 0 <= body.find("=") < len(body) - 2:
        raise _no_base64()
    step = PIECE * 4
    for start in range(0, len(body), step):
        try:
            yield base64.b64decode(body[start : start + step], validate=True)
        except ValueError:
            raise _no_base64() from None


def _no_base64() -> ValidationProblem:
    return ValidationProblem(errors={"base64_data": ["This is not base64, or there is nothing in it."]})


def shown_name(name: str) -> str:
    """What is kept of how somebody calls a file: the last part, without what can't be shown. It is only ever shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[: limits.LONGEST_NAME].strip()
