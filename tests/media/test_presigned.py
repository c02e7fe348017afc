"""Uploads past us: what may be asked for, what may be put there, and what is made of it."""

import hashlib
import time
import uuid
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from common.errors import Gone
from media import limits, links
from media.models import Asset, Rendition, StoredContent, StrayFile, Upload
from media.services import uploads
from media.storages import StorageError
from media.storages.local import LocalStorage
from tests.conftest import Api
from tests.media import forged
from tests.media.sending import (
    CONFIRM,
    PRESIGNED,
    assert_whole,
    by_form,
    confirmed,
    invited,
    look,
    path_of,
    picture,
    sweep,
)
from tests.tables import contents

pytestmark = pytest.mark.django_db
REFUSED = (403, 404)  # S3 says the one, our own end the other
CLIP = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2" + bytes(100)
DONE = (200, 204)


def changed(url, **fields):
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | fields)).geturl()


@pytest.fixture
def invitation(shelf, owner):
    """For `picture()`."""
    return invited(owner, picture()).json()


@pytest.fixture
def arrived(shelf, owner, invitation):
    assert shelf.put(invitation, picture()) in DONE
    return invitation


class TestAsking:
    def test_an_invitation_says_all_that_is_needed(self, shelf, owner):
        answer = invited(owner, picture(), purpose="character")
        assert answer.status_code == 201
        told = answer.json()
        assert set(told) == {"upload_url", "method", "headers", "key", "public_url", "expires_at"}
        assert (told["method"], told["headers"]) == ("PUT", {"Content-Type": "image/png"})
        assert told["public_url"].endswith(f"/media/{told['key']}")
        left = Upload.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=59) < left <= timedelta(hours=1)
        assert invited(owner, picture(), purpose="chat").json()["public_url"] is None

    def test_types_that_we_don_t_take(self, local, owner, problem):
        for kind in ["text/html", "image/svg+xml", "application/pdf", "image", "x", "image/png\r\nX: y"]:
            before = contents()
            answer = invited(owner, picture(), content_type=kind)
            assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
            assert contents() == before

    def test_sizes(self, local, owner, problem, monkeypatch):
        for kind, size, status in [
            ("image/png", 0, 400),
            ("image/png", -1, 400),
            ("image/png", 1.5, 400),
            ("image/png", "much", 400),
            ("image/png", None, 400),
            ("image/png", limits.MOST_IMAGE_BYTES + 1, 413),
            ("video/mp4", limits.MOST_CLIP_BYTES + 1, 413),
            ("audio/mpeg", 10**15, 413),
            ("image/png", limits.MOST_IMAGE_BYTES, 201),
            ("video/mp4; codecs=avc1", limits.MOST_CLIP_BYTES, 201),
        ]:
            monkeypatch.setattr("media.registry._quota_reader", None)
            before = contents()
            answer = invited(owner, b"", content_type=kind, size=size)
            assert answer.status_code == status, answer.content
            if status != 201:
                problem(answer)
                assert contents() == before

    def test_nothing_may_be_missing(self, local, owner, problem):
        for missing in ["filename", "content_type", "size"]:
            wish = {"filename": "a.png", "content_type": "image/png", "size": 5}
            del wish[missing]
            answer = Api(owner).post(PRESIGNED, wish)
            assert problem(answer) == (400, "VALIDATION_ERROR")
            assert set(answer.json()["errors"]) == {missing}

    def test_the_same_idempotency_key_is_the_same_invitation(self, shelf, owner, problem):
        wish = {"filename": "a.png", "content_type": "image/png", "size": len(picture())}
        first, again = (Api(owner).post(PRESIGNED, wish, **{"Idempotency-Key": "one"}) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert Upload.objects.count() == 1
        other = Api(owner).post(PRESIGNED, wish | {"size": 5}, **{"Idempotency-Key": "one"})
        assert problem(other) == (409, "CONFLICT")


class TestPutting:
    def test_what_was_announced_arrives_under_a_name_of_ours(self, shelf, invitation, arrived):
        assert shelf.keys() == {f"incoming/{Upload.objects.get().pk}"}

    def test_another_size_is_refused_and_nothing_is_kept(self, shelf, invitation):
        for data in [b"", picture()[:-1], picture() + b"x", picture() * 50]:
            assert shelf.put(invitation, data) in (400, *REFUSED)
            assert shelf.keys() == set()

    def test_another_type_is_refused(self, shelf, invitation):
        for kind in ["text/html", "image/jpeg", "image/png; charset=utf-8", ""]:
            assert shelf.put(invitation, picture(), **{"Content-Type": kind}) in (400, *REFUSED)
            assert shelf.keys() == set()

    def test_an_hour_later_it_is_over(self, shelf, invitation, time_machine):
        time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=5), tick=True)
        assert shelf.put(invitation, picture()) in REFUSED
        assert shelf.keys() == set()

    def test_a_forged_address_is_refused(self, shelf, invitation):
        fields = [
            {"X-Amz-Expires": "604800", "expires": "9999999999"},
            {"X-Amz-Signature": "0" * 64, "signature": "0" * 32},
            {"X-Amz-Signature": "", "signature": ""},
            {"X-Amz-Signature": "é", "signature": "é"},
            {"X-Amz-Expires": "x", "expires": "x"},
            {"X-Amz-Date": "20360101T000000Z", "expires": "9" * 5000},
        ]
        for each in fields[: 3 if shelf.s3 else None]:
            assert shelf.put(invitation, picture(), url=changed(invitation["upload_url"], **each)) in (400, *REFUSED)
        assert shelf.put(invitation, picture(), url=invitation["upload_url"].partition("?")[0]) in REFUSED
        assert shelf.keys() == set()

    def test_the_signature_of_another_upload_is_refused(self, shelf, owner, invitation):
        other = Upload.objects.get().pk
        invited(owner, picture(1))
        mine = Upload.objects.exclude(pk=other).get().pk
        url = invitation["upload_url"].replace(str(other), str(mine))
        assert shelf.put(invitation, picture(), url=url) in REFUSED
        assert shelf.keys() == set()

    def test_a_signature_to_see_is_none_to_put(self, local, owner, problem):
        invitation, expires = invited(owner, picture()).json(), int(time.time()) + 60
        upload = Upload.objects.get()
        for purpose, key in (("asset", upload.key), ("asset", str(upload.pk)), ("upload", upload.key)):
            signature = links.signature(purpose, key, expires)
            url = changed(invitation["upload_url"], expires=str(expires), signature=signature)
            assert local.put(invitation, picture(), url=url) in REFUSED

    def test_our_own_end_takes_nothing_but_put(self, local, owner, problem):
        for method in ["get", "post", "delete", "patch"]:
            url = path_of(invited(owner, picture()).json()["upload_url"])
            assert problem(getattr(Client(), method)(url)) == (405, "METHOD_NOT_ALLOWED")

    def test_one_that_nobody_asked_for(self, local, db, problem):
        upload_id, expires = uuid.uuid4(), int(time.time()) + 60
        query = urlencode({"expires": expires, "signature": links.signature("upload", str(upload_id), expires)})
        answer = Client().put(f"/api/upload/local/{upload_id}?{query}", b"x", content_type="image/png")
        assert problem(answer) == (404, "NOT_FOUND")

    def test_put_twice_the_second_takes_the_place_of_the_first(self, shelf, owner):
        first, second = picture(1), picture(2)
        size = max(len(first), len(second))
        first, second = (data + bytes(size - len(data)) for data in (first, second))
        invitation = invited(owner, first).json()
        assert shelf.put(invitation, first) in DONE
        assert shelf.put(invitation, second) in DONE
        assert confirmed(owner, invitation["key"]).status_code == 201
        assert StoredContent.objects.get().sha256 == hashlib.sha256(second).hexdigest()
        assert_whole(shelf)

    def test_what_is_put_there_after_all_was_done_goes_in_the_end(self, shelf, owner, arrived, time_machine):
        assert confirmed(owner, arrived["key"]).status_code == 201
        sweep()
        assert shelf.put(arrived, picture()) in (200, 410)
        time_machine.move_to(timezone.now() + timedelta(days=2), tick=False)
        assert uploads.forget_old() == 1
        assert_whole(shelf)
        assert len(shelf.keys()) == Rendition.objects.count() > 0

    def test_a_storage_that_is_away_is_told(self, local, owner, monkeypatch, problem):
        invitation = invited(owner, picture()).json()

        def fail(*_):
            raise StorageError("The disk is full.")

        monkeypatch.setattr(LocalStorage, "put", fail)
        assert local.put(invitation, picture()) == 503
        monkeypatch.undo()
        assert problem(confirmed(owner, invitation["key"])) == (409, "CONFLICT")
        assert local.put(invitation, picture()) == 204


