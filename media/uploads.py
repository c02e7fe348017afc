"""Bodies with files: none is read that is larger than we take."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from common.errors import PayloadTooLarge, UnsupportedMediaType, ValidationProblem
from media.images import MOST_BYTES

LARGEST_BODY = 50 * 1024 * 1024
ROOM_FOR_THE_REST = 64 * 1024  # boundaries, headers and the other fields of a form with one picture


class LimitedUpload(FileUploadHandler):
    """The first of all handlers, on every page: what is too large is refused before a byte of it is stored."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any) -> None:  # noqa: N803
        if content_length > LARGEST_BODY:
            raise RequestDataTooBig("The body is too large.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def refuse_large(content_length: str) -> None:
    """Before a body is read. Raises PayloadTooLarge where it can't be a form with one picture."""
    if content_length.isdigit() and int(content_length) > MOST_BYTES + ROOM_FOR_THE_REST:
        raise PayloadTooLarge(f"A picture may have at most {MOST_BYTES // 1024 // 1024} MB.")


def the_picture(content_type: str, files: Any) -> bytes:
    """The one file of a form, `file`. Raises UnsupportedMediaType, ValidationProblem, PayloadTooLarge."""
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedMediaType("Please send multipart/form-data with a file.")
    if extra := set(files) - {"file"}:
        raise ValidationProblem(errors={name: ["This field is not known."] for name in extra})
    given = files.getlist("file")
    if len(given) != 1:
        raise ValidationProblem(errors={"file": ["Send one picture."]})
    if given[0].size > MOST_BYTES:
        raise PayloadTooLarge(f"A picture may have at most {MOST_BYTES // 1024 // 1024} MB.")
    data: bytes = given[0].read()
    return data
