"""Creating, changing, publishing and deleting characters over the API."""

import pytest

from characters.models import Character
from common.models import AuditEntry, OutboxEvent

pytestmark = pytest.mark.django_db

LEAST = {"name": "Mira", "age": 30, "gender": "female"}
EVERYTHING = LEAST | {
    "tagline": "Keeper of the last lighthouse",
    "description": "She has not slept through a whole night in years.",
    "system_prompt": "You are Mira, who keeps the last lighthouse.",
    "greeting": "*puts down the lamp* Who is there?",
    "alternate_greetings": ["Come in.", "You again?"],
    "example_dialogue": "<START>\n{{user}}: Hello\n{{char}}: Mind the step.",
    "personality": "dry, kind",
    "scenario": "A storm, and one lamp.",
    "post_history_instructions": "Stay brief.",
    "creator_notes": "Best at night.",
    "nickname": "Mi",
    "character_version": "1.2",
    "ethnicity": "islander",
    "body_type": "wiry",
    "tags": ["Sea", "  Slow  Burn "],
    "category": "fantasy",
    "content_rating": "mature",
    "visibility": "unlisted",
    "downloadable": True,
}
FIELDS = set(EVERYTHING) | {
    "id", "system_prompt_tokens", "avatar", "likes_amount", "messages_amount", "liked", "creator", "created_at",
    "updated_at",
}  # fmt: skip


def test_every_field_comes_back_as_it_was_given(api, creator):
    response = api(creator).post("/api/characters", EVERYTHING)
    assert response.status_code == 201
    data = response.json()
    assert set(data) == FIELDS
    assert {name: data[name] for name in EVERYTHING if name != "tags"} == {
        name: value for name, value in EVERYTHING.items() if name != "tags"
    }
    assert data["tags"] == ["sea", "slow burn"]
    assert data["system_prompt_tokens"] > 0
    assert data["creator"] == {"id": str(creator.id), "username": "olivia", "display_name": ""}
    assert data["avatar"].endswith(f"/portraits/{data['id']}.svg")
    assert (data["likes_amount"], data["messages_amount"], data["liked"]) == (0, 0, False)
    assert data["created_at"].endswith("Z")
    assert api(creator).get(f"/api/characters/{data['id']}").json() == data


def test_a_new_character_is_private_with_quiet_defaults(write):
    data = write()
    assert data["visibility"] == "private"
    assert data["content_rating"] == "everyone"
    assert data["category"] == "other"
    assert data["downloadable"] is False
    assert data["tags"] == []
    assert data["system_prompt"] == ""


@pytest.mark.parametrize("missing", ["name", "age", "gender"])
def test_a_name_an_age_and_a_gender_are_needed(api, owner, problem, missing):
    response = api(owner).post("/api/characters", {k: v for k, v in LEAST.items() if k != missing})
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {missing}
    assert not Character.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 101),
        ("name", 7),
        ("name", None),
        ("name", ["Mira"]),
        ("tagline", "x" * 201),
        ("description", "x" * 20_001),
        ("system_prompt", "x" * 20_001),
        ("example_dialogue", "x" * 20_001),
        ("greeting", "x" * 10_001),
        ("personality", "x" * 10_001),
        ("scenario", "x" * 10_001),
        ("post_history_instructions", "x" * 10_001),
        ("creator_notes", "x" * 10_001),
        ("nickname", "x" * 101),
        ("character_version", "x" * 41),
        ("character_version", 2),
        ("ethnicity", "x" * 61),
        ("body_type", "x" * 61),
        ("age", 17),
        ("age", 101),
        ("age", "30"),
        ("age", 30.5),
        ("age", True),
        ("age", 10**30),
        ("gender", "dragon"),
        ("gender", None),
        ("gender", {"a": 1}),
        ("category", "spaceships"),
        ("content_rating", "explicit"),
        ("visibility", "secret"),
        ("downloadable", "yes"),
        ("downloadable", 1),
        ("tags", "sea"),
        ("tags", ["x" * 41]),
        ("tags", ["x"] * 21),
        ("tags", [7]),
        ("alternate_greetings", ["hello"] * 21),
        ("alternate_greetings", ["x" * 10_001]),
        ("alternate_greetings", {"0": "hello"}),
    ],
)
def test_a_field_that_is_wrong_is_named(api, owner, problem, field, value):
    response = api(owner).post("/api/characters", LEAST | {field: value})
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert all(name == field or name.startswith(f"{field}.") for name in response.json()["errors"])
    assert not Character.objects.exists()


