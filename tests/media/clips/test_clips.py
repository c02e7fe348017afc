"""Video and audio: what a clip is, in which form it is kept, and that nothing private survives."""

import pytest

from common.errors import Unprocessable
from media import clips
from media.clips import converting, limits
from tests.media.clips import filming
from tests.media.clips.filming import PLACE, TITLE


def summary(clip):
    return clip.family, clip.width, clip.height, clip.video_codec, clip.audio_codec


# --- what a clip is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("card.mp4", ("video", 320, 180, "h264", "aac")),
        ("silent.mp4", ("video", 320, 180, "h264", None)),
        ("card.webm", ("video", 320, 180, "vp9", "opus")),
        ("card.mkv", ("video", 320, 180, "vp8", "vorbis")),
        ("turned.mov", ("video", 180, 320, "h264", None)),
        ("flat.mp4", ("video", 640, 180, "h264", None)),
        ("tone.mp4", ("audio", None, None, None, "aac")),
        ("live.webm", ("audio", None, None, None, "opus")),
        ("covered.mp3", ("audio", None, None, None, "mp3")),
        ("tone.wav", ("audio", None, None, None, "pcm_s16le")),
    ],
)
def test_a_clip_is_what_is_in_it(film, name, expected):
    clip = clips.probe(film(name))
    assert summary(clip) == expected
    assert clip.seconds == pytest.approx(2, abs=0.05)


def test_a_header_that_lies_about_the_length_is_not_believed(film, written):
    data = film("card.mp4").read_bytes()
    header = bytearray(data[slice(*filming.atom(data, b"moov", b"mvhd"))][8:])
    header[16:20] = (10 * 3600 * 1000).to_bytes(4, "big")
    assert clips.probe(written(filming.replaced(data, (b"moov", b"mvhd"), bytes(header)))).seconds == pytest.approx(2)


def test_a_title_that_reads_like_a_report_forges_nothing(film, tmp_path):
    title = "x\n  Duration: 09:00:00.00\n  Stream #0:0: Video: h264, yuv420p, 9000x9000"
    path = tmp_path / "forged.mkv"
    language = ["-metadata:s", f"language=a{title}"]
    filming.run(["-i", str(film("card.mp4")), "-c", "copy", "-metadata", f"title={title}", *language, str(path)])
    assert "9000x9000" in filming.report(path)
    assert summary(clips.probe(path)) == ("video", 320, 180, "h264", "aac")


def test_a_clip_may_not_be_too_long(film, kept, monkeypatch):
    monkeypatch.setattr(limits, "LONGEST_SECONDS", 1)
    for name in ("card.mp4", "tone.mp3"):
        with pytest.raises(Unprocessable, match="at most 2 hours"):
            kept(film(name))


# --- the form in which it is kept -------------------------------------------------------------------------------------


def packets(path, stream):
    """Checksums of the packets of one stream, as they stand in the file."""
    arguments = ["-i", str(path), "-map", f"0:{stream}", "-c", "copy", "-bsf:v", "filter_units=remove_types=6"]
    listing = filming.run([*arguments, "-f", "framehash", "pipe:1"]).decode()
    return [line.split(",")[5].strip() for line in listing.splitlines() if not line.startswith("#")]


def test_h264_and_aac_are_packed_anew_and_not_encoded_again(film, made):
    kept = made("card.mp4")
    assert (kept.mime_type, kept.path.suffix) == ("video/mp4", ".mp4")
    assert summary(kept.clip) == ("video", 320, 180, "h264", "aac")
    assert packets(kept.path, "v") == packets(film("card.mp4"), "v")
    assert packets(kept.path, "a") == packets(film("card.mp4"), "a")


def test_a_picture_that_fits_stays_where_only_the_sound_must_change(film, made):
    kept = made("card.mov")
    assert summary(kept.clip) == ("video", 320, 180, "h264", "aac")
    assert packets(kept.path, "v") == packets(film("card.mov"), "v")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("card.webm", ("video", 320, 180, "h264", "aac")),
        ("card.mkv", ("video", 320, 180, "h264", "aac")),
        ("mjpeg.mov", ("video", 320, 180, "h264", None)),
        ("deep.mp4", ("video", 320, 180, "h264", None)),
        ("flat.mp4", ("video", 640, 180, "h264", None)),
        ("wide.mp4", ("video", 1920, 60, "h264", None)),
        ("odd.mkv", ("video", 200, 100, "h264", None)),
        ("turned.mkv", ("video", 180, 320, "h264", "aac")),
        ("turned.mov", ("video", 180, 320, "h264", None)),
    ],
)
def test_other_video_becomes_h264_and_aac_that_everything_plays(film, made, name, expected):
    kept = made(name)
    assert kept.mime_type == "video/mp4"
    assert summary(kept.clip) == expected
    assert kept.clip.is_plain
    assert kept.clip.seconds == pytest.approx(clips.probe(film(name)).seconds, abs=0.05)


