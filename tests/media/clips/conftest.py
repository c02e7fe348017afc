"""Clips, as files and as uploads that wait for their job."""

import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from media.clips import convert
from media.clips.ffmpeg import BOUNDED
from media.formats import format_of
from media.models import Upload
from media.services import clip_records, clips, intake, strays
from media.storages import storage_of
from tests.media.clips import filming


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """`film("card.mp4")`: one of the clips of `filming`, made once."""
    folder = tmp_path_factory.mktemp("films")
    return lambda name: filming.film(folder, name)


@pytest.fixture
def kept(tmp_path):
    """`kept(path)`: the clip converted, in a folder of its own."""
    return lambda path, progress=lambda percent: None: convert(path, tmp_path, progress=progress)


@pytest.fixture(scope="session")
def made(film, tmp_path_factory):
    """`made("card.mp4")`: what becomes of that clip, converted once for all tests."""
    done = {}

    def make(name):
        if name not in done:
            done[name] = convert(film(name), tmp_path_factory.mktemp("made"), progress=lambda percent: None)
        return done[name]

    return make


@pytest.fixture
def written(tmp_path):
    """`written(b"…", "a.mp4")`: a file of these bytes."""

    def write(data, name="sent"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def children(monkeypatch):
    """Every child with limits that is started, in order."""
    started, start = [], subprocess.Popen

    def remember(command, **options):
        child = start(command, **options)
        if str(BOUNDED) in command:
            started.append(child)
        return child

    monkeypatch.setattr(subprocess, "Popen", remember)
    return started


# --- jobs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(settings, tmp_path, monkeypatch):
    """Folders of its own, no scanner, and a job that says every step."""
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "media"
    settings.MEDIA_STORAGE, settings.CLAMAV_ADDRESS = "local", ""
    monkeypatch.setattr(clips, "SAID_EVERY_SECONDS", 0)
    return settings


@pytest.fixture
def nudged(monkeypatch):
    """What was put into the queue, once its transaction was committed."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr("common.jobs._enqueue", lambda function, args, queue, meta: calls.append((function, *args)))
    return calls


@pytest.fixture
def heard(monkeypatch):
    """What was told to people: `(topic, data)`."""
    frames: list[tuple[str, dict[str, Any]]] = []

    def announce(topic, kind, data):
        assert kind == "asset.updated"
        frames.append((topic, data))

    monkeypatch.setattr(clip_records, "announce_on_commit", announce)
    return frames


@pytest.fixture
def send(film, tmp_path, site):
    """`send(owner, "card.mp4")`: a clip that has arrived and waits for its job; gives its asset."""

    def arrive(person, name="card.mp4", *, purpose="other", visibility=None, data=None):
        data = film(name).read_bytes() if data is None else data
        whose = {"owner_id": person.id, "organization_id": person.organization_id}
        wanted = intake.use(**whose, purpose=purpose, visibility=visibility)
        upload = Upload.objects.create(
            owner_id=person.id,
            organization_id=person.organization_id,
            key=wanted.key,
            storage="local",
            filename=name,
            content_type="video/mp4",
            size=len(data),
            purpose=wanted.purpose,
            visibility=wanted.visibility,
            expires_at=timezone.now() + timedelta(hours=1),
        )
        (tmp_path / "arriving").write_bytes(data)
        strays.announce([("local", upload.incoming_key)])
        storage_of("local").put(upload.incoming_key, tmp_path / "arriving", "video/mp4")
        found = format_of(data[:4096])
        assert found is not None
        asset = clips.begin(wanted, upload, found)
        Upload.objects.filter(pk=upload.pk).update(asset=asset)
        return asset

    return arrive


@pytest.fixture
def halfway(monkeypatch):
    """`halfway(act)`: `act` is run before a clip is converted."""

    def interrupt(act):
        def converting(source, folder, *, progress):
            act()
            return convert(source, folder, progress=progress)

        monkeypatch.setattr(clips.clips, "convert", converting)

    return interrupt
