"""People who leave: their files go when they have left for good, come back with them, and are in their own copy."""

import io
import zipfile
from datetime import timedelta

import django_rq
import pytest
from django.utils import timezone
from rq.job import Job

from accounts import services
from accounts.models import DataExport, User
from accounts.services import anonymisation, exports
from media import tasks
from media.models import Asset, Rendition, StoredContent, Upload
from media.services import quota
from media.storages import StorageError
from tests.media.sending import assert_whole, body, by_form, confirmed, invited, look, lose, picture, sweep, wear
from tests.own_data.conftest import read
from tests.standins.cdn_server import CdnServer

pytestmark = pytest.mark.django_db


def leave(person, *, days):
    services.delete_account(user_id=person.id, actor=person.user)
    User.objects.filter(pk=person.id).update(deleted_at=timezone.now() - timedelta(days=days))


@pytest.fixture
def files(shelf, stranger):
    """What somebody has stored who is about to leave: the addresses."""
    wear(stranger, picture())
    made = [by_form(stranger, picture(1), purpose=purpose).json() for purpose in ("chat", "other")]
    invitation = invited(stranger, picture(2)).json()
    assert shelf.put(invitation, picture(2)) in (200, 204)
    return [asset["url"] for asset in made]


def test_a_cdn_forgets_the_files_of_who_has_left_at_once(
    local, stranger, files, settings, django_capture_on_commit_callbacks
):
    with CdnServer() as cdn:
        settings.CDN_BASE_URL = cdn.url
        with django_capture_on_commit_callbacks(execute=True):
            leave(stranger, days=0)
        assert Job.fetch(django_rq.get_queue("media").job_ids[-1], django_rq.get_connection()).args == (stranger.id,)
        tasks.purge_person_from_cdn(stranger.id)
        public = Asset.objects.filter(owner_id=stranger.id, visibility="public")
        assert {path.partition("?")[0] for path in cdn.purged} == {f"/media/{asset.key}" for asset in public}
        assert len(cdn.purged) == 5 * 2


def test_who_left_for_good_leaves_no_file(shelf, owner, stranger, files):
    kept = by_form(owner, picture(1)).json()
    leave(stranger, days=31)
    assert anonymisation.anonymise_due() == 1
    assert not Asset.objects.filter(owner_id=stranger.id).exists()
    assert not StoredContent.objects.filter(owner_id=stranger.id).exists()
    assert not Upload.objects.exists()
    assert quota.used_bytes(stranger.organization_id) == 0
    assert_whole(shelf, hours=3)
    assert shelf.keys() == set(Rendition.objects.filter(content__owner_id=owner.id).values_list("key", flat=True))
    assert look(kept["url"]).status_code == 200
    for url in files:
        assert look(url).status_code == 404


def test_who_comes_back_in_time_finds_everything(shelf, stranger, files, join):
    before = shelf.keys()
    leave(stranger, days=29)
    assert anonymisation.anonymise_due() == 0
    for url in files:
        assert look(url).status_code == 404
    sweep()
    assert shelf.keys() == before
    User.objects.filter(pk=stranger.id).update(deleted_at=None)
    for url in files:
        assert look(url).status_code in (200, 302)
    assert User.objects.get(pk=stranger.id).avatar


class TestTheirOwnCopy:
    @pytest.fixture(autouse=True)
    def _folder(self, settings, tmp_path):
        settings.DATA_DIR = tmp_path

    def made(self, person):
        export = exports.request_export(user_id=person.id)
        exports.make_export(export.pk)
        export.refresh_from_db()
        assert export.status == DataExport.Status.READY
        return zipfile.ZipFile(io.BytesIO(exports.file_of(export).read_bytes()))

    def test_has_every_file_and_a_list_of_them(self, shelf, stranger, files):
        archive = self.made(stranger)
        listed = read(archive, "files/files.json")
        assert sorted(entry["purpose"] for entry in listed) == ["avatar", "chat", "other"]
        for entry in listed:
            asset = Asset.objects.get(pk=entry["id"])
            stored = archive.read(f"files/{entry['file']}")
            assert stored[8:12] == b"WEBP"
            assert len(stored) == entry["size"] == asset.content.renditions.get(name="original").size
            if asset.visibility == "public":
                assert stored == body(look(f"/media/{asset.key}"))

    def test_says_which_files_are_lost_and_has_the_others(self, shelf, stranger, files):
        lose(Rendition.objects.filter(content__assets__purpose="avatar"))
        archive = self.made(stranger)
        listed = {entry["purpose"]: entry["file"] for entry in read(archive, "files/files.json")}
        assert listed["avatar"] is None
        assert archive.read(f"files/{listed['chat']}") == archive.read(f"files/{listed['other']}")

    def test_waits_for_a_storage_that_is_away(self, s3, settings, stranger):
        settings.MEDIA_STORAGE = "s3"
        by_form(stranger, picture())
        export = exports.request_export(user_id=stranger.id)
        s3.misbehave("GET", times=9, status=503)
        with pytest.raises(StorageError):
            exports.make_export(export.pk)
        s3.behave()
        exports.make_export(export.pk)
        export.refresh_from_db()
        assert export.status == DataExport.Status.READY

    def test_has_nothing_of_others(self, local, owner, stranger):
        by_form(owner, picture())
        assert read(self.made(stranger), "files/files.json") == []

    def test_tells_of_a_clip_that_is_not_ready(self, local, stranger):
        clip = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2" + bytes(100)
        invitation = invited(stranger, clip, content_type="video/mp4").json()
        assert local.put(invitation, clip) == 204
        assert confirmed(stranger, invitation["key"]).json()["status"] == "processing"
        (entry,) = read(self.made(stranger), "files/files.json")
        assert entry["file"] is None
