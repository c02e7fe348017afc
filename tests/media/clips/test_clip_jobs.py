"""The job behind a clip: from the upload to its files and rows, one at a time, and the same clip twice."""

import hashlib
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from common.errors import Conflict, Forbidden, UnsupportedMediaType
from common.models import new_id
from common.realtime import log
from media import registry, tasks
from media.formats import format_of
from media.models import Asset, Rendition, StorageUse, StoredContent, StrayFile, Upload
from media.services import assets, clip_records, clips, intake, strays, uploads
from media.storages import storage_of
from tests.media.clips.shelves import content_of, settle, stored, used, wanted

commits = pytest.mark.django_db(transaction=True)


# --- from the upload to the clip --------------------------------------------------------------------------------------


@commits
def test_what_arrives_is_written_down_and_its_job_begun(owner, send, nudged, site):
    asset = send(owner)
    content = content_of(asset)
    assert (content.status, content.progress, content.family, content.sha256) == ("processing", 0, "video", "")
    assert nudged == [(tasks.work_on_clip, content.pk)]
    assert [row.name for row in content.renditions.all()] == ["source"]
    assert used(owner) == content.stored_bytes == content.renditions.get().size
    strays.delete_due()
    assert not StrayFile.objects.exists()  # nothing would delete it meanwhile
    assert stored(site) == wanted()


@commits
def test_a_presigned_upload_becomes_a_clip(owner, film, site, nudged):
    data = film("card.mp4").read_bytes()
    use = intake.use(owner_id=owner.id, organization_id=owner.organization_id, purpose="chat")
    upload = uploads.begin(wanted=use, filename="card.mp4", content_type="video/mp4", size=len(data)).upload
    uploads.receive_local(upload_id=upload.pk, content_type="video/mp4", pieces=[data])
    asset = uploads.confirm(owner_id=owner.id, key=use.key)
    assert uploads.confirm(owner_id=owner.id, key=use.key) == asset
    assert (asset.key, asset.visibility, asset.filename) == (use.key, "private", "card.mp4")
    assert nudged == [(tasks.work_on_clip, asset.content_id)]
    tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "ready"
    assert uploads.confirm(owner_id=owner.id, key=use.key) == asset
    settle(site)


@commits
def test_a_clip_becomes_ready_with_a_poster_and_without_its_source(owner, send, site, film):
    asset = send(owner)
    tasks.work_on_clip(asset.content_id)
    content = content_of(asset)
    assert (content.status, content.progress, content.error, content.lease_until) == ("ready", 100, "", None)
    assert (content.width, content.height, content.duration) == (320, 180, pytest.approx(2, abs=0.05))
    assert content.sha256 == hashlib.sha256(film("card.mp4").read_bytes()).hexdigest()
    assert content.blurhash
    kept = {row.name: row for row in content.renditions.all()}
    assert set(kept) == {"original", "poster", "thumbnail"}
    assert kept["original"].mime_type == "video/mp4"
    assert kept["poster"].mime_type.startswith("image/")
    assert (kept["poster"].width, kept["thumbnail"].width) == (320, 256)
    for row in kept.values():
        data = b"".join(storage_of(row.storage).read(row.key))
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row.size, row.sha256)
    settle(site)


@commits
def test_a_sound_becomes_ready_without_a_picture(owner, send, site):
    asset = send(owner, "live.webm")
    assert content_of(asset).family == "video"  # as far as its first bytes tell
    tasks.work_on_clip(asset.content_id)
    content = content_of(asset)
    assert (content.status, content.family, content.width, content.blurhash) == ("ready", "audio", None, "")
    assert [row.mime_type for row in content.renditions.all()] == ["audio/mp4"]
    settle(site)


@commits
def test_the_owner_hears_how_far_it_is_and_that_it_is_ready(owner, send, heard):
    asset = send(owner, "card.webm")
    tasks.work_on_clip(asset.content_id)
    assert {topic for topic, _ in heard} == {f"user:{owner.id}"}
    assert {data["id"] for _, data in heard} == {asset.pk}
    progress = [data["progress"] for _, data in heard]
    assert progress == sorted(progress)
    assert len(set(progress)) >= 3
    assert [data["status"] for _, data in heard] == ["processing"] * (len(heard) - 1) + ["ready"]
    assert heard[-1][1]["mime_type"] == "video/mp4"
    assert heard[-1][1]["thumbnail_url"]


