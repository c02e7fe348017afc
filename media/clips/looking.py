"""What is in a clip, as ffmpeg finds it when it reads all of it, not as its header says.

ffmpeg's own report (`ffmpeg -i`) is meant for people, and a title with a line break in it can forge any line of it. So
a clip is read as `framecrc` lists it, which names nothing but numbers and codecs: a line for each packet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from common.errors import Unprocessable, UnsupportedMediaType
from media.clips import ffmpeg, limits
from media.clips.endings import is_cut_off
from media.clips.ffmpeg import FfmpegError, Source, TooSlowError
from media.formats import format_of

HEAD_BYTES = 4096
LISTING_HEAD, LISTING_TAIL = 16 * 1024, 256 * 1024
FACT = re.compile(rb"#(\w+) (\d+): (.+)")
PACKET = re.compile(rb"(\d+), +(-?\d+), +(-?\d+), +(\d+), +(\d+), (0x[0-9a-f]+)")
UNKNOWN_TIME = -(2**62)
VIDEO_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores"}
AUDIO_CODECS = {"aac", "mp3", "opus", "vorbis", "flac", "alac", "ac3", "eac3", "speex"}
TORN = ("partial file", "Truncating packet", "File ended prematurely", "Truncated")

OURS = "Please send video as MP4, MOV, WebM or MKV, or audio as MP3, M4A, OGG, WAV or FLAC."
CUT_OFF = "The end of this clip is missing. Please send it again."
BROKEN = "This clip is broken, or it is not what it says it is."
TOO_SLOW = "This clip takes too long to read. Please send a smaller one."
TOO_LONG = f"A clip may be at most {limits.LONGEST_SECONDS // 3600} hours long."
TOO_LARGE = (
    f"A video may have at most {limits.LONGEST_SIDE:,} pixels on its longer side, "
    f"and {limits.MOST_PIXELS // 1_000_000} million in all."
)


@dataclass(frozen=True)
class Clip:
    """Seconds, and pixels as they are seen upright (None for audio).

    `is_plain`: its picture is in the colours that everything shows (8 bits, 4:2:0), with square pixels.
    """

    family: str
    seconds: float
    width: int | None
    height: int | None
    video_codec: str | None
    audio_codec: str | None
    format: str
    is_plain: bool = True


@dataclass
class Stream:
    """One stream of a listing: what was said of it, its first packet, and where it ends, in seconds."""

    facts: dict[str, str] = field(default_factory=dict)
    first: tuple[int, str] | None = None  # bytes and checksum
    end: float = 0

    @property
    def codec(self) -> str:
        return self.facts.get("codec_id", "")

    @property
    def size(self) -> tuple[int, int]:
        width, _, height = self.facts.get("dimensions", "0x0").partition("x")
        return int(width), int(height)

    @property
    def pixel_shape(self) -> Fraction:
        """Width by height of one pixel; what says nothing is square."""
        width, _, height = self.facts.get("sar", "1/1").partition("/")
        return Fraction(int(width), int(height)) if int(width) and int(height) else Fraction(1)


class Listing:
    """What `framecrc` writes: its beginning and its end are kept, however long it is."""

    def __init__(self) -> None:
        self.head, self.tail, self.length = b"", b"", 0

    def __call__(self, piece: bytes) -> None:
        self.length += len(piece)
        if self.length > limits.LONGEST_LISTING:
            raise TooSlowError
        self.head += piece[: LISTING_HEAD - len(self.head)]
        self.tail = (self.tail + piece)[-LISTING_TAIL:]

    def streams(self) -> list[Stream]:
        streams: dict[int, Stream] = {}
        for name, index, value in FACT.findall(self.head):
            streams.setdefault(int(index), Stream()).facts[name.decode()] = value.decode("ascii", "replace").strip()
        for line in self._packets():
            index, dts, pts, duration, size, checksum = line
            if (stream := streams.get(int(index))) is None:
                continue
            stream.first = stream.first or (int(size), checksum.decode())
            if max(int(dts), int(pts)) > UNKNOWN_TIME:
                seconds = (max(int(dts), int(pts)) + int(duration)) * Fraction(stream.facts.get("tb", "0/1"))
                stream.end = max(stream.end, float(seconds))
        return [streams[index] for index in sorted(streams)]

    def _packets(self) -> Iterator[tuple[bytes, ...]]:
        head = self.head[: self.head.rfind(b"\n") + 1]
        tail = self.tail if self.length <= LISTING_TAIL else self.tail[self.tail.find(b"\n") + 1 :]
        for part in (head, tail):
            yield from PACKET.findall(part)


def source_of(path: Path) -> Source:
    """The file, known by its first bytes. Raises UnsupportedMediaType."""
    with path.open("rb") as file:
        found = format_of(file.read(HEAD_BYTES))
    if found is None or found.name not in ffmpeg.DEMUXERS:
        raise UnsupportedMediaType(OURS)
    return Source(path, found.name)


def look(source: Source) -> Clip:
    """Reads the clip from end to end, and decodes the first picture or some sound of it.

    Raises UnsupportedMediaType (a kind we don't take, a video that says it is audio), Unprocessable (broken, empty, too
    long, too large).
    """
    video, audio = _streams(source)
    if video and source.format not in ("mp4", "mov", "webm", "mkv"):
        raise UnsupportedMediaType("This is a video in an audio file. Please send it as MP4, MOV, WebM or MKV.")
    _require_known(video, VIDEO_CODECS)
    _require_known(audio, AUDIO_CODECS)
    seconds = max(stream.end for stream in (video, audio) if stream)
    if seconds > limits.LONGEST_SECONDS:
        raise Unprocessable(TOO_LONG)
    if seconds <= 0:
        raise Unprocessable(BROKEN)
    if video is None:
        _require_sound(source)
        if is_cut_off(source, seconds):
            raise Unprocessable(CUT_OFF)
        return Clip("audio", seconds, None, None, None, audio.codec if audio else None, source.format)
    _require_fitting(video)
    (width, height), is_plain = _first_picture(source)
    return Clip("video", seconds, width, height, video.codec, audio.codec if audio else None, source.format, is_plain)


def _streams(source: Source) -> tuple[Stream | None, Stream | None]:
    """The first video that is not a cover picture, and the first audio. Raises Unprocessable."""
    listing = Listing()
    copied = ["-map", "0:V:0?", "-map", "0:a:0?", "-c", "copy", "-t", str(limits.LONGEST_SECONDS + 60)]
    complaints = _run([*source.arguments(), *copied, "-f", "framecrc", "pipe:1"], limits.LOOK_SECONDS, listing)
    if _says(complaints, *TORN):
        raise Unprocessable(CUT_OFF)
    streams = listing.streams()
    video = next((stream for stream in streams if stream.facts.get("media_type") == "video"), None)
    audio = next((stream for stream in streams if stream.facts.get("media_type") == "audio"), None)
    if not any(stream and stream.first for stream in (video, audio)):
        raise Unprocessable(BROKEN)
    return video, audio if audio and audio.first else None


def _first_picture(source: Source) -> tuple[tuple[int, int], bool]:
    """Its width and height, turned upright and with square pixels, and whether it is plain already.

    The picture is listed twice: as it is, and put into the colours that everything shows. A plain one stays the same.
    """
    listing = Listing()
    twice = ["-map", "0:V:0", "-map", "0:V:0", "-frames:v", "1", "-c:v", "rawvideo", "-pix_fmt:v:1", "yuv420p"]
    _run([*source.arguments(), *twice, "-f", "framecrc", "pipe:1"], limits.FRAME_SECONDS, listing)
    streams = listing.streams()
    if len(streams) != 2 or not streams[0].first or 0 in streams[0].size:
        raise Unprocessable(BROKEN)
    (width, height), shape = streams[0].size, streams[0].pixel_shape
    if shape != 1:
        width = max(1, round(width * shape))
        if max(width, height) > 8 * limits.LONGEST_SIDE:
            raise Unprocessable(TOO_LARGE)
    return (width, height), shape == 1 and streams[0].first == streams[1].first


def _require_sound(source: Source) -> None:
    """Some of it can be decoded."""
    listing = Listing()
    some = ["-map", "0:a:0", "-t", "5", "-c:a", "pcm_s16le", "-f", "framecrc", "pipe:1"]
    _run([*source.arguments(), *some], limits.FRAME_SECONDS, listing)
    if not any(stream.first for stream in listing.streams()):
        raise Unprocessable(BROKEN)


def _require_known(stream: Stream | None, codecs: set[str]) -> None:
    if stream and stream.codec not in codecs and not stream.codec.startswith("pcm_"):
        raise UnsupportedMediaType("We don't know how this clip is encoded. Please send video as H.264, audio as AAC.")


def _require_fitting(video: Stream) -> None:
    width, height = video.size
    if not width or not height:
        raise Unprocessable(BROKEN)
    if max(width, height) > limits.LONGEST_SIDE or width * height > limits.MOST_PIXELS:
        raise Unprocessable(TOO_LARGE)


def _run(arguments: list[str], seconds: float, listing: Listing) -> list[str]:
    """Lists the clip; returns what ffmpeg complained of. Raises Unprocessable."""
    try:
        complaints = ffmpeg.run(arguments, seconds=seconds, hear=listing)
    except TooSlowError:
        raise Unprocessable(TOO_SLOW) from None
    except FfmpegError as error:
        if _says(error.lines, "max pixel count"):
            raise Unprocessable(TOO_LARGE) from None
        if _says(error.lines, "does not contain any stream"):
            raise Unprocessable("There is neither a picture nor a sound in this file.") from None
        raise Unprocessable(BROKEN) from None
    if _says(complaints, "max pixel count"):
        raise Unprocessable(TOO_LARGE)
    return complaints


def _says(complaints: list[str], *words: str) -> bool:
    return any(word in line for line in complaints for word in words)
