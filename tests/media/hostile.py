"""Files nobody should send: built here in code, so that none of them lies in the repository.

`CASES` has a name, a function that builds the bytes, and what must become of them: REFUSED by the decoder, UNKNOWN by
its first bytes, DRAWN without anything of it but its pixels, or EITHER of the first and the last.
"""

import gzip
import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.media.forged import (
    HTML,
    LAUGHS,
    MAGIC,
    PHP,
    SCRIPT,
    SUFFIXES,
    SVG,
    animation,
    avif_claiming,
    avif_with_long_box,
    exif_with_gps,
    gif,
    jpeg_claiming,
    jpeg_with,
    jpeg_with_icc,
    mp4,
    noise,
    picture,
    png,
    png_bomb,
    png_claiming,
    png_of_php,
    png_with,
    png_with_wrong_sum,
    segment,
    squeezed_zeros,
    tiff,
    torn,
    webp_frames,
    webp_large,
    webp_with,
    zip_file,
)

REFUSED, UNKNOWN, DRAWN, EITHER = "refused", "unknown", "drawn", "either"
PAYLOADS = (b"script", b"alert", b"<?php", b"troupe", b"http:", b"Exif\x00")
CLAIMED = 50_000  # pixels on a side


class Case(NamedTuple):
    name: str
    build: Callable[[], bytes]
    outcome: str


FOREIGN: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"\xff",
    "two bytes of jpeg": b"\xff\xd8",
    "zeros": b"\x00" * 5000,
    "svg": SVG,
    "svg with a declaration": b'<?xml version="1.0"?>' + SVG,
    "svg after white space": b"\n\t  " + SVG,
    "svg in utf-16": b"\xff\xfe" + SVG.decode().encode("utf-16-le"),
    "svg that is packed": gzip.compress(SVG),
    "svg that calls outside": b'<svg><image href="file:///etc/passwd"/></svg>',
    "html": HTML,
    "xml bomb": LAUGHS,
    "php": PHP,
    "shell": b"#!/bin/sh\nid\n",
    "pdf": b"%PDF-1.7\n" + SCRIPT,
    "postscript": b"%!PS-Adobe-3.0\n(troupe) run",
    "zip": zip_file(),
    "jar in pieces": b"PK\x05\x06" + b"\x00" * 18,
    "tiff": b"II*\x00" + b"\x00" * 200,
    "tiff, the other way round": b"MM\x00*" + b"\x00" * 200,
    "bmp": b"BM" + b"\x00" * 200,
    "ico": b"\x00\x00\x01\x00\x01\x00" + b"\x00" * 200,
    "psd": b"8BPS\x00\x01" + b"\x00" * 200,
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 200,
    "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 200,
    "jpeg xl": b"\xff\x0a" + b"\x00" * 200,
    "flash": b"FWS\x0a" + b"\x00" * 200,
    "windows program": b"MZ\x90\x00" + b"\x00" * 200,
    "linux program": b"\x7fELF\x02\x01" + b"\x00" * 200,
    "java class": b"\xca\xfe\xba\xbe" + b"\x00" * 200,
    "imagemagick script": b"push graphic-context\nfill 'url(https://example.com/\"|id\")'\npop graphic-context",
    "libvips' own": b"\xb6\xa6\xf2\x08" + b"\x00" * 200,
    "matrix of text": b"2 2\n1 2\n3 4\n",
    "magic a byte late": b"\x00" + picture(".png"),
}


def _cases() -> list[Case]:
    cases = [Case(name, partial(bytes, data), UNKNOWN) for name, data in FOREIGN.items()]
    cases += [Case("mp4 that is called jpg", mp4, UNKNOWN), Case("wav", lambda: b"RIFF\x00\x10\x00\x00WAVE", UNKNOWN)]
    for kind, magic in MAGIC.items():
        cases += [
            Case(f"{kind} of nothing", partial(bytes, magic), REFUSED),
            Case(f"{kind} of zeros", partial(bytes, magic + b"\x00" * 300), REFUSED),
            Case(f"{kind} of noise", partial(bytes, magic + noise(kind)), REFUSED),
            Case(f"{kind} that is svg", partial(bytes, magic + SVG), REFUSED),
            Case(f"{kind} that is html", partial(bytes, magic + HTML), REFUSED),
        ]
    for suffix in SUFFIXES:
        cases += [
            Case(f"{suffix} of which {part:.0%} came", partial(torn, partial(picture, suffix), part), REFUSED)
            for part in (0.1, 0.35, 0.6, 0.9)
        ]
        cases.append(
            Case(f"{suffix} with an archive after it", lambda suffix=suffix: picture(suffix) + zip_file(), DRAWN)
        )
    for suffix in (".gif", ".webp"):
        cases += [
            Case(
                f"animated {suffix} of which {part:.0%} came", partial(torn, partial(animation, suffix), part), REFUSED
            )
            for part in (0.3, 0.8)
        ]
    return cases + _bombs() + _carriers()


