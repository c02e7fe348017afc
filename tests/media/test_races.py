"""Many at once: real threads, each with a connection of its own, and rows and files that agree afterwards."""

import threading
from functools import partial

import pytest
from django.db import connection, transaction

from accounts.models import User
from common.errors import Gone
from media import drawing
from media.models import Asset, StoredContent, Upload
from media.services import intake, quota, uploads
from tests.conftest import Api
from tests.media.sending import (
    assert_whole,
    body,
    by_base64,
    by_form,
    confirmed,
    forget,
    invited,
    large,
    look,
    picture,
    sweep,
    wear,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _many_are_welcome(settings):
    settings.RATE_LIMIT_FACTOR = 1000


def statuses(answers):
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return sorted(answer.status_code for answer in answers)


def test_the_same_picture_eight_times_at_once_is_stored_once(shelf, owner, at_once):
    ways = [by_form, by_base64] * 4
    answers = at_once([partial(way, owner, picture()) for way in ways])
    assert statuses(answers) == [201] * 8
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert StoredContent.objects.count() == 1
    assert_whole(shelf)
    assert len(shelf.keys()) == 1


def test_for_several_purposes_at_once_it_is_stored_once(local, owner, at_once):
    purposes = ["other", "character", "chat", "event_cover"] * 2
    answers = at_once([partial(by_form, owner, picture(), purpose=purpose) for purpose in purposes])
    assert statuses(answers) == [201] * 8
    assert (Asset.objects.count(), StoredContent.objects.count()) == (4, 1)
    assert_whole(local)


def test_deleting_while_it_is_sent_again(local, owner, at_once):
    """It is there or it is not, and never half of it."""
    for _ in range(6):
        asset = by_form(owner, picture()).json()
        delete = partial(Api(owner).delete, f"/api/assets/{asset['id']}")
        answers = at_once([delete, *(partial(by_form, owner, picture()) for _ in range(3)), delete])
        assert set(statuses(answers)) <= {201, 204, 404}
        assert_whole(local)


def test_who_was_overtaken_and_deleted_again_stores_it_anew(local, owner, monkeypatch):
    """Between its own try and the look at the other's, the other's is gone: that is no error."""
    other = by_form(owner, picture()).json()["id"]
    again, looks = intake._again, []

    def late(wanted, file):
        looks.append(file)
        if len(looks) == 1:
            return None  # not there yet
        if len(looks) == 2:
            Api(owner).delete(f"/api/assets/{other}")
        return again(wanted, file)

    monkeypatch.setattr(intake, "_again", late)
    answer = by_form(owner, picture())
    assert answer.status_code == 201
    assert answer.json()["id"] != other
    assert_whole(local)


def test_what_is_deleted_before_it_is_shown_is_not_found(local, owner, monkeypatch, problem):
    take = intake.take_picture

    def take_and_lose(*arguments):
        asset = take(*arguments)
        Api(owner).delete(f"/api/assets/{asset.pk}")
        return asset

    monkeypatch.setattr(intake, "take_picture", take_and_lose)
    assert problem(by_form(owner, picture())) == (404, "NOT_FOUND")
    assert_whole(local)


def test_two_uses_of_one_file_deleted_at_once_delete_it_once(shelf, owner, at_once):
    uses = [by_form(owner, picture(), purpose=purpose).json() for purpose in ("other", "character")]
    answers = at_once([partial(Api(owner).delete, f"/api/assets/{use['id']}") for use in uses])
    assert statuses(answers) == [204, 204]
    assert not StoredContent.objects.exists()
    assert_whole(shelf)
    assert shelf.keys() == set()
    assert quota.used_bytes(owner.organization_id) == 0


def test_one_use_goes_while_another_comes(local, owner, at_once):
    for _ in range(4):
        use = by_form(owner, picture(), purpose="other").json()
        delete = partial(Api(owner).delete, f"/api/assets/{use['id']}")
        add = partial(by_form, owner, picture(), purpose="character")
        gone, came = at_once([delete, add])
        assert (gone.status_code, came.status_code) == (204, 201)
        assert b"".join(look(came.json()["url"]).streaming_content)
        assert_whole(local)
        Api(owner).delete(f"/api/assets/{came.json()['id']}")


def test_the_same_asset_deleted_many_times_at_once_is_deleted_once(local, owner, at_once):
    asset = by_form(owner, picture()).json()
    answers = at_once([partial(Api(owner).delete, f"/api/assets/{asset['id']}")] * 6)
    assert statuses(answers) == [204] + [404] * 5
    assert_whole(local)


def test_an_upload_confirmed_eight_times_at_once_is_one_asset(shelf, owner, at_once):
    invitation = invited(owner, picture()).json()
    assert shelf.put(invitation, picture()) in (200, 204)
    answers = at_once([partial(confirmed, owner, invitation["key"])] * 8)
    assert set(statuses(answers)) <= {201, 409}
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert len(made) >= 1
    assert len(set(made)) == 1 == Asset.objects.count()
    assert confirmed(owner, invitation["key"]).json()["id"] == made[0]
    assert_whole(shelf)


def test_two_uploads_of_the_same_picture_confirmed_at_once(local, owner, at_once):
    invitations = [invited(owner, picture()).json() for _ in range(4)]
    for invitation in invitations:
        assert local.put(invitation, picture()) == 204
    answers = at_once([partial(confirmed, owner, invitation["key"]) for invitation in invitations])
    assert statuses(answers) == [201] * 4
    assert StoredContent.objects.count() == Asset.objects.count() == 1
    assert_whole(local)


def test_what_is_put_while_it_is_confirmed_is_never_left_behind(local, owner, at_once):
    for _ in range(4):
        invitation = invited(owner, picture()).json()
        assert local.put(invitation, picture()) == 204
        put = partial(local.put, invitation, picture())
        asked = at_once([put, partial(confirmed, owner, invitation["key"]), put])
        assert {asked[0], asked[2]} <= {204, 409, 410}
        assert asked[1].status_code in (201, 409)
        if asked[1].status_code == 409:
            assert confirmed(owner, invitation["key"]).status_code == 201
        assert_whole(local)


def test_what_is_still_being_sent_when_another_sending_is_confirmed(local, owner):
    invitation = invited(owner, picture()).json()
    assert local.put(invitation, picture()) == 204
    upload = Upload.objects.get()

    def slowly():
        yield picture()[:50]
        assert confirmed(owner, invitation["key"]).status_code == 201
        sweep()
        yield picture()[50:]

    with pytest.raises(Gone):
        uploads.receive_local(upload_id=upload.pk, content_type="image/png", pieces=slowly())
    assert_whole(local)


def test_an_asset_deleted_while_its_upload_is_confirmed(local, owner, monkeypatch, problem):
    """Between the asset's making and the upload's end."""
    invitation = invited(owner, picture()).json()
    assert local.put(invitation, picture()) == 204
    take = uploads.take_picture

    def take_and_lose(*arguments):
        asset = take(*arguments)
        Api(owner).delete(f"/api/assets/{asset.pk}")
        return asset

    monkeypatch.setattr(uploads, "take_picture", take_and_lose)
    assert problem(confirmed(owner, invitation["key"])) == (410, "GONE")
    assert Upload.objects.get().lease_until is None
    assert_whole(local, hours=3)


def test_a_missing_variant_is_made_once_though_ten_ask_for_it(shelf, owner, at_once, monkeypatch):
    url = by_form(owner, large()).json()["url"]
    forget("thumbnail")
    drawn, draw, lock = [], drawing.draw, threading.Lock()

    def count(*arguments, **options):
        with lock:
            drawn.append(options)
        return draw(*arguments, **options)

    monkeypatch.setattr(drawing, "draw", count)
    answers = at_once([partial(look, f"{url}?variant=thumbnail")] * 10)
    assert statuses(answers) == [200] * 10
    assert len({body(answer) for answer in answers}) == 1
    assert len(drawn) == 1
    assert_whole(shelf)


def test_a_missing_variant_is_made_while_its_asset_is_deleted(local, owner, at_once):
    for number in range(3):
        asset = by_form(owner, large(1200 + number)).json()
        forget("medium")
        delete = partial(Api(owner).delete, f"/api/assets/{asset['id']}")
        answers = at_once([delete, *[partial(look, f"{asset['url']}?variant=medium")] * 3])
        assert set(statuses(answers)) <= {200, 204, 404}
        assert_whole(local)
        assert local.keys() == set()


class TestPortraits:
    def test_of_many_at_once_one_stays_and_no_file_is_left_behind(self, shelf, owner, at_once):
        answers = at_once([partial(wear, owner, picture(number)) for number in range(6)])
        assert statuses(answers) == [200] * 6
        assert Asset.objects.get().key == User.objects.get(pk=owner.id).avatar
        assert_whole(shelf)

    def test_the_same_one_many_times_at_once(self, local, owner, at_once):
        wear(owner, picture(1))
        answers = at_once([partial(wear, owner, picture(number % 2)) for number in range(6)])
        assert set(statuses(answers)) <= {200, 409}
        assert Asset.objects.get().key == User.objects.get(pk=owner.id).avatar
        assert_whole(local)

    def test_the_one_that_is_put_on_again_while_another_takes_its_place(self, local, owner, monkeypatch):
        """Its asset was found, and is gone when it shall be worn."""
        wear(owner, picture(0))
        take, taken = intake.take_picture, []

        def take_late(*arguments):
            asset = take(*arguments)
            taken.append(asset)
            if len(taken) == 1:
                wear(owner, picture(1))
            return asset

        monkeypatch.setattr(intake, "take_picture", take_late)
        assert wear(owner, picture(0)).status_code == 200
        assert Asset.objects.get().key == User.objects.get(pk=owner.id).avatar
        assert_whole(local)

    def test_putting_one_on_while_the_worn_one_is_deleted(self, local, owner, at_once):
        """Both lock the person before the asset, so neither waits for the other for ever."""
        for number in range(5):
            wear(owner, picture(0))
            worn = Asset.objects.get(key=User.objects.get(pk=owner.id).avatar)
            answers = at_once(
                [partial(wear, owner, picture(number + 1)), partial(Api(owner).delete, f"/api/assets/{worn.pk}")]
            )
            assert answers[0].status_code == 200, answers
            assert answers[1].status_code in (204, 404), answers
            assert Asset.objects.get().key == User.objects.get(pk=owner.id).avatar
            assert_whole(local)

    def test_the_person_is_locked_before_the_asset(self, local, owner, own_connections):
        wear(owner, picture())
        worn = Asset.objects.get()
        done = threading.Event()

        def delete():
            Api(owner).delete(f"/api/assets/{worn.pk}")
            connection.close()
            done.set()

        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=owner.id)
            thread = threading.Thread(target=delete)
            thread.start()
            done.wait(0.3)
            Asset.objects.select_for_update(nowait=True).get(pk=worn.pk)  # or it is a deadlock in the making
        thread.join(10)
        assert done.is_set()
        assert User.objects.get(pk=owner.id).avatar == ""
