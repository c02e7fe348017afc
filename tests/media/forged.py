"""Files built byte by byte: good pictures to begin with, and the pieces that forged ones are made of."""

import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import pyvips

SCRIPT = b"<script>alert('troupe')</script>"
PHP = b"<?php system($_GET['troupe']); ?>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + SCRIPT + b"</svg>"
HTML = b"<!doctype html><html><body>" + SCRIPT + b"</body></html>"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "troupe">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><l>&j;</l>"
)
SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".avif")
MAGIC = {
    "jpeg": b"\xff\xd8\xff\xe0",
    "png": b"\x89PNG\r\n\x1a\n",
    "webp": b"RIFF\x00\x10\x00\x00WEBP",
    "gif": b"GIF89a",
    "avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1miaf",
}


# --- good pictures, as a beginning ------------------------------------------------------------------------------------


def photo(width: int = 96, height: int = 64) -> pyvips.Image:
    """Colours that run across it, with some noise."""
    across = pyvips.Image.xyz(width, height)
    noise = pyvips.Image.gaussnoise(width, height, sigma=12, mean=0, seed=5)
    red, green = across[0] * (200 / width) + noise, across[1] * (200 / height) + noise
    return red.bandjoin([green, noise + 120]).cast("uchar").copy(interpretation="srgb")


@cache
def picture(suffix: str, **options: object) -> bytes:
    if suffix == ".avif":
        options = {"effort": 0, **options}
    return bytes(photo().write_to_buffer(suffix, **options))


@cache
def animation(suffix: str, frames: int = 5, side: int = 16) -> bytes:
    many = [photo(side, side) + 9 * number for number in range(frames)]
    strip = pyvips.Image.arrayjoin(many, across=1).cast("uchar").copy(interpretation="srgb")
    strip.set_type(pyvips.GValue.array_int_type, "delay", [80] * frames)
    return bytes(strip.write_to_buffer(suffix, page_height=side, effort=1 if suffix == ".gif" else 0))


# --- PNG --------------------------------------------------------------------------------------------------------------


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, *, lines: bytes | None = None, bits: int = 8, colour: int = 2, more: bytes = b""
) -> bytes:
    """A PNG of these lines (raw, each with its filter byte), black without any. `more` stands before the pixels."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 3)
    if lines is None:
        lines = (b"\x00" + b"\x00" * ((width * bits * samples + 7) // 8)) * height
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return MAGIC["png"] + header + more + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def png_claiming(width: int, height: int, **options: int) -> bytes:
    return png(width, height, lines=b"\x00" * 100, **options)


def png_bomb(side: int) -> bytes:
    """True pixels, one bit each: 400 million of them in 50 KB."""
    packer, line = zlib.compressobj(9), b"\x00" * (1 + side // 8)
    body = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return MAGIC["png"] + header + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def squeezed_zeros(megabytes: int) -> bytes:
    packer, piece = zlib.compressobj(9), b"\x00" * 1024 * 1024
    return b"".join(packer.compress(piece) for _ in range(megabytes)) + packer.flush()


def png_with(name: bytes, body: bytes, times: int = 1) -> bytes:
    return png(32, 32, more=chunk(name, body) * times)


def png_of_php() -> bytes:
    """The pixels themselves spell a program, and are stored as they are."""
    line = b"\x00" + (PHP * 9)[:96]
    raw = zlib.compressobj(0)
    body = raw.compress(line * 32) + raw.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    return MAGIC["png"] + header + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def png_with_wrong_sum() -> bytes:
    data = bytearray(picture(".png"))
    data[data.index(b"IDAT") + 20] ^= 0x55
    return bytes(data)


# --- JPEG -------------------------------------------------------------------------------------------------------------


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    data = picture(".jpg")
    return data[:2] + b"".join(segments) + data[2:]


def jpeg_claiming(width: int, height: int, **options: object) -> bytes:
    data = bytearray(picture(".jpg", **options))
    at = next(data.index(bytes([0xFF, kind])) for kind in (0xC0, 0xC2) if bytes([0xFF, kind]) in data)
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff(*entries: tuple[int, int, int, bytes], extra: bytes = b"", following: int = 0) -> bytes:
    """The body of an EXIF block: entries are tag, type, count and four bytes of value."""
    body = struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + body + struct.pack("<I", following) + extra


def exif_with_gps() -> bytes:
    """Make and orientation, and the place where it was taken: 51° 28' 38'' north."""
    after = 8 + 2 + 12 * 2 + 4
    gps = struct.pack("<H", 2) + struct.pack("<HHI", 1, 2, 2) + b"N\x00\x00\x00"
    gps += struct.pack("<HHII", 2, 5, 3, after + 2 + 24 + 4) + struct.pack("<I", 0)
    gps += struct.pack("<IIIIII", 51, 1, 28, 1, 38, 1) + b"troupe-place"
    return tiff((0x010F, 2, 4, b"GPS\x00"), (0x8825, 4, 1, struct.pack("<I", after)), extra=gps)