class TestConfirming:
    def test_it_becomes_the_asset_of_the_key_that_was_told(self, shelf, owner, arrived):
        asset = confirmed(owner, arrived["key"]).json()
        assert (asset["key"], asset["url"], asset["filename"]) == (arrived["key"], arrived["public_url"], "a.png")
        assert_whole(shelf)

    def test_before_it_has_arrived(self, shelf, owner, problem, invitation):
        answer = confirmed(owner, invitation["key"])
        assert problem(answer) == (409, "CONFLICT")
        assert answer.headers["Retry-After"] == "1"
        assert shelf.put(invitation, picture()) in DONE
        assert confirmed(owner, invitation["key"]).status_code == 201

    def test_by_somebody_else_it_is_not_found(self, shelf, owner, stranger, problem, arrived):
        before = contents()
        assert problem(confirmed(stranger, arrived["key"])) == (404, "NOT_FOUND")
        assert contents() == before
        assert confirmed(owner, arrived["key"]).status_code == 201
        assert problem(confirmed(stranger, arrived["key"])) == (404, "NOT_FOUND")

    def test_twice_is_the_same_asset(self, shelf, owner, arrived):
        first = confirmed(owner, arrived["key"])
        again = confirmed(owner, arrived["key"])
        by_record = Api(owner).post("/api/assets", {"key": arrived["key"]})
        assert first.json() == again.json() == by_record.json()
        assert Asset.objects.count() == 1

    def test_once_it_was_deleted_it_is_gone(self, shelf, owner, problem, arrived):
        asset = confirmed(owner, arrived["key"]).json()
        Api(owner).delete(f"/api/assets/{asset['id']}")
        assert problem(confirmed(owner, arrived["key"])) == (410, "GONE")
        assert_whole(shelf)

    def test_keys_that_nobody_was_given(self, local, owner, problem):
        for key in ["", "nonsense", "other/../x", "other/0190a1b2-7706-7344-a081-f8a7f0b6808b", "x" * 81]:
            assert problem(confirmed(owner, key))[0] in (400, 404)

    def test_the_key_of_an_asset_that_came_otherwise(self, local, owner, problem):
        assert problem(confirmed(owner, by_form(owner, picture()).json()["key"])) == (404, "NOT_FOUND")

    def test_what_is_not_what_was_announced(self, shelf, owner, problem):
        for kind, data in [
            ("video/mp4", picture()),
            ("image/png", CLIP),
            ("audio/mpeg", picture()),
            ("video/mp4", forged.HTML),
        ]:
            answer = shelf.send(owner, data, content_type=kind)
            assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
            assert kind.partition("/")[0] in answer.json()["detail"]
            assert not Asset.objects.exists()
            sweep(hours=3)
            assert shelf.keys() == set()

    def test_what_was_refused_is_not_looked_at_again(self, shelf, owner, problem):
        invitation = invited(owner, b"\xff\xd8\xff" + b"\x00" * 300, content_type="image/jpeg").json()
        assert shelf.put(invitation, b"\xff\xd8\xff" + b"\x00" * 300, **{"Content-Type": "image/jpeg"}) in DONE
        assert problem(confirmed(owner, invitation["key"]))[0] == 422
        assert problem(confirmed(owner, invitation["key"])) == (410, "GONE")
        sweep()
        assert shelf.keys() == set()

    def test_on_ipfs_nothing_stands_before_it_was_looked_at(self, ipfs, settings, owner):
        settings.MEDIA_STORAGE = "ipfs"
        key = invited(owner, picture()).json()["key"]
        assert Upload.objects.get(key=key).storage == "local"

    def test_another_kind_of_picture_than_announced_is_fine(self, shelf, owner):
        assert shelf.send(owner, picture(suffix=".jpg")).status_code == 201

    def test_two_uploads_of_the_same_picture_are_one_asset(self, shelf, owner):
        first, second = (shelf.send(owner, picture()).json() for _ in range(2))
        assert first == second
        assert StoredContent.objects.count() == 1
        assert_whole(shelf)

    def test_two_hours_later_it_is_over_and_nothing_is_left(self, shelf, owner, arrived, time_machine):
        time_machine.move_to(timezone.now() + timedelta(hours=2, seconds=5), tick=True)
        with pytest.raises(Gone):
            uploads.confirm(owner_id=owner.id, key=arrived["key"])
        sweep()
        assert shelf.keys() == set()

    def test_what_was_swept_has_not_arrived(self, shelf, owner, problem, arrived, monkeypatch):
        sizes = uploads.storage_of(shelf.name).stat

        def swept(key):
            found = sizes(key)
            uploads.storage_of(shelf.name).remove(key)
            return found

        monkeypatch.setattr(uploads.storage_of(shelf.name), "stat", swept)
        assert problem(confirmed(owner, arrived["key"])) == (409, "CONFLICT")

    def test_while_another_call_is_at_work_on_it(self, local, owner, problem):
        invitation = invited(owner, picture()).json()
        assert local.put(invitation, picture()) == 204
        Upload.objects.update(lease_until=timezone.now() + timedelta(seconds=9))
        assert problem(confirmed(owner, invitation["key"])) == (409, "CONFLICT")
        assert local.put(invitation, picture()) == 409
        Upload.objects.update(lease_until=timezone.now() - timedelta(seconds=9))
        assert confirmed(owner, invitation["key"]).status_code == 201
        assert local.put(invitation, picture()) == 410

    def test_a_storage_that_is_away(self, s3, settings, owner, problem):
        settings.MEDIA_STORAGE = "s3"
        invitation = invited(owner, picture()).json()
        s3.misbehave("HEAD", times=9, status=503)
        assert problem(confirmed(owner, invitation["key"])) == (503, "NOT_READY")
        s3.behave()
        assert problem(confirmed(owner, invitation["key"])) == (409, "CONFLICT")

    def test_bodies_that_are_none(self, local, owner, problem):
        for body in [{}, {"key": None}, {"key": 5, "more": 1}, {"key": "a\x00b"}]:
            assert problem(Api(owner).post(CONFIRM, body)) == (400, "VALIDATION_ERROR")

    def test_a_private_one_is_seen_by_its_signed_address_alone(self, shelf, owner):
        asset = shelf.send(owner, picture(), purpose="chat").json()
        assert look(asset["url"]).status_code in (200, 302)
        assert look(asset["url"].partition("?")[0]).status_code == 404


def test_uploads_are_forgotten_a_day_after_their_end(local, owner, time_machine):
    invited(owner, picture())
    assert uploads.forget_old() == 0
    time_machine.move_to(timezone.now() + timedelta(days=1, hours=1, seconds=5), tick=False)
    assert uploads.forget_old() == 1
    sweep()
    assert not StrayFile.objects.exists()


def test_the_source_of_a_clip_is_not_taken_for_what_was_left_behind(local, owner, time_machine):
    answer = local.send(owner, CLIP, content_type="video/mp4", filename="a.mp4")
    assert (answer.status_code, answer.json()["status"]) == (201, "processing")
    time_machine.move_to(timezone.now() + timedelta(days=3), tick=False)
    assert uploads.forget_old() == 0
    sweep()
    assert local.keys() == {Rendition.objects.get().key}