@commits
def test_the_frames_reach_the_owners_topic(owner, send):
    asset = send(owner)
    tasks.work_on_clip(asset.content_id)
    frames = [json.loads(frame.text) for frame in log.replay(f"user:{owner.id}", 0).frames]
    told = [frame["data"] for frame in frames if frame["type"] == "asset.updated"]
    assert {data["id"] for data in told} == {str(asset.pk)}
    assert told[-1]["status"] == "ready"


@commits
def test_other_apps_hear_once_that_it_is_finished(owner, send, monkeypatch):
    finished: list[tuple[Any, str]] = []
    monkeypatch.setattr(registry, "asset_finished", lambda asset: finished.append((asset.pk, asset.content.status)))
    asset, broken = send(owner), send(owner, data=b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"x" * 5000)
    for content_id in (asset.content_id, broken.content_id, asset.content_id):
        tasks.work_on_clip(content_id)
    assert finished == [(asset.pk, "ready"), (broken.pk, "failed")]


@commits
def test_an_app_that_fails_at_the_end_leaves_the_clip_unfinished(owner, send, monkeypatch, site):
    def fail(asset):
        raise RuntimeError("an app is broken")

    asset = send(owner)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "asset_finished", fail)
        with pytest.raises(RuntimeError):
            tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "processing"
    settle(site)
    StoredContent.objects.update(lease_until=None)
    tasks.work_on_clip(asset.content_id)
    assert content_of(asset).status == "ready"
    settle(site)


@commits
def test_a_clip_is_no_portrait_and_needs_room(owner, send, monkeypatch, site):
    with pytest.raises(UnsupportedMediaType):
        send(owner, purpose="avatar")
    monkeypatch.setattr(registry, "_quota_reader", lambda organization_id: 1000)
    with pytest.raises(Forbidden) as refusal:
        send(owner)
    assert refusal.value.code == "STORAGE_FULL"
    assert not StoredContent.objects.exists()
    settle(site)


@commits
def test_begun_twice_for_the_same_upload_it_is_one_clip(owner, send, film, nudged):
    asset = send(owner)
    upload = Upload.objects.get()
    wanted = intake.Use(upload.owner_id, upload.organization_id, upload.purpose, upload.visibility, upload.key)
    found = format_of(film("card.mp4").read_bytes()[:4096])
    assert found is not None
    assert clips.begin(wanted, upload, found).pk == asset.pk
    assert StoredContent.objects.count() == 1
    assert len(nudged) == 1


@commits
def test_an_upload_that_was_swept_meanwhile_begins_nothing(owner, send, monkeypatch):
    monkeypatch.setattr(strays, "announce", lambda files: None)
    with pytest.raises(Conflict):
        send(owner)
    assert not StoredContent.objects.exists()
    assert not StorageUse.objects.exists()


# --- one at a time ----------------------------------------------------------------------------------------------------


@commits
def test_two_jobs_at_once_make_one_clip(owner, send, halfway, site, heard):
    asset = send(owner)
    halfway(lambda: tasks.work_on_clip(asset.content_id))
    tasks.work_on_clip(asset.content_id)
    content = content_of(asset)
    assert (content.status, content.attempts) == ("ready", 1)
    assert [data["status"] for _, data in heard].count("ready") == 1
    settle(site)


