"""Pictures from outside: looked at by their content, never by their name, and drawn anew.

What leaves here is an image of our own making; nothing of the file but its pixels is in it. `libvips` reads the file in
C, so it is only given what begins as one of five formats, never more pixels than `MOST_PIXELS`, and one file at a time.
"""

import functools
import logging
import threading
from typing import Any

from common.errors import PayloadTooLarge, Unprocessable, UnsupportedMediaType

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
MOST_AT_ONCE = 16_000_000  # where a file can't be decoded line by line, and all of it stands in memory
READ_WHOLE = {"webp", "gif", "avif"}
MANY_PASSES = ("jpeg-multiscan", "interlaced")  # what libvips says of such JPEGs and PNGs
LONGEST_SIDE = 16_383  # pixels; WebP knows no more, and nobody's face is longer
AVATAR_SIDE = 512
QUALITY = 85
AVIF_BRANDS = {b"avif", b"avis"}

_one_at_a_time = threading.Lock()


@functools.cache
def _vips() -> Any:
    """The library, loaded with the first picture: most processes never see one."""
    import pyvips

    logging.getLogger("pyvips").setLevel(logging.WARNING)  # otherwise it tells of every step
    # readers that nobody has tried to break for years (PDF, SVG and more) are shut, whatever a file claims to be
    pyvips.block_untrusted_set(True)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    return pyvips


def avatar(data: bytes) -> bytes:
    """The square in the middle of a picture, as WebP of 512 by 512 pixels, turned upright, its first frame alone.

    Raises PayloadTooLarge (bytes), UnsupportedMediaType (no picture that we read), Unprocessable (too many pixels, or
    broken).
    """
    if len(data) > MOST_BYTES:
        raise PayloadTooLarge(f"A picture may have at most {MOST_BYTES // 1024 // 1024} MB.")
    if not kind_of(data):
        raise UnsupportedMediaType("Please send a JPEG, PNG, WebP, GIF or AVIF picture.")
    with _one_at_a_time:
        try:
            return _square(data)
        except _vips().Error as error:
            raise Unprocessable("This picture is broken, or it is not what it says it is.") from error


def kind_of(data: bytes) -> str:
    """The format that the first bytes tell, "" for none of ours."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[4:8] == b"ftyp" and data[8:12] in AVIF_BRANDS:
        return "avif"
    return ""


LOADERS = {
    "jpeg": "jpegload_buffer",
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "gif": "gifload_buffer",
    "avif": "heifload_buffer",
}


def _square(data: bytes) -> bytes:
    kind = kind_of(data)
    load = getattr(_vips().Image, LOADERS[kind])
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    header = load(data, **options)  # no pixel is read yet
    most = MOST_AT_ONCE if kind in READ_WHOLE or _is_in_passes(header) else MOST_PIXELS
    if header.width * header.height > most or max(header.width, header.height) > LONGEST_SIDE:
        raise Unprocessable(f"A picture may have at most {most // 1_000_000} million pixels.")
    if kind == "jpeg":
        options["shrink"] = _shrink(min(header.width, header.height))
    # not `thumbnail_buffer`, which reads on where a file is torn off, whatever `fail_on` says
    picture = load(data, **options)
    if min(picture.width, picture.height) < AVATAR_SIDE:
        picture = _middle(picture)
    small = picture.thumbnail_image(AVATAR_SIDE, height=AVATAR_SIDE, crop="centre", output_profile="srgb")
    return bytes(small.webpsave_buffer(Q=QUALITY, keep="none"))


def _middle(picture: Any) -> Any:
    """The square in the middle. Made larger whole, a strip of 3 by 2,000 pixels would have 170 million of them."""
    side = min(picture.width, picture.height)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.copy_memory().crop(left, top, side, side)


def _is_in_passes(header: Any) -> bool:
    return any(header.get_typeof(name) and header.get(name) for name in MANY_PASSES)


def _shrink(side: int) -> int:
    """By how much a JPEG is made smaller while it is decoded: an eighth of a large photo is an eighth of the work."""
    return next((by for by in (8, 4, 2) if side >= AVATAR_SIDE * by), 1)
