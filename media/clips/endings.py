"""Whether the end of a sound file is there. ffmpeg plays what came of one and says nothing.

Each format is asked by what it tells of its own length; a file that tells nothing (a recording that was piped, an MP3
without a Xing header) can't be told from a whole one.

Sources: RIFF WAVE (Microsoft, 1991), RFC 9639 section 8.2 (FLAC), RFC 3533 section 6 (Ogg), and the Xing header as LAME
and ffmpeg write it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from media.clips.ffmpeg import Source

UNKNOWN_LENGTH = 0x7FFF_0000  # who pipes a WAV puts 0 or one of the largest numbers where its length belongs
MOST_CHUNKS = 100
LARGEST_OGG_PAGE = 27 + 255 + 255 * 255
XING_BYTES_KNOWN, XING_FRAMES_KNOWN = 2, 1
XING_SLACK = 4096  # bytes; some encoders count a frame less, or a tag behind the sound
FLAC_SLACK = 0.5  # seconds


def is_cut_off(source: Source, seconds: float) -> bool:
    """`seconds`: how much sound was found."""
    if source.format == "flac":
        return seconds + FLAC_SLACK < _flac_seconds(source.path)
    missing = MISSING.get(source.format)
    if missing is None:
        return False
    with source.path.open("rb") as file:
        return missing(file, source.path.stat().st_size)


def _flac_seconds(path: Path) -> float:
    """What STREAMINFO says, 0 where it says nothing."""
    with path.open("rb") as file:
        head = file.read(26)
    packed = int.from_bytes(head[18:26], "big")  # rate, channels, bits, and 36 bits of samples
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return samples / rate if rate else 0


def _wav_misses_bytes(file: BinaryIO, size: int) -> bool:
    at = 12
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return True
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            return 0 < length < UNKNOWN_LENGTH and at + 8 + length > size
        at += 8 + length + length % 2
    return True


def _ogg_misses_bytes(file: BinaryIO, size: int) -> bool:
    """Whether the last page is longer than what is there of it."""
    file.seek(max(0, size - LARGEST_OGG_PAGE))
    end = file.read()
    page = end[end.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def _mp3_misses_bytes(file: BinaryIO, size: int) -> bool:
    tag = file.read(10)
    start = 0
    if tag.startswith(b"ID3"):
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(200)
    at = max(frame.find(b"Xing", 0, 44), frame.find(b"Info", 0, 44))
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    if at < 0 or not flags & XING_BYTES_KNOWN:
        return False
    field = at + 8 + 4 * (flags & XING_FRAMES_KNOWN)
    return start + int.from_bytes(frame[field : field + 4], "big") > size + XING_SLACK


MISSING: dict[str, Callable[[BinaryIO, int], bool]] = {
    "wav": _wav_misses_bytes,
    "ogg": _ogg_misses_bytes,
    "mp3": _mp3_misses_bytes,
}
