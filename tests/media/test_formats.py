"""What a file is, by its first bytes alone."""

import random

import pytest

from media.formats import ALL, MIME_TYPES, Format, format_of
from tests.media.forged import picture
from tests.media.hostile import FOREIGN


def ftyp(brand: bytes, *, size: int = 24) -> bytes:
    return size.to_bytes(4, "big") + b"ftyp" + brand + b"\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x08free"


def ebml(doctype: bytes, *, before: bytes = b"\x42\x86\x81\x01\x42\xf7\x81\x01") -> bytes:
    body = before + b"\x42\x82" + bytes([0x80 | len(doctype)]) + doctype
    return b"\x1a\x45\xdf\xa3" + b"\x01" + len(body).to_bytes(7, "big") + body + b"\x18\x53\x80\x67" + b"\x00" * 40


def ogg(codec: bytes) -> bytes:
    return b"OggS\x00\x02" + b"\x00" * 20 + b"\x01" + bytes([len(codec) + 20]) + codec + b"\x00" * 20


def mp3(head: bytes, length: int, *, second: bytes | None = None) -> bytes:
    """Two frames of this length in bytes, and the beginning of a third."""
    frame = head + b"\x00" * (length - 4)
    return frame + (second or head) + b"\x00" * (length - 4) + head


FRAME = b"\xff\xfb\x90\x00"  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz
LENGTH = 417