@commits
def test_many_jobs_at_the_same_moment_make_one_clip(owner, send, site):
    asset = send(owner, "tone.ogg")

    def work():
        try:
            tasks.work_on_clip(asset.content_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (content_of(asset).status, content_of(asset).attempts) == ("ready", 1)
    settle(site)


@commits
def test_a_job_that_runs_once_more_changes_nothing(owner, send, heard):
    asset = send(owner)
    tasks.work_on_clip(asset.content_id)
    before, told = list(Rendition.objects.order_by("pk").values()), len(heard)
    tasks.work_on_clip(asset.content_id)
    tasks.work_on_clip(new_id())
    assert (list(Rendition.objects.order_by("pk").values()), len(heard)) == (before, told)


@commits
def test_one_that_was_taken_over_changes_nothing_any_more(owner, send, halfway, site):
    asset = send(owner)
    taken: list[bool] = []

    def take_over():
        if not taken:
            taken.append(True)
            StoredContent.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            tasks.work_on_clip(asset.content_id)

    halfway(take_over)
    tasks.work_on_clip(asset.content_id)
    assert (content_of(asset).status, content_of(asset).attempts) == ("ready", 2)
    settle(site)


@commits
def test_one_that_was_taken_over_at_the_last_moment_stores_nothing(owner, send, monkeypatch, site):
    asset = send(owner)
    finish = clip_records.finish

    def late(content, **facts):
        StoredContent.objects.update(attempts=2, lease_until=timezone.now() + timedelta(minutes=1))
        finish(content, **facts)

    monkeypatch.setattr(clip_records, "finish", late)
    tasks.work_on_clip(asset.content_id)
    assert (content_of(asset).status, content_of(asset).attempts) == ("processing", 2)
    settle(site)
    assert [row.name for row in Rendition.objects.all()] == ["source"]


@commits
def test_the_lease_is_kept_while_a_step_says_nothing(owner, send, halfway, monkeypatch):
    monkeypatch.setattr(clips, "RENEWED_EVERY_SECONDS", 0.02)
    asset = send(owner)
    renewed: list[bool] = []

    def long_step():
        StoredContent.objects.update(lease_until=timezone.now() - timedelta(hours=1))
        for _ in range(1_000):
            if content_of(asset).lease_until > timezone.now():
                renewed.append(True)
                return
            threading.Event().wait(0.01)

    halfway(long_step)
    tasks.work_on_clip(asset.content_id)
    assert renewed
    assert content_of(asset).status == "ready"


@commits
def test_a_clip_deleted_while_it_is_worked_on_leaves_nothing(owner, send, halfway, site):
    asset = send(owner, purpose="chat")
    halfway(lambda: assets.delete_asset(owner_id=owner.id, asset_id=asset.pk))
    tasks.work_on_clip(asset.content_id)
    assert not StoredContent.objects.exists()
    settle(site)
    assert stored(site) == []


# --- the same clip twice ----------------------------------------------------------------------------------------------


@commits
def test_the_same_clip_for_another_purpose_is_stored_once(owner, send, site, heard):
    first, second = send(owner), send(owner, purpose="generation")
    for asset in (first, second):
        tasks.work_on_clip(asset.content_id)
    content = StoredContent.objects.get()
    assert set(content.assets.values_list("pk", flat=True)) == {first.pk, second.pk}
    assert heard[-1][1]["id"] == second.pk
    assert heard[-1][1]["status"] == "ready"
    assert used(owner) == content.stored_bytes
    settle(site)


@commits
def test_the_same_clip_for_the_same_purpose_keeps_each_address_and_is_stored_once(owner, send, site):
    first, second = send(owner), send(owner)
    for asset in (first, second):
        tasks.work_on_clip(asset.content_id)
    assert {asset.pk for asset in Asset.objects.all()} == {first.pk, second.pk}
    assert set(Upload.objects.values_list("asset_id", flat=True)) == {first.pk, second.pk}
    assert StoredContent.objects.count() == 1
    settle(site)


@commits
def test_the_same_clip_in_private_shares_no_file_with_a_public_one_on_ipfs(owner, send, ipfs, settings):
    settings.MEDIA_STORAGE = "ipfs"
    shared, own = send(owner), send(owner, visibility="private")
    for asset in (shared, own):
        tasks.work_on_clip(asset.content_id)
    where = Rendition.objects.values_list("storage", flat=True).distinct()
    assert set(where.filter(content__assets=shared)) == {"ipfs"}
    assert set(where.filter(content__assets=own)) == {"local"}


@commits
def test_the_same_clip_finished_twice_at_once_is_stored_once(owner, send, halfway, site):
    first, second = send(owner), send(owner, purpose="generation")
    begun: list[bool] = []

    def other_is_faster():
        if not begun:
            begun.append(True)
            tasks.work_on_clip(second.content_id)

    halfway(other_is_faster)
    tasks.work_on_clip(first.content_id)
    content = StoredContent.objects.get()
    assert content.pk == second.content_id
    assert set(content.assets.values_list("pk", flat=True)) == {first.pk, second.pk}
    settle(site)


@commits
def test_a_clip_that_is_taken_down_while_another_works_on_the_same_is_not_shown(
    owner, stranger, staff, send, halfway, site
):
    shown, coming = send(stranger), send(owner)
    tasks.work_on_clip(shown.content_id)
    halfway(lambda: assets.take_down(asset=shown, actor=staff.user, reason="a test"))
    shown.refresh_from_db()
    tasks.work_on_clip(coming.content_id)
    content = content_of(coming)
    assert (content.status, content.sha256) == ("failed", "")
    assert "taken down" in content.error
    settle(site)


@commits
def test_two_peoples_same_clip_is_each_ones_own(owner, stranger, send, site):
    for person in (owner, stranger):
        tasks.work_on_clip(send(person).content_id)
    assert StoredContent.objects.filter(status="ready").count() == 2
    settle(site)
