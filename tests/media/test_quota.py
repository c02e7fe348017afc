"""How much an organisation may store: never more, and always counted right."""

import hashlib
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from common.errors import Forbidden
from media.models import Asset, StorageUse, StoredContent
from media.receiving import Received
from media.services import assets, avatars, quota
from tests.conftest import Api
from tests.media.sending import (
    assert_whole,
    by_base64,
    by_form,
    confirmed,
    forget,
    invited,
    large,
    look,
    picture,
)
from tests.tables import contents

pytestmark = pytest.mark.django_db


@pytest.fixture
def allow(monkeypatch):
    """`allow(1000)`: so many bytes, for every organisation."""

    def set_quota(size):
        monkeypatch.setattr("media.registry._quota_reader", lambda _: size)

    set_quota(None)
    return set_quota


def used(person):
    return quota.used_bytes(person.organization_id)


def test_what_is_full_takes_no_more_and_says_how_full_it_is(shelf, owner, allow, problem):
    by_form(owner, picture())
    allow(used(owner))
    before = contents()
    for answer in (by_form(owner, picture(1)), by_base64(owner, picture(1)), invited(owner, picture(1))):
        assert problem(answer) == (403, "STORAGE_FULL")
        told = answer.json()
        assert (told["used_bytes"], told["quota_bytes"], told["upgrade_url"]) == (used(owner), used(owner), "/pricing")
    assert contents() == before
    assert_whole(shelf)


def test_what_turns_out_larger_than_the_room_leaves_nothing(shelf, owner, allow, problem):
    """What counts are the files as they are kept, whatever was sent."""
    data = large()
    asset = by_form(owner, data).json()
    size = used(owner)
    assert asset["size"] < size < len(data)
    Api(owner).delete(f"/api/assets/{asset['id']}")
    allow(size - 1)
    assert problem(by_form(owner, data)) == (403, "STORAGE_FULL")
    assert_whole(shelf)
    assert shelf.keys() == set()
    allow(size)
    assert by_form(owner, data).status_code == 201
    assert used(owner) == size


def test_an_upload_that_was_asked_for_in_time_may_still_find_it_full(local, owner, allow, problem):
    invitation = invited(owner, picture()).json()
    assert local.put(invitation, picture()) == 204
    allow(0)
    assert problem(confirmed(owner, invitation["key"])) == (403, "STORAGE_FULL")
    allow(None)
    assert confirmed(owner, invitation["key"]).status_code == 201


def test_the_same_picture_again_needs_no_room(local, owner, allow):
    by_form(owner, picture())
    allow(used(owner))
    for answer in (by_form(owner, picture(), purpose="character"), by_base64(owner, picture())):
        assert answer.status_code == 201
    assert used(owner) == StoredContent.objects.get().stored_bytes


def test_a_variant_of_our_own_making_is_never_refused(local, owner, allow):
    url = by_form(owner, large()).json()["url"]
    forget("small")
    allow(0)
    assert look(f"{url}?variant=small").status_code == 200
    assert_whole(local)


def test_deletion_gives_back_all_of_it(shelf, owner, allow):
    for number in range(3):
        by_form(owner, large(1200 + number))
    assert used(owner) == sum(StoredContent.objects.values_list("stored_bytes", flat=True))
    for asset in Api(owner).get("/api/assets").json()["items"]:
        Api(owner).delete(f"/api/assets/{asset['id']}")
    assert used(owner) == 0
    allow(used(owner) + 10_000)
    assert by_form(owner, picture()).status_code == 201


def test_each_organisation_pays_for_its_own(local, owner, stranger, allow):
    by_form(owner, picture())
    assert (used(owner) > 0, used(stranger)) == (True, 0)
    by_form(stranger, picture())
    assert used(owner) == used(stranger)


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_are_right_after_whatever_is_done(local, owner, stranger, allow, seed):
    chance = random.Random(seed)
    people = [owner, stranger]

    def send():
        data = picture(chance.randrange(4)) if chance.random() < 0.8 else large(1200 + chance.randrange(2))
        purpose = chance.choice(["avatar", "chat", "other", "character"])
        chance.choice([by_form, by_base64, local.send])(chance.choice(people), data, purpose=purpose)

    def delete():
        person = chance.choice(people)
        if kept := list(Asset.objects.filter(owner_id=person.id)):
            assets.delete_asset(owner_id=person.id, asset_id=chance.choice(kept).pk)

    def wear():
        person = chance.choice(people)
        with tempfile.NamedTemporaryFile() as file:
            data = picture(chance.randrange(4))
            Path(file.name).write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            avatars.set_profile_picture(user_id=person.id, file=Received(Path(file.name), len(data), sha256))

    def take_off():
        avatars.remove_profile_picture(user_id=chance.choice(people).id)

    def fill():
        allow(chance.choice([None, None, used(owner), 5_000]))

    for _ in range(25):
        with suppress(Forbidden):
            chance.choices([send, delete, wear, take_off, fill], [6, 4, 2, 1, 1])[0]()
    assert_whole(local)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_only_one_gets_the_last_room(local, owner, allow, at_once):
    sizes = []
    for number in (1, 2):
        by_form(owner, large(1200 + number))
        sizes.append(used(owner))
        Api(owner).delete(f"/api/assets/{Asset.objects.get().pk}")
    allow(max(sizes) + min(sizes) - 1)
    answers = at_once([lambda number=number: by_form(owner, large(1200 + number)) for number in (1, 2)])
    assert sorted(answer.status_code for answer in answers) == [201, 403]
    assert StorageUse.objects.get().used_bytes in sizes
    assert_whole(local)
