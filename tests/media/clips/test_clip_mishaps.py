"""Jobs of clips that are killed, taken over, fail or are refused: nothing is lost, and nothing is left behind."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from common.errors import Unavailable, Unprocessable
from common.models import new_id
from media import registry, tasks
from media.models import Rendition, StorageUse, StoredContent
from media.services import clips
from tests.live import ROOT, LiveSite
from tests.media.clips.shelves import content_of, settle, stored, used

commits = pytest.mark.django_db(transaction=True)


# --- killed, failing, refused -----------------------------------------------------------------------------------------

KILLED = """
import os, sys, time, uuid, django
django.setup()
from django.conf import settings
from pathlib import Path
settings.DATA_DIR, settings.MEDIA_ROOT = Path(os.environ["DATA_DIR"]), Path(os.environ["DATA_DIR"], "media")
from media.services import clip_records, clips

def stop(*_, **__):
    print("half-way", flush=True)
    time.sleep(60)

if os.environ["WHERE"] == "converting":
    clips.clips.convert = stop
else:
    clip_records.finish = stop
clips.work(uuid.UUID(os.environ["CLIP"]))
"""


@commits
@pytest.mark.parametrize("where", ["converting", "stored, not yet recorded"])
def test_a_killed_workers_clip_is_taken_over_and_its_files_removed(owner, send, site, nudged, where):
    asset = send(owner)
    names = {"DATA_DIR": str(site.DATA_DIR), "CLIP": str(asset.content_id), "WHERE": where}
    environment = LiveSite(**names, DJANGO_SETTINGS_MODULE="config.settings")._environment()
    worker = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"half-way\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()
    half = f"{asset.content_id.hex}-1"
    assert content_of(asset).status == "processing"
    assert [path.name for path in clips.folder().iterdir()] == [half]

    tasks.work_on_clip(asset.content_id)  # the lease is still the dead one's
    assert tasks.sweep_clips() == 0
    assert (content_of(asset).attempts, [path.name for path in clips.folder().iterdir()]) == (1, [half])
    StoredContent.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    nudged.clear()
    assert tasks.sweep_clips() == 2  # the clip, and the folder
    assert (tasks.work_on_clip, asset.content_id) in nudged
    tasks.work_on_clip(asset.content_id)
    assert (content_of(asset).status, content_of(asset).attempts) == ("ready", 2)
    settle(site)


@commits
def test_an_error_is_tried_again_later_and_given_up_after_three_tries(owner, send, halfway, site, heard):
    def fail():
        raise OSError("the disk is full")

    asset = send(owner)
    halfway(fail)
    for attempt in (1, 2, 3):
        with pytest.raises(OSError, match="disk"):
            tasks.work_on_clip(asset.content_id)
        assert content_of(asset).attempts == attempt
        tasks.work_on_clip(asset.content_id)  # not at once
        assert content_of(asset).attempts == attempt
        if attempt < 3:
            assert content_of(asset).status == "processing"
            assert [row.name for row in Rendition.objects.all()] == ["source"]
            StoredContent.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    content = content_of(asset)
    assert (content.status, content.stored_bytes, used(owner)) == ("failed", 0, 0)
    assert content.error.startswith("This clip could not be prepared")
    assert heard[-1][1]["error"] == content.error
    settle(site)
    assert stored(site) == []


@commits
def test_a_clip_that_kills_its_worker_three_times_is_given_up(owner, send, site):
    asset = send(owner)
    StoredContent.objects.update(attempts=3, lease_until=timezone.now() - timedelta(seconds=1))
    tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "failed"
    settle(site)
    assert stored(site) == []


@commits
@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"noise" * 2000, "broken", id="broken"),
        pytest.param(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"noise" * 2000, "broken", id="no index"),
    ],
)
def test_of_what_is_refused_nothing_is_kept(owner, send, site, heard, data, error):
    asset = send(owner, data=data)
    tasks.work_on_clip(asset.content_id)
    content = content_of(asset)
    assert (content.status, content.attempts, content.sha256, content.lease_until) == ("failed", 1, "", None)
    assert error in content.error
    assert (content.stored_bytes, used(owner)) == (0, 0)
    assert (heard[-1][1]["status"], heard[-1][1]["error"]) == ("failed", content.error)
    settle(site)
    assert stored(site) == []
    tasks.work_on_clip(asset.content_id)
    assert content_of(asset).attempts == 1


@commits
def test_a_virus_is_refused_and_an_absent_scanner_is_waited_for(owner, send, site, monkeypatch):
    def away(path):
        raise Unavailable("The scanner is away.")

    def found(path):
        raise Unprocessable("This file is not safe.", code="CONTENT_REJECTED")

    asset = send(owner)
    monkeypatch.setattr("media.scanning.scan", away)
    with pytest.raises(Unavailable):
        tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "processing"
    StoredContent.objects.update(lease_until=None)
    monkeypatch.setattr("media.scanning.scan", found)
    tasks.work_on_clip(asset.content_id)
    assert (content_of(asset).status, content_of(asset).error) == ("failed", "This file is not safe.")
    settle(site)
    assert stored(site) == []


@commits
def test_an_upload_changed_after_it_was_confirmed_is_refused(owner, send, site, tmp_path):
    asset = send(owner)
    key = Rendition.objects.get().key
    with (Path(site.MEDIA_ROOT) / key).open("ab") as file:
        file.write(b"more")
    tasks.work_on_clip(asset.content_id)
    assert "changed after it was confirmed" in content_of(asset).error
    settle(site)


@commits
def test_a_clip_that_outgrows_the_quota_is_refused(owner, send, site, monkeypatch):
    asset = send(owner)
    StoredContent.objects.update(stored_bytes=10)
    StorageUse.objects.update(used_bytes=10)
    monkeypatch.setattr(registry, "_quota_reader", lambda organization_id: 5000)
    tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "failed"
    assert "storage is full" in content_of(asset).error
    assert used(owner) == 0
    settle(site)
    assert stored(site) == []


# --- the sweep --------------------------------------------------------------------------------------------------------


@commits
def test_a_lost_nudge_is_made_good_once(owner, send, nudged):
    asset = send(owner)
    nudged.clear()
    assert tasks.sweep_clips() == 0
    StoredContent.objects.update(updated_at=timezone.now() - timedelta(minutes=10))
    assert tasks.sweep_clips() == 1
    assert nudged == [(tasks.work_on_clip, asset.content_id)]
    assert tasks.sweep_clips() == 0


@commits
def test_folders_that_nobody_works_in_are_removed_and_others_are_not(owner, send, halfway):
    asset = send(owner)
    seen: list[Any] = []

    def sweep():
        (clips.folder() / f"{new_id().hex}-1").mkdir()
        (clips.folder() / "notes").mkdir()
        seen.append((tasks.sweep_clips(), sorted(path.name for path in clips.folder().iterdir())))

    halfway(sweep)
    tasks.work_on_clip(asset.content_id)
    assert seen == [(1, sorted([f"{asset.content_id.hex}-1", "notes"]))]
    assert content_of(asset).status == "ready"
    assert clips.folder().stat().st_mode & 0o077 == 0
