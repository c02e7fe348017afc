"""Sending an archive: as a whole, or one range of it, so that a broken download goes on where it stopped."""

import io
from pathlib import Path
from typing import IO

from django.http import FileResponse, HttpResponse, HttpResponseBase

from accounts.models import DataExport
from accounts.services.exports import file_of
from common.errors import NotFound
from common.ranges import asked_range


def send_export(export: DataExport, wanted: str | None) -> HttpResponseBase:
    """The file of an export that is ready; `wanted` is the header `Range`. Raises NotFound where the file is gone."""
    path = file_of(export)
    try:
        file, size = path.open("rb"), path.stat().st_size
    except FileNotFoundError as error:
        raise NotFound from error
    response = _respond(file, size, wanted)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    name = f"troupe-data-{export.created_at:%Y-%m-%d}{Path(export.file).suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _respond(file: IO[bytes], size: int, wanted: str | None) -> HttpResponseBase:
    piece = asked_range(wanted, size)
    if piece is None:
        return FileResponse(file, content_type="application/zip")
    first, last = piece
    if first > last:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    file.seek(first)
    response = FileResponse(_Piece(file, last - first + 1), content_type="application/zip", status=206)
    response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    response.headers["Content-Length"] = str(last - first + 1)
    return response


class _Piece(io.RawIOBase):
    """The next `left` bytes of a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self.file, self.left = file, left

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        piece = self.file.read(wanted)
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        self.file.close()
        super().close()