def _bombs() -> list[Case]:
    return [
        Case("png of 50,000 by 50,000 by its header", lambda: png_claiming(CLAIMED, CLAIMED), REFUSED),
        Case("png beyond measure", lambda: png_claiming(2**31 - 1, 2**31 - 1), REFUSED),
        Case("png of 400 million true pixels", lambda: png_bomb(20_000), REFUSED),
        Case("png of 50,000 by 1", lambda: png(CLAIMED, 1), REFUSED),
        Case("png of 1 by 50,000", lambda: png(1, CLAIMED), REFUSED),
        Case("png of no width", lambda: png_claiming(0, 9), REFUSED),
        Case("png of no height", lambda: png_claiming(9, 0), REFUSED),
        Case("png with fewer pixels than it says", lambda: png(400, 400, lines=b"\x00" * 1201 * 9), REFUSED),
        Case("png with more pixels than it says", lambda: png(20, 20, lines=b"\x00" * 61 * 9000), EITHER),
        Case("png of colours that do not exist", lambda: png(9, 9, colour=5), REFUSED),
        Case("png of a palette without one", lambda: png(9, 9, colour=3), REFUSED),
        Case("png with a wrong sum", png_with_wrong_sum, REFUSED),
        Case("png with a bomb of text", lambda: png_with(b"zTXt", b"x\x00\x00" + squeezed_zeros(100)), EITHER),
        Case("png with a bomb of a profile", lambda: png_with(b"iCCP", b"x\x00\x00" + squeezed_zeros(100)), EITHER),
        Case("png with 20,000 texts", lambda: png_with(b"tEXt", b"a\x00" + SCRIPT, 20_000), EITHER),
        Case("png with a chunk longer than the file", lambda: png(9, 9, more=b"\x7f\xff\xff\xfftEXt"), REFUSED),
        Case("png of four billion frames", lambda: png_with(b"acTL", b"\xff" * 8), DRAWN),
        Case("jpeg of 65,500 by 65,500", lambda: jpeg_claiming(65_500, 65_500), REFUSED),
        Case("jpeg of 65,500 by 8", lambda: jpeg_claiming(65_500, 8), REFUSED),
        Case("jpeg of no width", lambda: jpeg_claiming(0, 64), REFUSED),
        Case("jpeg of no height", lambda: jpeg_claiming(96, 0), REFUSED),
        Case("jpeg with fewer lines than it says", lambda: jpeg_claiming(96, 4000), DRAWN),
        Case("jpeg of 38 million pixels of which few are there", lambda: jpeg_claiming(16_000, 2400), DRAWN),
        Case("jpeg in passes, too large for that", lambda: jpeg_claiming(6000, 4000, interlace=True), REFUSED),
        Case("jpeg with 5,000 comments", lambda: jpeg_with(segment(0xFE, SCRIPT) * 5000), DRAWN),
        Case("jpeg with a huge profile in pieces", lambda: jpeg_with_icc(b"\x00" * 60_000, 100), EITHER),
        Case("jpeg with a profile of which pieces lack", lambda: jpeg_with_icc(b"troupe" * 99, 2, announced=9), EITHER),
        Case("jpeg with a profile of noise", lambda: jpeg_with_icc(noise("icc"), 1), DRAWN),
        Case("jpeg with exif that points at itself", lambda: jpeg_with(segment(0xE1, tiff(following=8))), EITHER),
        Case(
            "jpeg with exif of four billion values",
            lambda: jpeg_with(segment(0xE1, tiff((0x010E, 2, 2**32 - 1, b"\x08\x00\x00\x00")))),
            EITHER,
        ),
        Case(
            "jpeg with exif of 60 KB of noise",
            lambda: jpeg_with(segment(0xE1, b"Exif\x00\x00" + noise(1, 60_000))),
            EITHER,
        ),
        Case("gif with a screen of 60,000 by 60,000", lambda: gif(60_000, 60_000), REFUSED),
        Case("gif with a frame larger than its screen", lambda: gif(1, 1, dot=(60_000, 60_000)), REFUSED),
        Case("gif with a frame beside its screen", lambda: gif(9, 9, at=(60_000, 60_000)), EITHER),
        Case("gif of no size", lambda: gif(0, 0, dot=(0, 0)), REFUSED),
        Case("gif of 301 frames", lambda: gif(2, 2, 301), REFUSED),
        Case("gif of 9,000 frames", lambda: gif(2, 2, 9000), REFUSED),
        Case("gif of few frames with many pixels", lambda: gif(9, 9, 20, dot=(3000, 3000)), REFUSED),
        Case("webp of 32 million pixels", webp_large, REFUSED),
        Case("webp on a screen of 16,383 by 16,383", lambda: webp_frames(16_383, 16_383, 2), REFUSED),
        Case("webp of 301 frames", lambda: webp_frames(2, 2, 301), REFUSED),
        Case("webp of few frames with many pixels", lambda: webp_frames(3000, 3000, 20), REFUSED),
        Case("webp that is longer than the file", lambda: b"RIFF\xff\xff\xff\x7f" + picture(".webp")[8:], EITHER),
        Case("avif of 50,000 by 50,000", lambda: avif_claiming(CLAIMED, CLAIMED), REFUSED),
        Case("avif of four billion by one", lambda: avif_claiming(2**32 - 1, 1), REFUSED),
        Case("avif of no size", lambda: avif_claiming(0, 0), REFUSED),
        Case("avif with a box longer than the file", avif_with_long_box, REFUSED),
    ]


