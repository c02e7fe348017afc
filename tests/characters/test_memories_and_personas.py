"""What is a person's own: what characters remember of them, and who they are in conversations."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from characters import limits
from characters.models import Character, Memory, Persona
from characters.services import create_persona, remember, update_persona

pytestmark = pytest.mark.django_db


# --- memories ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def memories(publish, stranger, creator):
    """The path of a character that remembers three things of the stranger and one of its creator."""
    made = publish()
    for text in ("Likes tea", "Fears storms", "Has a sister"):
        remember(user_id=stranger.id, character_id=made["id"], text=text)
    remember(user_id=creator.id, character_id=made["id"], text="Wrote me")
    return f"/api/characters/{made['id']}/memories"


def texts(response):
    assert response.status_code == 200, response.content
    return [item["text"] for item in response.json()["items"]]


def test_ones_own_memories_are_read_newest_first(api, stranger, creator, teammate, memories):
    assert texts(api(stranger).get(memories)) == ["Has a sister", "Fears storms", "Likes tea"]
    assert texts(api(creator).get(memories)) == ["Wrote me"]
    assert texts(api(teammate).get(memories)) == []
    page = api(stranger).get(f"{memories}?limit=2&count=true").json()
    assert (len(page["items"]), page["total"]) == (2, 3)
    assert set(page["items"][0]) == {"id", "text", "created_at"}
    assert texts(api(stranger).get(f"{memories}?cursor={page['next']}")) == ["Likes tea"]


def test_one_memory_is_forgotten_by_whose_it_is(api, stranger, creator, memories, problem):
    (mine,) = [item for item in api(stranger).get(memories).json()["items"] if item["text"] == "Likes tea"]
    assert problem(api(creator).delete(f"{memories}/{mine['id']}")) == (404, "NOT_FOUND")
    assert Memory.objects.count() == 4
    assert api(stranger).delete(f"{memories}/{mine['id']}").status_code == 204
    assert texts(api(stranger).get(memories)) == ["Has a sister", "Fears storms"]
    assert problem(api(stranger).delete(f"{memories}/{mine['id']}")) == (404, "NOT_FOUND")


def test_all_is_forgotten_at_once_and_only_ones_own(api, stranger, creator, memories):
    assert api(stranger).delete(memories).status_code == 204
    assert api(stranger).delete(memories).status_code == 204
    assert texts(api(stranger).get(memories)) == []
    assert texts(api(creator).get(memories)) == ["Wrote me"]


def test_nobody_is_remembered_who_is_not_signed_in(api, memories, problem):
    assert problem(api().get(memories)) == (401, "UNAUTHENTICATED")
    assert problem(api().delete(memories)) == (401, "UNAUTHENTICATED")


def test_ones_memories_stay_ones_own_when_the_character_leaves(api, creator, stranger, teammate, memories, problem):
    Character.objects.update(visibility="private")
    assert len(texts(api(stranger).get(memories))) == 3
    assert problem(api(teammate).get(memories)) == (404, "NOT_FOUND")
    assert problem(api(teammate).delete(memories)) == (404, "NOT_FOUND")
    assert api(stranger).delete(memories).status_code == 204
    assert problem(api(stranger).get(memories)) == (404, "NOT_FOUND")


def test_the_oldest_memories_make_room(monkeypatch, publish, stranger):
    monkeypatch.setattr(limits, "MEMORIES", 2)
    made = publish()
    for text in ("first", "second", "third"):
        remember(user_id=stranger.id, character_id=made["id"], text=text)
    assert list(Memory.objects.order_by("id").values_list("text", flat=True)) == ["second", "third"]


# --- personas ---------------------------------------------------------------------------------------------------------

PERSONAS = "/api/users/me/personas"


def test_a_persona_is_made_read_changed_and_deleted(api, owner):
    response = api(owner).post(PERSONAS, {"name": "Captain", "description": "Seasick."})
    assert response.status_code == 201
    made = response.json()
    assert set(made) == {"id", "name", "description", "is_default", "created_at", "updated_at"}
    assert made["is_default"] is False
    path = f"{PERSONAS}/{made['id']}"
    assert api(owner).get(path).json() == made
    changed = api(owner).patch(path, {"description": "Cured."}).json()
    assert (changed["name"], changed["description"]) == ("Captain", "Cured.")
    assert [item["id"] for item in api(owner).get(PERSONAS).json()["items"]] == [made["id"]]
    assert api(owner).delete(path).status_code == 204
    assert api(owner).get(PERSONAS).json() == {"items": [], "next": None}


def test_there_is_one_default(api, owner):
    first = api(owner).post(PERSONAS, {"name": "A", "is_default": True}).json()
    second = api(owner).post(PERSONAS, {"name": "B", "is_default": True}).json()
    assert [p.name for p in Persona.objects.filter(is_default=True)] == ["B"]
    api(owner).patch(f"{PERSONAS}/{first['id']}", {"is_default": True})
    assert [p.name for p in Persona.objects.filter(is_default=True)] == ["A"]
    api(owner).patch(f"{PERSONAS}/{first['id']}", {"is_default": False})
    assert not Persona.objects.filter(is_default=True).exists()
    assert second["is_default"] is True


@pytest.mark.parametrize("person", ["teammate", "stranger", "staff"])
def test_a_persona_is_nobody_elses(request, api, owner, problem, person):
    made = api(owner).post(PERSONAS, {"name": "Captain"}).json()
    other, path = api(request.getfixturevalue(person)), f"{PERSONAS}/{made['id']}"
    for answer in (other.get(path), other.patch(path, {"name": "x"}), other.delete(path)):
        assert problem(answer) == (404, "NOT_FOUND")
    assert other.get(PERSONAS).json()["items"] == []
    for answer in (api().get(PERSONAS), api().post(PERSONAS, {"name": "x"}), api().delete(path)):
        assert problem(answer) == (401, "UNAUTHENTICATED")
    assert api(owner).get(path).json() == made


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": "x" * 101},
        {"name": 5},
        {"name": "x\x00"},
        {"name": "x", "description": "x" * 10_001},
        {"name": "x", "is_default": "true"},
        {"name": "x", "user": "someone"},
    ],
)
def test_a_wrong_persona_is_not_kept(api, owner, problem, body):
    assert problem(api(owner).post(PERSONAS, body)) == (400, "VALIDATION_ERROR")
    assert not Persona.objects.exists()


def test_there_is_an_end_to_personas(api, owner, problem, monkeypatch):
    monkeypatch.setattr(limits, "PERSONAS", 2)
    for name in "AB":
        assert api(owner).post(PERSONAS, {"name": name}).status_code == 201
    assert problem(api(owner).post(PERSONAS, {"name": "C"})) == (409, "CONFLICT")
    assert Persona.objects.count() == 2


def test_the_same_idempotency_key_makes_one_persona(api, owner):
    answers = [api(owner).post(PERSONAS, {"name": "A"}, **{"Idempotency-Key": "k1"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert Persona.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_defaults_taken_at_once_leave_exactly_one(owner):
    made = [create_persona(user_id=owner.id, fields={"name": str(n)}).pk for n in range(8)]

    def take(persona_id):
        try:
            update_persona(persona_id=persona_id, user_id=owner.id, changes={"is_default": True})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, made))
    assert Persona.objects.filter(user_id=owner.id, is_default=True).count() == 1


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_characters_pictures_begin_with_its_portrait(api, publish, stranger):
    made = publish()
    for reader in (api(), api(stranger)):
        page = reader.get(f"/api/characters/{made['id']}/images?count=true").json()
        assert (page["next"], page["total"]) == (None, 1)
        assert page["items"][0]["url"] == made["avatar"]
