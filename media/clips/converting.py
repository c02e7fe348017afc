"""A clip in the form in which it is kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import Unprocessable
from media.clips import ffmpeg, limits, looking
from media.clips.ffmpeg import FfmpegError, Source, TooSlowError
from media.clips.looking import Clip

STRIPPED = [
    *("-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"),
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
]
PROGRESS = ["-progress", "pipe:1", "-stats_period", "0.5"]
AAC = ["-c:a", "aac", "-b:a", "160k", "-af", "aformat=sample_rates=48000|44100:channel_layouts=stereo|mono"]
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-fps_mode", "vfr"]
# cameras write where they are into the H.264 stream itself, as "supplemental" units
COPIED_H264 = ["-c:v", "copy", "-bsf:v", "filter_units=remove_types=6"]
INDEXED = ("mp4", "ipod")  # muxers that write an index, put at the beginning here
WORKED = 97  # percent; the rest is the poster and a last look
TOO_MUCH = "This clip takes too long, or becomes too large, in the form in which we keep it. Please send a smaller one."


@dataclass(frozen=True)
class Converted:
    """The clip as it is kept, a still of a video, and what the clip is now."""

    path: Path
    mime_type: str
    poster: Path | None
    clip: Clip


@dataclass(frozen=True)
class Plan:
    """How a clip is kept: the name of its format, how ffmpeg calls that, and what of it is copied as it is."""

    format: str
    muxer: str
    mime_type: str
    copies_video: bool
    copies_audio: bool

    @property
    def copies(self) -> bool:
        return self.copies_video or self.copies_audio


def plan(clip: Clip) -> Plan:
    codec, kind = clip.audio_codec, clip.format
    if clip.family == "video":
        fits = max(clip.width or 0, clip.height or 0) <= limits.KEPT_SIDE
        return Plan("mp4", "mp4", "video/mp4", clip.video_codec == "h264" and clip.is_plain and fits, codec == "aac")
    if kind == codec == "mp3":
        return Plan("mp3", "mp3", "audio/mpeg", False, True)
    if kind == codec == "flac":
        return Plan("flac", "flac", "audio/flac", False, True)
    if kind == "ogg" and codec in ("opus", "vorbis", "flac"):
        return Plan("ogg", "ogg", "audio/ogg", False, True)
    return Plan("m4a", "ipod", "audio/mp4", False, codec == "aac")


def convert(source: Source, folder: Path, progress: Callable[[int], None]) -> Converted:
    clip = looking.look(source)
    wanted = plan(clip)
    made = Source(folder / f"clip.{wanted.format}", wanted.format)
    rising = Rising(clip.seconds, progress)
    try:
        try:
            _write(source, clip, wanted, made.path, rising)
        except FfmpegError as error:
            if isinstance(error, TooSlowError) or not wanted.copies or wanted.muxer not in INDEXED:
                raise
            _write(source, clip, replace(wanted, copies_video=False, copies_audio=False), made.path, rising)
    except TooSlowError:
        raise Unprocessable(TOO_MUCH) from None
    except FfmpegError:
        raise Unprocessable(looking.BROKEN) from None
    kept = looking.look(made)
    poster = _poster(made, folder / "poster.png", kept.seconds) if kept.family == "video" else None
    rising.say(99)
    return Converted(made.path, wanted.mime_type, poster, kept)


def _write(source: Source, clip: Clip, wanted: Plan, path: Path, rising: "Rising") -> None:
    arguments = [*source.arguments(), *STRIPPED, "-threads", str(limits.THREADS)]
    if clip.family == "video":
        arguments += ["-map", "0:V:0", *(COPIED_H264 if wanted.copies_video else [*H264, "-vf", _upright(clip)])]
    if clip.audio_codec:
        arguments += ["-map", "0:a:0", *(["-c:a", "copy"] if wanted.copies_audio else AAC)]
    if wanted.muxer in INDEXED:
        arguments += ["-movflags", "+faststart"]
    if wanted.muxer == "mp3":
        arguments += ["-id3v2_version", "0", "-write_id3v1", "0"]
    # a clip that says it is shorter than it is ends here
    arguments += ["-t", str(limits.LONGEST_SECONDS + 1), *PROGRESS, "-f", wanted.muxer, "-y", f"file:{path}"]
    ffmpeg.run(arguments, seconds=limits.CONVERT_SECONDS, hear=rising)


def _upright(clip: Clip) -> str:
    """The filter that makes it fit; ffmpeg has turned the picture by then."""
    assert clip.width
    assert clip.height
    smaller = min(1.0, limits.KEPT_SIDE / max(clip.width, clip.height))
    width, height = (max(2, round(side * smaller / 2) * 2) for side in (clip.width, clip.height))
    return f"scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p"


def _poster(clip: Source, path: Path, seconds: float) -> Path:
    """A still from a second in, or a tenth of a short clip. Raises Unprocessable where there is no picture at all."""
    for start in (min(1.0, seconds / 10), 0):
        still = ["-map", "0:V:0", "-frames:v", "1", "-c:v", "png", "-compression_level", "1", "-update", "1"]
        try:
            ffmpeg.run(
                [*clip.arguments(start=start), *STRIPPED, *still, "-f", "image2", "-y", f"file:{path}"],
                seconds=limits.FRAME_SECONDS,
            )
        except FfmpegError:
            continue
        if path.is_file() and path.stat().st_size:
            return path
    raise Unprocessable(looking.BROKEN)


class Rising:
    """Turns what `-progress` tells into percent, each said once; ffmpeg itself tells it twice a second."""

    def __init__(self, seconds: float, progress: Callable[[int], None]) -> None:
        self.seconds, self.progress = seconds, progress
        self.said, self.begun = -1, b""

    def __call__(self, piece: bytes) -> None:
        *lines, self.begun = (self.begun + piece).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b"=")
            if name == b"out_time_us" and value.strip().isdigit():
                self.say(min(WORKED, int(int(value) / 1_000_000 / self.seconds * WORKED)))

    def say(self, percent: int) -> None:
        if percent > self.said:
            self.said = percent
            self.progress(percent)