FILES = [
    ("jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"),
    ("jpeg", b"\xff\xd8\xff\xdb\x00\x43"),
    ("png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    ("gif", b"GIF87a\x01\x00\x01\x00"),
    ("gif", b"GIF89a\x01\x00\x01\x00"),
    ("webp", b"RIFF\x24\x00\x00\x00WEBPVP8 "),
    ("avif", ftyp(b"avif")),
    ("avif", ftyp(b"avis")),
    *[("mp4", ftyp(brand)) for brand in (b"isom", b"iso2", b"iso5", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash")],
    ("mov", ftyp(b"qt  ", size=20)),
    ("webm", ebml(b"webm")),
    ("webm", ebml(b"webm", before=b"")),
    ("webm", ebml(b"webm\x00\x00")),
    ("mkv", ebml(b"matroska")),
    ("mp3", b"ID3\x04\x00\x00\x00\x00\x08\x00" + b"\x00" * 20),
    ("mp3", mp3(FRAME, LENGTH)),
    ("mp3", mp3(b"\xff\xfb\x92\x00", LENGTH + 1)),
    ("mp3", mp3(FRAME, LENGTH, second=b"\xff\xfb\xa0\x00")),
    ("mp3", mp3(b"\xff\xf3\x80\xc4", 208)),
    ("mp3", FRAME + b"\x00" * (LENGTH - 4)),
    ("m4a", ftyp(b"M4A ")),
    ("ogg", ogg(b"\x01vorbis")),
    ("ogg", ogg(b"OpusHead")),
    ("wav", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    ("flac", b"fLaC\x00\x00\x00\x22\x10\x00\x10\x00"),
    ("flac", b"fLaC\x80\x00\x00\x22\x10\x00\x10\x00"),
]


@pytest.mark.parametrize(("name", "head"), FILES)
def test_each_is_known_by_its_first_bytes(name, head):
    found = format_of(head)
    assert found
    assert found.name == name
    assert MIME_TYPES[found.mime_type] == found.family


def test_all_of_them_are_tried():
    assert {name for name, _ in FILES} == {found.name for found in ALL}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
def test_pictures_that_others_write_are_known(suffix):
    found = format_of(picture(suffix)[:4096])
    assert found
    assert f".{found.extension}" == suffix
    assert found.family == "image"


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_else_is_known(name):
    assert format_of(FOREIGN[name][:4096]) is None


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(ftyp(b"heic"), id="heic"),
        pytest.param(ftyp(b"mif1"), id="some picture of the same family"),
        pytest.param(ftyp(b"crx "), id="raw photo"),
        pytest.param(ftyp(b"isom", size=8), id="box without a brand"),
        pytest.param(ftyp(b"isom", size=0xFFFFFFFC), id="box of four gigabytes"),
        pytest.param(ftyp(b"isom", size=25), id="box of an odd length"),
        pytest.param(ebml(b"html"), id="ebml of something else"),
        pytest.param(ebml(b"webmatroska"), id="ebml that begins like one"),
        pytest.param(b"\x1a\x45\xdf\xa3" + b"\x00webm" * 90, id="ebml without a length"),
        pytest.param(b"\x1a\x45\xdf\xa3\x9f" + b"webm" * 9, id="ebml without a type"),
        pytest.param(b"\x1a\x45\xdf\xa3", id="ebml that ends"),
        pytest.param(ogg(b"\x80theora"), id="video in ogg"),
        pytest.param(ogg(b"troupe"), id="ogg of nothing"),
        pytest.param(b"OggS", id="ogg that ends"),
        pytest.param(b"RIFF\x24\x00\x00\x00AVI LIST", id="avi"),
        pytest.param(b"RIFF", id="riff that ends"),
        pytest.param(b"RF64\xff\xff\xff\xffWAVE", id="long wave"),
        pytest.param(b"fLaC\x01\x00\x00\x22", id="flac that begins with another block"),
        pytest.param(b"ID3\x09\x00\x00\x00\x00\x08\x00" + b"\x00" * 20, id="id3 of no version"),
        pytest.param(b"ID3\x04\x00\x00\x00\x00\x08\xff" + b"\x00" * 20, id="id3 of no size"),
        pytest.param(b"ID3", id="id3 that ends"),
        pytest.param(mp3(b"\xff\xfd\x90\x00", LENGTH), id="mpeg, layer II"),
        pytest.param(mp3(b"\xff\xf1\x50\x80", LENGTH), id="aac"),
        pytest.param(mp3(b"\xff\xeb\x90\x00", LENGTH), id="mpeg of no version"),
        pytest.param(mp3(b"\xff\xfb\xf0\x00", LENGTH), id="mp3 of no bitrate"),
        pytest.param(mp3(b"\xff\xfb\x9c\x00", LENGTH), id="mp3 of no sample rate"),
        pytest.param(mp3(b"\xff\xfb\x90\x02", LENGTH), id="mp3 of no emphasis"),
        pytest.param(mp3(FRAME, LENGTH, second=b"\x00\x00\x00\x00"), id="one frame, then something else"),
        pytest.param(mp3(FRAME, LENGTH, second=b"\xff\xfb\x94\x00"), id="two frames of different kinds"),
        pytest.param(mp3(FRAME, LENGTH - 1), id="frames in the wrong places"),
    ],
)
def test_what_only_looks_like_one_is_unknown(head):
    assert format_of(head) is None


def test_noise_is_unknown():
    dice = random.Random(7)
    assert [data for _ in range(3000) if format_of(data := dice.randbytes(4096))] == []
    # two bytes that look like the beginning of a frame are not enough
    assert [data for _ in range(3000) if format_of(data := b"\xff\xfb" + dice.randbytes(4094))] == []


def test_no_beginning_of_a_file_breaks_it():
    for _, head in FILES:
        for length in range(len(head)):
            found = format_of(head[:length])
            assert found is None or isinstance(found, Format)


def test_the_usual_names_are_there_and_no_others():
    assert MIME_TYPES["audio/mp4"] == MIME_TYPES["audio/x-m4a"] == MIME_TYPES["audio/x-wav"] == "audio"
    assert MIME_TYPES["video/quicktime"] == "video"
    for refused in ("image/svg+xml", "text/html", "application/pdf", "image/tiff", "image/heic", "video/ogg"):
        assert refused not in MIME_TYPES
