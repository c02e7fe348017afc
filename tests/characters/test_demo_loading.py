"""The demo characters on a fresh site, and on one where people have lived since."""

import pytest

from accounts.models import User
from characters import demo
from characters.models import Character
from characters.services import delete_character, like, refresh_scores, take_down_character

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded():
    return demo.load_demo_characters()


def test_every_file_becomes_a_public_character_with_its_numbers(loaded):
    files = [path for path in demo.FOLDER.glob("*.yaml") if path.name != demo.CREATORS]
    assert loaded == len(files) == Character.objects.count() >= 24
    for path in files:
        material = demo._read(path)
        character = Character.objects.get(pk=demo.demo_id(material["slug"]))
        assert (character.name, character.visibility) == (material["name"], "public")
        assert (character.likes_amount, character.messages_amount) == (material["likes"], material["messages"])
        assert character.voice == material["voice"]
        assert character.creator.username == material["creator"]
        assert character.system_prompt_tokens > 0
        assert character.created_at == character.published_at


def test_ids_are_stable_version_seven_and_all_different(loaded):
    ids = list(Character.objects.values_list("pk", flat=True))
    assert {one.version for one in ids} == {7}
    assert len(set(ids)) == loaded
    assert str(demo.demo_id("uma-seven")) == str(demo.demo_id("uma-seven"))


def test_nobody_can_sign_in_as_a_demo_creator(loaded):
    creators = User.objects.filter(email__endswith="@demo.invalid")
    assert creators.count() >= 1
    assert not any(user.has_usable_password() for user in creators)
    assert all(user.email_verified for user in creators)


def test_every_order_of_discovery_means_something_at_once(api, loaded):
    lists = {
        order: [item["id"] for item in api().get(f"/api/characters?order={order}&limit=100").json()["items"]]
        for order in ("popular", "new", "trending")
    }
    assert len({tuple(ids) for ids in lists.values()}) == 3
    for_everyone = Character.objects.filter(content_rating="everyone").count()
    assert loaded > for_everyone > 20
    assert all(len(ids) == for_everyone for ids in lists.values())


def test_loading_again_changes_nothing(loaded):
    before = list(Character.objects.order_by("pk").values())
    assert demo.load_demo_characters() == loaded
    after = list(Character.objects.order_by("pk").values())
    for one in (*before, *after):
        del one["updated_at"], one["popularity_previous"], one["trend_previous"]
    assert before == after
    assert refresh_scores() == 0


def test_loading_again_respects_what_happened_meanwhile(loaded, staff, stranger):
    liked, deleted, removed, edited = Character.objects.order_by("pk")[:4]
    like(character_id=liked.pk, user_id=stranger.id)
    delete_character(character_id=deleted.pk, user=deleted.creator)
    take_down_character(character_id=removed.pk, staff=staff.user, reason="why not")
    name = edited.name
    Character.objects.filter(pk=edited.pk).update(name="Changed", likes_amount=7)
    demo.load_demo_characters()
    for one in (deleted, removed, edited):
        one.refresh_from_db()
    assert deleted.deleted_at is not None
    assert removed.visibility == "private"
    assert (edited.name, edited.likes_amount) == (name, 7), "texts come from the files, numbers from people"


def test_a_username_that_somebody_has_is_left_to_them(join):
    somebody = join(demo._read(demo.FOLDER / demo.CREATORS)[0]["username"])
    demo.load_demo_characters()
    somebody.user.refresh_from_db()
    assert not Character.objects.filter(creator=somebody.user).exists()
    assert Character.objects.count() >= 24
