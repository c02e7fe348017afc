"""Starting, listing, changing and deleting conversations over REST."""

import uuid

import pytest

pytestmark = pytest.mark.django_db


def start_over_rest(api, person, character, **body):
    return api(person).post("/api/conversations", {"kind": "character", "character": str(character.pk), **body})


def test_a_conversation_opens_with_the_greeting_and_its_alternates_as_variants(api, owner, character):
    response = start_over_rest(api, owner, character, title="By the quay")
    assert response.status_code == 201
    conversation = response.json()
    assert conversation["kind"] == "character"
    assert conversation["title"] == "By the quay"
    assert conversation["character"]["name"] == "Odile"
    (greeting,) = api(owner).get(f"/api/conversations/{conversation['id']}/messages").json()["items"]
    assert greeting["text"] == "*lifts the lamp* You are late, olivia. I am Odile."
    assert greeting["author"]["kind"] == "character"
    assert [variant["status"] for variant in greeting["variants"]] == ["complete", "complete"]


def test_the_greetings_variant_can_be_chosen(api, owner, character):
    conversation = start_over_rest(api, owner, character).json()
    (greeting,) = api(owner).get(f"/api/conversations/{conversation['id']}/messages").json()["items"]
    chosen = api(owner).post(f"/api/messages/{greeting['id']}/select", {"variant": 1}).json()
    assert chosen["text"] == "Mind the step."
    assert chosen["variant"] == 1
    assert chosen["rev"] > greeting["rev"]


def test_a_private_character_is_not_found_by_a_stranger(api, stranger, character, problem):
    character.visibility = "private"
    character.save()
    response = start_over_rest(api, stranger, character)
    assert problem(response) == (404, "NOT_FOUND")


def test_nobody_must_sign_in_first(api, character, problem):
    assert problem(start_over_rest(api, None, character)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "character"),
        ({"character": "odile"}, "character"),
        ({"character": str(uuid.uuid4()), "kind": "choir"}, "kind"),
        ({"character": str(uuid.uuid4()), "title": "x" * 201}, "title"),
        ({"character": str(uuid.uuid4()), "colour": "red"}, "colour"),
        ({"character": str(uuid.uuid4()), "title": "a\x00b"}, "title"),
        ({"character": ["a"]}, "character"),
    ],
)
def test_a_wrong_field_is_named(api, owner, body, field, problem):
    response = api(owner).post("/api/conversations", body)
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert field in response.json()["errors"]


def test_an_unknown_model_is_refused_and_the_known_ones_are_named(api, owner, character):
    response = start_over_rest(api, owner, character, model="oracle/delphi")
    assert response.status_code == 400
    assert "local/" in response.json()["errors"]["model"][0]


def test_the_list_has_ones_own_conversations_newest_message_first(api, owner, stranger, start):
    first, second = start(owner), start(owner)
    start(stranger)
    api(owner).post(f"/api/conversations/{first}/messages", {"text": "Still there?", "reply": False})
    items = api(owner).get("/api/conversations").json()["items"]
    assert [item["id"] for item in items] == [str(first), str(second)]
    assert items[0]["preview"] == "Still there?"


def test_the_list_is_read_in_pages_without_gap_or_repeat(api, owner, start):
    made = {str(start(owner)) for _ in range(7)}
    seen, cursor = [], ""
    while cursor is not None:
        page = api(owner).get(f"/api/conversations?limit=3&count=true&cursor={cursor}").json()
        assert page["total"] == 7
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert len(seen) == 7
    assert set(seen) == made


@pytest.mark.parametrize("cursor", ["x", "bm90IG91cnM", "WyJhIiwiYiJd", "WzEsMl0", "W251bGwsbnVsbF0", "'; DROP TABLE"])
def test_a_foreign_cursor_is_a_validation_error(api, owner, cursor, problem):
    assert problem(api(owner).get(f"/api/conversations?cursor={cursor}")) == (400, "VALIDATION_ERROR")