def _carriers() -> list[Case]:
    xmp = b"http://ns.adobe.com/xap/1.0/\x00" + LAUGHS
    png_xmp = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + LAUGHS
    iptc = b"Photoshop 3.0\x008BIM" + SCRIPT
    return [
        Case("gif that is a script", lambda: b"GIF89a/*" + b"a" * 300 + b"*/=1;alert('troupe')", REFUSED),
        Case("gif with a script after it", lambda: picture(".gif") + b"*/=1;alert('troupe')", DRAWN),
        Case("gif with a script in a comment", lambda: gif(9, 9)[:-1] + b"\x21\xfe\x20" + SCRIPT + b"\x00\x3b", DRAWN),
        Case("png with html in a chunk", lambda: png_with(b"tEXt", b"Comment\x00" + HTML), DRAWN),
        Case("png with php in a chunk", lambda: png_with(b"tEXt", b"Comment\x00" + PHP), DRAWN),
        Case("png with xml in a chunk", lambda: png_with(b"iTXt", png_xmp), DRAWN),
        Case("png with a chunk of its own", lambda: png_with(b"trOp", SCRIPT), DRAWN),
        Case("png with exif", lambda: png_with(b"eXIf", exif_with_gps()[6:]), DRAWN),
        Case("png whose pixels are php", png_of_php, DRAWN),
        Case("png with php after it", lambda: picture(".png") + PHP, DRAWN),
        Case("jpeg with a script in a comment", lambda: jpeg_with(segment(0xFE, SCRIPT)), DRAWN),
        Case("jpeg with a script in its exif", lambda: jpeg_with(segment(0xE1, tiff() + SCRIPT)), DRAWN),
        Case("jpeg with an xml bomb in its xmp", lambda: jpeg_with(segment(0xE1, xmp)), DRAWN),
        Case("jpeg with a script in its iptc", lambda: jpeg_with(segment(0xED, iptc)), DRAWN),
        Case("jpeg that tells a place", lambda: jpeg_with(segment(0xE1, exif_with_gps())), DRAWN),
        Case("jpeg with html after it", lambda: picture(".jpg") + HTML, DRAWN),
        Case("jpeg with another picture in it", lambda: jpeg_with(segment(0xE1, tiff() + picture(".jpg"))), DRAWN),
        Case("webp that tells a place", lambda: webp_with(b"EXIF", exif_with_gps(), 0x08), DRAWN),
        Case("webp with a script in its xmp", lambda: webp_with(b"XMP ", SCRIPT, 0x04), DRAWN),
        Case("webp with a profile of noise", lambda: webp_with(b"ICCP", noise("webp"), 0x20), EITHER),
        Case("webp with a chunk of its own", lambda: webp_with(b"TROP", PHP, 0), DRAWN),
        Case("avif with a box of its own", lambda: picture(".avif") + b"\x00\x00\x00\x29free" + PHP, DRAWN),
    ]


CASES = _cases()


# --- mutations --------------------------------------------------------------------------------------------------------

SOURCES: dict[str, Callable[[], bytes]] = {suffix[1:]: partial(picture, suffix) for suffix in SUFFIXES} | {
    "animated gif": partial(animation, ".gif"),
    "animated webp": partial(animation, ".webp"),
}


EDGES = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff")


def mutations(name: str, times: int) -> list[bytes]:
    """The same ones every time: bytes changed, cut out, doubled, swapped for numbers at the edge."""
    dice = random.Random(name)
    return [_mutated(SOURCES[name](), dice) for _ in range(times)]


def _mutated(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 6)):
        # most of what a decoder believes stands at the beginning
        at = dice.randrange(12, 200 if dice.random() < 0.6 else len(data)) % len(data)
        length = dice.randint(1, 40)
        what = dice.randrange(5)
        if what == 0:
            data = data[:at] + dice.randbytes(length) + data[at + length :]
        elif what == 1:
            data = data[:at] + data[at + length :]
        elif what == 2:
            data = data[:at] + data[at : at + length] * 3 + data[at + length :]
        elif what == 3:
            data = (
                data[:at]
                + dice.choice((b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff"))
                + data[at + 4 :]
            )
        else:
            data = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
    return data
