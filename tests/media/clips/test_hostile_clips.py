"""Clips that mean harm cost nobody but themselves: what is refused, what is never opened, and what holds the child."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import Unprocessable, UnsupportedMediaType
from media import clips
from media.clips import bounded, ffmpeg, limits, looking
from media.clips.ffmpeg import FfmpegError, KilledError, Source, TooSlowError
from tests.media.clips import filming

NOISE = bytes(range(7, 256)) * 240
ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc=size=64x64", "-progress", "pipe:1", "-f", "null", "-"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", id="m3u8"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", id="concat"),
        pytest.param(b"RIFF\x00\x01\x00\x00AVI LIST" + NOISE, id="avi"),
        pytest.param(b"FLV\x01\x05\x00\x00\x00\x09" + NOISE, id="flv"),
        pytest.param(b"FWS\x06" + NOISE, id="swf"),
        pytest.param(b"CWS\x06" + NOISE, id="packed swf"),
        pytest.param(b"\x00\x00\x01\xba" + NOISE, id="mpeg"),
        pytest.param(b"0&\xb2u\x8ef\xcf\x11\xa6\xd9" + NOISE, id="wmv"),
        pytest.param(b"<?xml version='1.0'?><MPD></MPD>", id="dash"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + NOISE, id="a picture"),
        pytest.param(NOISE, id="noise"),
    ],
)
def test_what_is_none_of_the_kinds_we_take_is_refused(kept, written, data):
    with pytest.raises(UnsupportedMediaType, match="MP4, MOV, WebM or MKV, or audio as MP3"):
        kept(written(data, "sent.mp4"))


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", id="mp4"),
        pytest.param(b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", id="mov"),
        pytest.param(b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm", id="webm"),
        pytest.param(b"ID3\x03\x00\x00\x00\x00\x00\x00", id="mp3"),
        pytest.param(b"RIFF\xff\xff\x00\x00WAVEfmt \x10\x00\x00\x00", id="wav"),
        pytest.param(b"fLaC\x00\x00\x00\x22", id="flac"),
        pytest.param(b"OggS\x00\x02" + b"\x00" * 20 + b"\x01\x1e\x01vorbis", id="ogg"),
    ],
)
def test_noise_that_begins_like_a_clip_is_refused(kept, written, beginning):
    with pytest.raises(Unprocessable, match="broken"):
        kept(written(beginning + NOISE))


@pytest.mark.parametrize("name", ["card.mp4", "card.mov", "card.webm", "card.mkv", "tone.m4a"])
@pytest.mark.parametrize("part", [0.05, 0.4, 0.8])
def test_a_torn_clip_is_refused(film, kept, written, name, part):
    data = film(name).read_bytes()
    with pytest.raises(Unprocessable, match=r"broken|missing|neither"):
        kept(written(data[: int(len(data) * part)]))


def test_a_torn_clip_with_its_index_first_is_refused(film, kept, written, tmp_path):
    whole = kept(film("card.mp4")).path.read_bytes()
    with pytest.raises(Unprocessable, match="end of this clip is missing"):
        kept(written(whole[: len(whole) // 2]))


@pytest.mark.parametrize("name", ["tone.wav", "tone.mp3", "tone.flac", "tone.ogg", "opus.ogg"])
def test_a_torn_sound_is_refused(film, kept, written, name):
    data = film(name).read_bytes()
    for part in (0.05, 0.3, 0.45):
        with pytest.raises(Unprocessable, match=r"broken|missing|neither"):
            kept(written(data[: int(len(data) * part)]))


def test_a_wav_without_its_last_bytes_is_refused(film, kept, written):
    with pytest.raises(Unprocessable, match="end of this clip is missing"):
        kept(written(film("tone.wav").read_bytes()[:-2]))


@pytest.mark.parametrize("length", [0, 0x7FFF_F000, 0xFFFF_FFFF])
def test_a_wav_that_was_piped_and_tells_no_length_is_kept(film, kept, written, length):
    data = film("tone.wav").read_bytes()
    at = data.index(b"data") + 4
    assert kept(written(data[:at] + length.to_bytes(4, "little") + data[at + 4 :])).clip.seconds == pytest.approx(
        kept(film("tone.wav")).clip.seconds, abs=0.1
    )


def test_an_mp3_that_tells_no_length_is_kept(film, kept, written):
    data = film("tone.mp3").read_bytes()
    assert b"Info" in data
    assert kept(written(data.replace(b"Info", b"\x00" * 4)[: len(data) // 2])).clip.seconds > 0


def test_a_video_in_an_audio_file_is_refused(film, kept):
    with pytest.raises(UnsupportedMediaType, match="video in an audio file"):
        kept(film("moving.m4a"))


def test_subtitles_alone_are_no_clip(film, kept):
    with pytest.raises(Unprocessable, match="neither a picture nor a sound"):
        kept(film("words.mkv"))


def test_codecs_that_nobody_needs_are_not_decoded(film, kept, children):
    with pytest.raises(UnsupportedMediaType, match="how this clip is encoded"):
        kept(film("foreign.mkv"))
    assert len(children) == 1
    with pytest.raises(FfmpegError, match="whitelist"):
        ffmpeg.run([*Source(film("foreign.mkv"), "mkv").arguments(), "-f", "null", "-"], seconds=20)


def claims(data, side):
    """A MOV of JPEGs in which the header and each picture claim to be so large."""
    size = side.to_bytes(2, "big") * 2
    at = data.index(b"jpeg", filming.atom(data, b"moov")[0]) + 28
    changed = bytearray(data[:at] + size + data[at + 4 :])
    at = -1
    while (at := changed.find(b"\xff\xc0\x00\x11\x08", at + 1)) >= 0:
        changed[at + 5 : at + 9] = size
    return bytes(changed)


def test_what_claims_ten_thousand_pixels_is_refused_before_any_is_decoded(film, kept, written, children):
    with pytest.raises(Unprocessable, match="at most 4,096 pixels"):
        kept(written(claims(film("mjpeg.mov").read_bytes(), 10_000)))
    assert len(children) == 1


def test_pictures_larger_than_their_header_says_are_not_decoded(film, kept, written):
    data = film("mjpeg.mov").read_bytes()
    lying, at = claims(data, 10_000), data.index(b"jpeg", filming.atom(data, b"moov")[0]) + 28
    with pytest.raises(Unprocessable, match=r"broken|at most 4,096 pixels"):
        kept(written(lying[:at] + data[at : at + 4] + lying[at + 4 :]))


# --- nothing else is opened -------------------------------------------------------------------------------------------


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A file that holds whoever opens it, until the time limit ends them."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 3)
    os.mkfifo(tmp_path / "trap")
    return tmp_path / "trap"


def test_the_trap_holds_whoever_opens_it(trap):
    with pytest.raises(TooSlowError):
        ffmpeg.run(["-f", "mp3", "-i", f"file:{trap}", "-f", "null", "-"], seconds=0.5)


@pytest.mark.parametrize("demuxer", sorted(set(ffmpeg.DEMUXERS)))
def test_a_playlist_is_never_followed_whatever_it_is_taken_for(trap, written, demuxer):
    for text in (f"#EXTM3U\n#EXTINF:9,\nfile://{trap}\n", f"ffconcat version 1.0\nfile '{trap}'\n"):
        with pytest.raises(Unprocessable, match="broken"):
            looking.look(Source(written(text.encode() * 20), demuxer))


def alias(folder, name):
    """The body of a `dref` atom whose one entry is a Macintosh alias of a file beside this one."""
    path = f"{folder.name}/{name}".encode()
    record = b"\x00" * 10 + b"\x00" + b"\x00" * 27 + b"\x00" * 12
    record += bytes([len(name)]) + name.encode().ljust(63, b"\x00") + b"\x00" * 16
    record += b"\x00\x01\x00\x01" + b"\x00" * 16
    record += b"\x00\x02" + len(path).to_bytes(2, "big") + path + b"\x00" * (len(path) % 2) + b"\xff\xff\x00\x00"
    entry = (len(record) + 12).to_bytes(4, "big") + b"alis" + b"\x00" * 4 + record
    return b"\x00\x00\x00\x00\x00\x00\x00\x01" + entry


def test_a_clip_whose_data_lies_in_another_file_opens_no_other_file(film, written, trap):
    path = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    data = filming.replaced(film("mjpeg.mov").read_bytes(), path, alias(trap.parent, trap.name))
    source = Source(written(data, "outside.mov"), "mov")
    with pytest.raises(TooSlowError):  # the reference works, where it is allowed
        ffmpeg.run(["-enable_drefs", "1", *source.arguments(), "-f", "null", "-"], seconds=1)
    with pytest.raises(Unprocessable) as refusal:
        looking.look(source)
    assert refusal.value.detail == looking.BROKEN


# --- the child --------------------------------------------------------------------------------------------------------


def test_a_child_that_takes_too_long_is_killed(children):
    with pytest.raises(TooSlowError):
        ffmpeg.run(ENDLESS, seconds=0.5)
    assert children[0].returncode == -signal.SIGKILL


def test_a_child_that_somebody_kills_says_nothing_of_the_clip(film, kept, children, monkeypatch):
    with pytest.raises(KilledError):
        ffmpeg.run(ENDLESS, seconds=20, hear=lambda piece: os.kill(children[0].pid, signal.SIGKILL))
    with pytest.raises(KilledError):
        ffmpeg.run(ENDLESS, seconds=20, hear=lambda piece: os.kill(children[1].pid, signal.SIGTERM))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_child_has_limits():
    command = ["/bin/cat", *(f"/proc/self/{name}" for name in ("limits", "stat", "environ"))]
    with ffmpeg._child(command, cpu_seconds=7) as child:
        told = child.stdout.read().decode()
    found = {line[:26].strip(): line[26:].split()[:2] for line in told.splitlines()}
    assert found["Max cpu time"] == ["7", "17"]
    assert found["Max address space"] == [str(limits.MEMORY)] * 2
    assert found["Max file size"] == [str(limits.LARGEST_FILE)] * 2
    assert found["Max core file size"] == ["0", "0"]
    niceness = told[told.index("(cat)") :].split()[17]
    assert int(niceness) >= bounded.NICE
    assert "DATABASE_URL" not in told
    assert "PATH=" not in told


def test_a_child_without_memory_fails_and_nobody_else(film, kept, monkeypatch):
    monkeypatch.setattr(limits, "MEMORY", 220 * 1024 * 1024)
    with pytest.raises(Unprocessable):
        kept(film("card.webm"))


def test_a_clip_that_becomes_too_large_is_refused(film, kept, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_FILE", 8192)
    with pytest.raises(Unprocessable, match="becomes too large"):
        kept(film("card.mp4"))


def test_a_listing_without_end_is_cut_short(film, monkeypatch):
    monkeypatch.setattr(limits, "LONGEST_LISTING", 1000)
    with pytest.raises(Unprocessable, match="too long to read"):
        clips.probe(film("card.mp4"))


def test_much_on_both_pipes_holds_nobody_up(monkeypatch):
    noise = "for _ in range(40):\n    sys.stderr.write('x' * 9999 + chr(10))\n    sys.stdout.write('y' * 50_000)\n"
    monkeypatch.setattr(ffmpeg, "binary", lambda: sys.executable)
    monkeypatch.setattr(ffmpeg, "OPTIONS", ["-c", f"import sys\n{noise}"])
    heard: list[int] = []
    complaints = ffmpeg.run([], seconds=20, hear=lambda piece: heard.append(len(piece)))
    assert sum(heard) == 40 * 50_000
    assert len(complaints) == ffmpeg.LINES_KEPT
    assert {len(line) for line in complaints} == {ffmpeg.LINE_LENGTH}


WORKER = f"""
import os, subprocess, sys, time
bounds = [str(number) for number in (os.getpid(), 10**10, 60, 10**6)]
child = subprocess.Popen([sys.executable, "-I", "-S", {str(ffmpeg.BOUNDED)!r}, *bounds, "/bin/cat", "/dev/zero"],
                         stdout=subprocess.DEVNULL)
while b"python" in open(f"/proc/{{child.pid}}/cmdline", "rb").read():
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_the_child_of_a_killed_worker_dies_with_it():
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    worker.kill()
    worker.wait()
    worker.stdout.close()
    for _ in range(500):
        try:
            if "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child goes on")


def test_what_people_are_told_names_no_file_and_no_tool(written):
    path = written(b"ID3\x03\x00\x00\x00\x00\x00\x00" + NOISE, "source")
    with pytest.raises(Unprocessable) as refusal:
        clips.probe(path)
    assert str(path) not in refusal.value.detail
    assert "ffmpeg" not in refusal.value.detail