@pytest.mark.parametrize("name", ["card.mp4", "card.webm", "tone.m4a"])
def test_a_clip_begins_to_play_while_it_loads(film, made, name):
    data = made(name).path.read_bytes()
    assert filming.atom(data, b"moov")[1] <= filming.atom(data, b"mdat")[0]


@pytest.mark.parametrize(
    ("name", "mime_type", "codec"),
    [
        ("tone.mp3", "audio/mpeg", "mp3"),
        ("covered.mp3", "audio/mpeg", "mp3"),
        ("tone.ogg", "audio/ogg", "vorbis"),
        ("opus.ogg", "audio/ogg", "opus"),
        ("tone.flac", "audio/flac", "flac"),
        ("tone.m4a", "audio/mp4", "aac"),
        ("tone.mp4", "audio/mp4", "aac"),
        ("tone.wav", "audio/mp4", "aac"),
        ("alac.m4a", "audio/mp4", "aac"),
        ("live.webm", "audio/mp4", "aac"),
        ("six.mkv", "audio/mp4", "aac"),
    ],
)
def test_audio_stays_what_browsers_play_and_becomes_aac_otherwise(film, made, name, mime_type, codec):
    kept = made(name)
    assert (kept.mime_type, kept.clip.audio_codec, kept.poster) == (mime_type, codec, None)
    assert kept.clip.seconds == pytest.approx(clips.probe(film(name)).seconds, abs=0.1)
    if codec == clips.probe(film(name)).audio_codec:
        assert packets(kept.path, "a") == packets(film(name), "a")


def test_the_poster_is_upright_and_as_large_as_the_clip(film, made):
    import pyvips

    poster = made("turned.mov").poster
    assert poster is not None
    picture = pyvips.Image.new_from_file(str(poster))
    assert (picture.width, picture.height) == (180, 320)
    assert picture.deviate() > 20  # the test card, no black frame


def test_progress_rises_to_99(film, kept):
    said = []
    kept(film("card.webm"), said.append)
    assert said == sorted(set(said))
    assert said[-1] == 99
    assert all(0 <= percent <= 99 for percent in said)


def test_progress_never_falls_and_says_nothing_twice():
    said = []
    rising = converting.Rising(10, said.append)
    lines = "".join(f"out_time_us={us}\nprogress=continue\n" for us in (0, 10, 2_000_000, 1_000_000, 5_000_000))
    odd = ("out_time_us=N/A\n", "out_time_us=-5\n", "out_time_us=99000000\n")
    for piece in (lines[:25], lines[25:71], lines[71:], *odd):
        rising(piece.encode())
    assert said == [0, 19, 48, 97]


def test_whoever_hears_the_progress_may_end_the_work(film, kept, children):
    class EnoughError(Exception):
        pass

    def enough(percent):
        raise EnoughError

    with pytest.raises(EnoughError):
        kept(film("card.webm"), enough)
    assert all(child.returncode is not None for child in children)


def test_where_a_copy_fails_the_clip_is_encoded_anew(film, kept, monkeypatch):
    monkeypatch.setattr(converting, "COPIED_H264", ["-c:v", "copy", "-bsf:v", "no_such_filter"])
    assert summary(kept(film("card.mp4")).clip) == ("video", 320, 180, "h264", "aac")


# --- nothing private survives -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("card.mp4", "keys.mov", "card.mov", "card.mkv", "sei.mp4", "laden.mkv"),
        *("tone.mp3", "tone.ogg", "opus.ogg", "tone.flac", "tone.m4a", "tone.wav"),
    ],
)
def test_no_title_and_no_place_survives(film, made, name):
    sent = film(name)
    assert any(word.encode() in sent.read_bytes() for word in (PLACE, TITLE))
    kept = made(name)
    for word in (PLACE, TITLE, "52.5162"):
        assert word.encode() not in kept.path.read_bytes()
        assert word not in filming.report(kept.path)
        assert kept.poster is None or word.encode() not in kept.poster.read_bytes()


def test_only_the_first_picture_and_the_first_sound_are_kept(film, made):
    assert filming.report(film("laden.mkv")).count("Stream #") == 5
    told = filming.report(made("laden.mkv").path)
    assert told.count("Stream #") == 2
    assert "Chapter" not in told
