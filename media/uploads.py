"""Bodies with files: none is read that is larger than we take, and none of a file stands in memory whole."""

import hashlib
from pathlib import Path
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

from common.errors import UnsupportedMediaType, ValidationProblem
from media import limits
from media.receiving import Received, shown_name


class LimitedUpload(FileUploadHandler):
    """The first of all handlers, on every page: what is too large is refused before a byte of it is stored."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any) -> None:  # noqa: N803
        if content_length > limits.LARGEST_BODY:
            raise RequestDataTooBig("The body is too large.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class DiskUpload(TemporaryFileUploadHandler):
    """Puts a file onto the disk as it comes, and knows its SHA-256 when it is there. Of one that is too large no more
    than that is kept."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.digest, self.too_large = hashlib.sha256(), False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.too_large = self.too_large or start + len(raw_data) > limits.MOST_IMAGE_BYTES
        if not self.too_large:
            self.digest.update(raw_data)
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> Any:
        file: Any = super().file_complete(file_size)
        file.sha256, file.too_large = self.digest.hexdigest(), self.too_large
        return file


def refuse_large(content_length: str) -> None:
    """Before a body is read. Raises PayloadTooLarge where it can't be a form with one picture."""
    if content_length.isdigit() and int(content_length) > limits.MOST_IMAGE_BYTES + limits.ROOM_FOR_THE_REST:
        raise limits.too_large("image")


def require_form(content_type: str) -> None:
    """Before a body is read. Raises UnsupportedMediaType."""
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedMediaType("Please send multipart/form-data with a file.")


def the_file(content_type: str, files: Any) -> Received:
    """The one file of a form, `file`. Raises UnsupportedMediaType, ValidationProblem, PayloadTooLarge."""
    require_form(content_type)
    if extra := set(files) - {"file"}:
        raise ValidationProblem(errors={name: ["This field is not known."] for name in extra})
    given = files.getlist("file")
    if len(given) != 1 or not given[0].size:
        raise ValidationProblem(errors={"file": ["Send one file."]})
    (file,) = given
    if file.too_large:
        raise limits.too_large("image")
    return Received(Path(file.temporary_file_path()), file.size, file.sha256, shown_name(file.name or ""))
