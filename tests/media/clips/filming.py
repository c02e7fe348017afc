"""Tiny clips for tests, made by the same ffmpeg that works on them; two seconds of a test card and a tone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from media.clips.ffmpeg import binary

PLACE = "+52.5162+013.3777/"
TITLE = "A very private title"
CARD = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=10:duration=2"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"]
TOLD = [
    *("-metadata", f"title={TITLE}", "-metadata", f"comment={PLACE}", "-metadata", f"location={PLACE}"),
    *("-metadata", f"com.apple.quicktime.location.ISO6709={PLACE}"),
    *("-metadata:s:0", f"title={TITLE}", "-metadata:s:0", f"comment={PLACE}"),
]
SUBTITLES = f"1\n00:00:00,000 --> 00:00:02,000\n{TITLE}\n"
CHAPTERS = f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle={TITLE}\n"
SEI = "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+" + PLACE

RECIPES: dict[str, list[str]] = {
    "card.mp4": [*CARD, *TONE, *H264, "-c:a", "aac", *TOLD],
    "keys.mov": [*CARD, *TONE, *H264, "-c:a", "aac", *TOLD, "-movflags", "use_metadata_tags"],
    "sei.mp4": [*CARD, *H264, "-bsf:v", SEI],
    "silent.mp4": [*CARD, *H264],
    "tone.mp4": [*TONE, "-c:a", "aac"],
    "card.mov": [*CARD, *TONE, *H264, "-c:a", "pcm_s16le", *TOLD],
    "deep.mp4": [*CARD, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"],
    "wide.mp4": ["-f", "lavfi", "-i", "color=size=2048x64:rate=5:duration=1", *H264],
    "flat.mp4": [*CARD, *H264, "-vf", "setsar=2/1"],
    "odd.mkv": ["-f", "lavfi", "-i", "testsrc=size=201x99:rate=5:duration=1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    "card.webm": [*CARD, *TONE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "card.mkv": [*CARD, *TONE, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis", *TOLD],
    "live.webm": [*TONE, "-c:a", "libopus", "-live", "1"],
    "mjpeg.mov": [*CARD, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    "foreign.mkv": [*CARD, "-c:v", "ffv1"],
    "tone.mp3": [*TONE, "-c:a", "libmp3lame", *TOLD],
    "tone.wav": [*TONE, *TOLD],
    "tone.ogg": [*TONE, "-c:a", "libvorbis", *TOLD],
    "opus.ogg": [*TONE, "-c:a", "libopus", *TOLD],
    "tone.flac": [*TONE, *TOLD],
    "tone.m4a": [*TONE, "-c:a", "aac", *TOLD],
    "alac.m4a": [*TONE, "-c:a", "alac"],
    "moving.m4a": [*CARD, *TONE, *H264, "-c:a", "aac", "-f", "mp4", "-brand", "M4A "],
    "six.mkv": ["-f", "lavfi", "-i", "sine=duration=1,aformat=channel_layouts=5.1", "-c:a", "flac"],
}
Film = Callable[[str], Path]


def film(folder: Path, name: str) -> Path:
    """The clip of that name, made once in this folder."""
    path = folder / name
    if not path.exists():
        _more(folder, name) if name not in RECIPES else run([*RECIPES[name], str(path)])
    return path


def _more(folder: Path, name: str) -> None:
    """Clips that are made of other clips."""
    path = str(folder / name)
    if name == "turned.mov":
        run(["-display_rotation", "90", "-i", str(film(folder, "silent.mp4")), "-c", "copy", path])
    elif name == "turned.mkv":
        run(["-display_rotation", "90", "-i", str(film(folder, "card.webm")), "-c", "copy", path])
    elif name == "covered.mp3":
        cover = ["-f", "lavfi", "-i", "color=red:size=64x64"]
        drawn = ["-frames:v", "1", "-c:v", "png", "-disposition:v", "attached_pic"]
        run([*cover, *TONE, *drawn, "-c:a", "libmp3lame", path])
    elif name == "laden.mkv":
        (folder / "words.srt").write_text(SUBTITLES)
        (folder / "chapters.txt").write_text(CHAPTERS)
        words = ["-i", str(folder / "words.srt"), "-i", str(folder / "chapters.txt")]
        every = ["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_chapters", "4", *H264, "-c:a", "aac"]
        attached = ["-attach", str(folder / "words.srt"), "-metadata:s:t", "mimetype=text/plain"]
        run([*CARD, *TONE, *TONE, *words, *every, *attached, path])
    elif name == "words.mkv":
        (folder / "words.srt").write_text(SUBTITLES)
        run(["-i", str(folder / "words.srt"), path])
    else:
        raise KeyError(name)


def run(arguments: list[str]) -> bytes:
    """ffmpeg, without any of the limits; gives what it writes to `pipe:1`."""
    command = [binary(), "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-y", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def report(path: Path) -> str:
    """What ffmpeg tells people of a file: its streams, titles, places, chapters."""
    command = [binary(), "-nostdin", "-hide_banner", "-i", str(path)]
    return subprocess.run(command, check=False, capture_output=True).stderr.decode(errors="replace")


def atom(data: bytes, *names: bytes) -> tuple[int, int]:
    """Where the atom at this path of an MP4 begins and ends, its header included."""
    start, end = 0, len(data)
    for depth, name in enumerate(names):
        at = start if depth == 0 else start + 8
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4], "big")
            assert at < end, name
        start, end = at, at + int.from_bytes(data[at : at + 4], "big")
    return start, end


def replaced(data: bytes, path: tuple[bytes, ...], body: bytes) -> bytes:
    """An MP4 with another body for one of its atoms; those around it grow or shrink with it."""
    start, end = atom(data, *path)
    new = (len(body) + 8).to_bytes(4, "big") + path[-1] + body
    more = len(new) - (end - start)
    changed = bytearray(data[:start] + new + data[end:])
    for depth in range(1, len(path)):
        at, _ = atom(data, *path[:depth])
        size = int.from_bytes(data[at : at + 4], "big") + more
        changed[at : at + 4] = size.to_bytes(4, "big")
    return bytes(changed)