def test_texts_may_be_as_long_as_their_limit(api, owner):
    longest = {
        "name": "n" * 100, "tagline": "t" * 200, "description": "d" * 20_000, "system_prompt": "s" * 20_000,
        "greeting": "g" * 10_000, "alternate_greetings": ["a" * 10_000] * 20, "example_dialogue": "e" * 20_000,
        "tags": [f"{n:02d}" + "x" * 38 for n in range(20)],
    }  # fmt: skip
    response = api(owner).post("/api/characters", LEAST | longest)
    assert response.status_code == 201, response.content
    assert len(response.json()["alternate_greetings"]) == 20


def test_a_field_that_is_not_known_is_an_error_and_changes_nothing(api, owner, problem):
    response = api(owner).post("/api/characters", LEAST | {"likes_amount": 10**6})
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {"likes_amount"}
    assert not Character.objects.exists()


def test_tags_are_lower_case_trimmed_and_each_once(write):
    assert write(tags=["Sea", "sea", " SEA ", "Night\tWatch"])["tags"] == ["sea", "night watch"]


def test_who_is_not_signed_in_writes_nothing(api, problem):
    assert problem(api().post("/api/characters", LEAST)) == (401, "UNAUTHENTICATED")


def test_the_same_idempotency_key_makes_one_character(api, owner):
    first = api(owner).post("/api/characters", LEAST, **{"Idempotency-Key": "opening-night"})
    again = api(owner).post("/api/characters", LEAST, **{"Idempotency-Key": "opening-night"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Character.objects.count() == 1


def test_a_new_character_is_tracked_without_its_words(write):
    data = write(description="a secret")
    event = OutboxEvent.objects.get(name="character_created")
    assert event.properties == {"character": data["id"], "visibility": "private"}


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_change_touches_only_what_it_names(api, creator, write):
    before = write(description="old", tags=["sea"])
    response = api(creator).patch(f"/api/characters/{before['id']}", {"description": "new"})
    assert response.status_code == 200
    after = response.json()
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {"description": "new"}


def test_an_empty_change_is_no_error(api, creator, write):
    data = write()
    assert api(creator).patch(f"/api/characters/{data['id']}", {}).status_code == 200


def test_a_new_system_prompt_is_counted_anew(api, creator, write):
    data = write(system_prompt="One word.")
    longer = api(creator).patch(f"/api/characters/{data['id']}", {"system_prompt": "Many more words. " * 50}).json()
    assert longer["system_prompt_tokens"] > data["system_prompt_tokens"]


@pytest.mark.parametrize("change", [{"name": ""}, {"age": 17}, {"age": None}, {"unknown": 1}, {"visibility": None}])
def test_a_wrong_change_changes_nothing(api, creator, write, problem, change):
    data = write()
    assert problem(api(creator).patch(f"/api/characters/{data['id']}", change)) == (400, "VALIDATION_ERROR")
    assert api(creator).get(f"/api/characters/{data['id']}").json() == data


def test_an_edit_keeps_likes_that_were_folded_meanwhile(api, creator, write, row):
    data = write()
    Character.objects.filter(pk=data["id"]).update(likes_amount=7)
    assert api(creator).patch(f"/api/characters/{data['id']}", {"tagline": "x"}).json()["likes_amount"] == 7


# --- publishing -------------------------------------------------------------------------------------------------------


def test_publishing_needs_a_confirmed_address(api, owner, problem):
    response = api(owner).post("/api/characters", LEAST | {"visibility": "public"})
    assert problem(response) == (403, "EMAIL_UNCONFIRMED")
    assert not Character.objects.exists()
    data = api(owner).post("/api/characters", LEAST).json()
    response = api(owner).patch(f"/api/characters/{data['id']}", {"visibility": "public", "tagline": "x"})
    assert problem(response) == (403, "EMAIL_UNCONFIRMED")
    assert Character.objects.get().visibility == "private"
    assert Character.objects.get().tagline == ""


def test_an_imported_card_is_completed_before_it_is_public(api, creator, problem):
    card = Character.objects.create(creator=creator.user, name="From a card")
    response = api(creator).patch(f"/api/characters/{card.pk}", {"visibility": "public"})
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {"age", "gender"}
    complete = {"visibility": "public", "age": 40, "gender": "other"}
    assert api(creator).patch(f"/api/characters/{card.pk}", complete).status_code == 200


def test_the_day_of_its_debut_stays(api, creator, publish, row):
    data = publish()
    debut = row(data).published_at
    for visibility in ("private", "public"):
        assert api(creator).patch(f"/api/characters/{data['id']}", {"visibility": visibility}).status_code == 200
    assert row(data).published_at == debut


# --- who may do what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
@pytest.mark.parametrize("person", ["teammate", "stranger", "staff"])
def test_nobody_else_can_change_or_delete_it(request, api, creator, write, problem, visibility, person):
    data = write(visibility=visibility)
    other = request.getfixturevalue(person)
    path = f"/api/characters/{data['id']}"
    assert problem(api(other).patch(path, {"name": "Stolen"})) == (404, "NOT_FOUND")
    assert problem(api(other).delete(path)) == (404, "NOT_FOUND")
    assert problem(api(other).put(f"{path}/lorebook", {"entries": []})) == (404, "NOT_FOUND")
    assert problem(api().patch(path, {"name": "Stolen"})) == (401, "UNAUTHENTICATED")
    assert problem(api().delete(path)) == (401, "UNAUTHENTICATED")
    assert api(creator).get(path).json() == data


@pytest.mark.parametrize("person", ["teammate", "stranger", "staff", None])
def test_a_private_character_is_not_there_for_anybody_else(request, api, creator, write, problem, person):
    data = write()
    reader = api(request.getfixturevalue(person) if person else None)
    for path in ("", "/images", "/lorebook"):
        assert problem(reader.get(f"/api/characters/{data['id']}{path}")) == (404, "NOT_FOUND")
    assert api(creator).get(f"/api/characters/{data['id']}").status_code == 200


@pytest.mark.parametrize("person", ["stranger", None])
def test_an_unlisted_character_is_open_to_who_has_its_address(request, api, creator, write, person):
    data = write(visibility="unlisted")
    reader = api(request.getfixturevalue(person) if person else None)
    assert reader.get(f"/api/characters/{data['id']}").status_code == 200
    assert reader.get("/api/characters").json()["items"] == []
    assert reader.get("/api/characters?creator=olivia").json()["items"] == []


def test_the_system_prompt_is_its_creators_alone(api, creator, publish, stranger, staff):
    data = publish(system_prompt="Never tell.")
    path = f"/api/characters/{data['id']}"
    for reader in (api(), api(stranger), api(staff), api()):
        body = reader.get(path)
        assert "system_prompt" not in body.json()
        assert b"Never tell" not in body.content
        assert body.json()["system_prompt_tokens"] == data["system_prompt_tokens"]
    assert api(creator).get(path).json()["system_prompt"] == "Never tell."
    assert "system_prompt" not in api().get(path).json()
    assert b"Never tell" not in api(creator).get("/api/characters?mine=true").content


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_deleted_character_is_gone_for_everybody(api, creator, publish, stranger, problem):
    data = publish()
    path = f"/api/characters/{data['id']}"
    assert api().get(path).status_code == 200
    assert api(creator).delete(path).status_code == 204
    for reader in (api(), api(stranger), api(creator)):
        assert problem(reader.get(path)) == (404, "NOT_FOUND")
        assert reader.get("/api/characters").json()["items"] == []
    assert api(creator).get("/api/characters?mine=true").json()["items"] == []
    for answer in (
        api(creator).patch(path, {"name": "x"}),
        api(creator).delete(path),
        api(creator).post(f"{path}/like"),
        api(creator).put(f"{path}/lorebook", {"entries": []}),
    ):
        assert problem(answer) == (404, "NOT_FOUND")
    entry = AuditEntry.objects.get(action="character.deleted")
    assert (entry.actor_id, entry.target_id) == (creator.id, data["id"])


@pytest.mark.parametrize("change", [{"deleted_at": "2026-01-01T00:00:00Z"}, {"is_active": False}])
def test_what_a_person_made_is_hidden_with_them(api, creator, publish, stranger, change):
    data = publish()
    type(creator.user).objects.filter(pk=creator.id).update(**change)
    assert api(stranger).get(f"/api/characters/{data['id']}").status_code == 404
    assert api(stranger).get("/api/characters?count=true").json() == {"items": [], "next": None, "total": 0}
    assert api(stranger).post(f"/api/characters/{data['id']}/like").status_code == 404


@pytest.mark.parametrize("path", ["", "/like", "/lorebook", "/images", "/memories"])
def test_an_id_of_nobody_is_not_found(api, owner, problem, path):
    nobody = "01890000-0000-7000-8000-000000000000"
    send = api(owner).post if path == "/like" else api(owner).get
    assert problem(send(f"/api/characters/{nobody}{path}")) == (404, "NOT_FOUND")


def test_an_id_that_is_none_is_not_found(api, owner):
    assert api(owner).get("/api/characters/1").status_code == 404
    assert api(owner).get("/api/characters/'; DROP TABLE characters_character; --").status_code == 404