def test_the_list_costs_the_same_queries_at_every_size(api, owner, start, django_assert_num_queries):
    start(owner)
    api(owner).get("/api/conversations")
    with django_assert_num_queries(1):
        api(owner).get("/api/conversations")
    for _ in range(9):
        start(owner)
    with django_assert_num_queries(1):
        assert len(api(owner).get("/api/conversations").json()["items"]) == 10


def test_the_owner_changes_title_and_archives(api, owner, conversation):
    path = f"/api/conversations/{conversation}"
    assert api(owner).patch(path, {"title": "Rain", "archived": True}).json()["title"] == "Rain"
    assert api(owner).get("/api/conversations").json()["items"] == []
    assert len(api(owner).get("/api/conversations?archived=true").json()["items"]) == 1


def test_a_stranger_sees_and_changes_nothing(api, owner, stranger, conversation, problem):
    path = f"/api/conversations/{conversation}"
    for response in (
        api(stranger).get(path),
        api(stranger).patch(path, {"title": "mine now"}),
        api(stranger).delete(path),
        api(stranger).get(f"{path}/messages"),
        api(stranger).post(f"{path}/messages", {"text": "hello"}),
        api(stranger).post(f"{path}/messages", {"text": "hello", "reply": False}),
        api(stranger).post(f"{path}/read", {"seq": 1}),
        api(stranger).post(f"{path}/typing", {}),
    ):
        assert problem(response) == (404, "NOT_FOUND")
    assert api(owner).get(path).json()["title"] == ""
    assert len(api(owner).get(f"{path}/messages").json()["items"]) == 1


def test_staff_has_no_key_to_a_conversation_in_the_api(api, staff, conversation, problem):
    assert problem(api(staff).get(f"/api/conversations/{conversation}")) == (404, "NOT_FOUND")


def test_a_deleted_conversation_is_gone_and_what_was_held_for_its_reply_is_given_back(
    api, owner, conversation, problem
):
    path = f"/api/conversations/{conversation}"
    api(owner).post(f"{path}/messages", {"text": "A last question?"})
    assert api(owner).get("/api/wallet").json()["free_messages"] == 9
    assert api(owner).delete(path).status_code == 204
    assert problem(api(owner).get(path)) == (404, "NOT_FOUND")
    assert api(owner).get("/api/wallet").json()["free_messages"] == 10


def test_the_reading_mark_moves_forward_only(api, owner, conversation):
    api(owner).post(f"/api/conversations/{conversation}/messages", {"text": "one", "reply": False})
    path = f"/api/conversations/{conversation}/read"
    assert api(owner).post(path, {"seq": 2}).json() == {"last_read_seq": 2}
    assert api(owner).post(path, {"seq": 1}).json() == {"last_read_seq": 2}
    assert api(owner).post(path, {"seq": 10_000}).json() == {"last_read_seq": 2}
    assert api(owner).get(f"/api/conversations/{conversation}").json()["unread"] == 0


def test_the_same_idempotency_key_starts_one_conversation(api, owner, character, problem):
    body = {"character": str(character.pk)}
    first = api(owner).post("/api/conversations", body, **{"Idempotency-Key": "curtain-1"})
    again = api(owner).post("/api/conversations", body, **{"Idempotency-Key": "curtain-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = api(owner).post("/api/conversations", {**body, "title": "x"}, **{"Idempotency-Key": "curtain-1"})
    assert problem(other) == (409, "CONFLICT")
    assert len(api(owner).get("/api/conversations").json()["items"]) == 1


def test_unread_counts_messages_of_others_and_not_their_changes(api, owner, conversation, write_reply):
    path = f"/api/conversations/{conversation}"
    reply = api(owner).post(f"{path}/messages", {"text": "Well?"}).json()["reply"]
    assert api(owner).get(path).json()["unread"] == 1
    write_reply(reply)
    assert api(owner).get(path).json()["unread"] == 1
    api(owner).post(f"{path}/read", {"seq": reply["seq"]})
    assert api(owner).get(path).json()["unread"] == 0