def jpeg_with_icc(body: bytes, pieces: int, announced: int | None = None) -> bytes:
    parts = [
        segment(0xE2, b"ICC_PROFILE\x00" + bytes([number + 1, announced or pieces]) + body) for number in range(pieces)
    ]
    return jpeg_with(*parts)


# --- GIF --------------------------------------------------------------------------------------------------------------

DOT = b"\x02\x02\x44\x01\x00"  # one pixel of LZW


def gif(
    width: int, height: int, frames: int = 1, *, at: tuple[int, int] = (0, 0), dot: tuple[int, int] = (1, 1)
) -> bytes:
    """So many frames of one pixel each, on a screen of this size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    control = b"\x21\xf9\x04\x04\x05\x00\x00\x00"
    frame = control + b"\x2c" + struct.pack("<HHHHB", *at, *dot, 0) + DOT
    return head + frame * frames + b"\x3b"


# --- WebP -------------------------------------------------------------------------------------------------------------


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def webp_frames(width: int, height: int, frames: int) -> bytes:
    """An animation on a screen of this size, of frames of 2 by 2 pixels."""
    dot = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb").webpsave_buffer(lossless=True, keep="none")
    head = bytes(3) + bytes(3) + (1).to_bytes(3, "little") * 2 + (50).to_bytes(3, "little") + b"\x00"
    one = (b"ANMF", head + dot[12:])
    return riff(vp8x(width, height, 0x02), (b"ANIM", b"\x00\x00\x00\x00\x00\x00"), *[one] * frames)


def webp_with(name: bytes, body: bytes, flags: int) -> bytes:
    pixels = picture(".webp", keep="none")[12:]
    wrapped = riff(vp8x(96, 64, flags))
    extra = name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)
    whole = wrapped[12:] + pixels + extra
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


def webp_large() -> bytes:
    return bytes(pyvips.Image.black(8000, 4000).webpsave_buffer(lossless=True, effort=0))


# --- AVIF -------------------------------------------------------------------------------------------------------------


def avif_claiming(width: int, height: int) -> bytes:
    data = bytearray(picture(".avif"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def avif_with_long_box() -> bytes:
    data = bytearray(picture(".avif"))
    at = data.index(b"meta") - 4
    data[at : at + 4] = b"\xff\xff\xff\xf0"
    return bytes(data)


# --- other kinds of files ---------------------------------------------------------------------------------------------


def mp4() -> bytes:
    return b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x08free" + b"\x00" * 200


def zip_file() -> bytes:
    return b"PK\x03\x04\x14\x00\x00\x00\x00\x00" + b"\x00" * 16 + b"\x0a\x00\x00\x00troupe.php" + PHP


def noise(seed: object, length: int = 4000) -> bytes:
    return random.Random(str(seed)).randbytes(length)


def torn(data: Callable[[], bytes], part: float) -> bytes:
    whole = data()
    return whole[: int(len(whole) * part)]
