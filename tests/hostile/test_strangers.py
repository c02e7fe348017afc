"""Somebody else's things: every door of the API and every page, tried with the owner's ids by who has no business.

The doors are found by walking the URL conf. A new id in an address must be added to the fixture `things`; the first
test says so.
"""

import uuid

import orjson
import pytest

from tests.hostile import doors
from tests.hostile.conftest import check_problem, unchanged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

BY_ID = [door for door in doors.api_doors() if door.names]
PAGES_BY_ID = [route for route in doors.pages() if "{" in route and not route.startswith("/portraits/")]


def bodies(door, things):
    """One that would be right, where a body is asked for."""
    schema = door.body_schema
    return orjson.dumps(doors.example(schema, things)) if schema else b""


def addresses(door, things):
    """A message's doors lead to one's own words and to the character's."""
    yield door.path(things)
    if "message_id" in door.names:
        yield door.path(things | {"message": things["written"]})


def test_every_id_in_an_address_is_one_of_the_owners_things(things):
    names = {name.removesuffix("_id") for door in BY_ID for name in door.names}
    assert names - things.keys() == set(), "give tests/hostile/conftest.py::things one of these"


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_the_owners_things_are_not_found_by_anybody_else(who, things, caller, request, trying):
    person = request.getfixturevalue(who)
    for door in BY_ID:
        for path in addresses(door, things):
            with trying(str(door)), unchanged(path):
                response = caller(person).send(door.method, path, bodies(door, things))
                assert (response.status_code, check_problem(response)) == (404, "NOT_FOUND"), path


def test_a_stranger_learns_nothing_from_how_the_answer_is_put(things, stranger, caller, trying):
    """What is there and private answers as what never was."""
    names = ("character", "persona", "memory", "conversation", "message", "notification")
    nobodys = things | {name: uuid.uuid4() for name in names}
    for door in BY_ID:
        with trying(str(door)):
            answers = []
            for ids in (things, nobodys):
                response = caller(stranger).send(door.method, door.path(ids), bodies(door, ids))
                answers.append({name: value for name, value in response.json().items() if name != "request_id"})
            assert answers[0] == answers[1]


def test_who_is_not_signed_in_gets_no_further(things, caller, trying):
    for door in BY_ID:
        for path in addresses(door, things):
            with trying(str(door)), unchanged(path):
                response = caller().send(door.method, path, bodies(door, things))
                assert check_problem(response) in {"UNAUTHENTICATED", "NOT_FOUND"}, path


def test_no_list_and_no_answer_mentions_what_is_the_owners(things, stranger, caller, trying):
    """A stranger's own lists, and their own writes with the owner's ids in the body."""
    private = [
        str(things[name]) for name in ("persona", "memory", "conversation", "message", "written", "notification")
    ]
    for door in doors.api_doors():
        if door.names or door.route in ("/api/schema", "/api/docs"):
            continue
        with trying(str(door)):
            response = caller(stranger).send(door.method, door.path(things), bodies(door, things))
            assert response.status_code < 500
            text = response.content.decode()
            assert not [name for name in private if name in text]


def test_a_body_with_something_of_the_owners_is_not_found(things, stranger, character, api, trying):
    """Everything else in it is right: only what `name` names is not the stranger's."""
    for name in ("character", "persona", "organization"):
        visibility = "private" if name == "character" else "public"
        type(character).objects.filter(pk=character.pk).update(visibility=visibility)
        with trying(name), unchanged():
            response = api(stranger).post(
                "/api/conversations", {"character": str(character.pk), name: str(things[name])}
            )
            assert (response.status_code, check_problem(response)) == (404, "NOT_FOUND")


def test_the_owners_message_can_not_be_answered_from_another_conversation(things, stranger, character, start, api):
    type(character).objects.filter(pk=character.pk).update(visibility="public")
    own = start(stranger)
    with unchanged():
        body = {"text": "Who is there?", "reply_to": str(things["message"])}
        response = api(stranger).post(f"/api/conversations/{own}/messages", body)
    assert response.json()["errors"].keys() == {"reply_to"}


def test_the_owners_credits_are_not_a_strangers_to_see_or_spend(things, stranger, staff, api):
    organization = str(things["organization"])
    for person in (stranger, staff):
        for path in ("/api/wallet", "/api/wallet/entries"):
            assert check_problem(api(person).get(f"{path}?organization={organization}")) == "NOT_FOUND"
        body = {"amount": "1", "feature": "test", "reference": {"type": "a", "id": "b"}, "organization": organization}
        with unchanged():
            assert check_problem(api(person).post("/api/credits/spend", body)) == "NOT_FOUND"


def test_a_private_character_is_in_nobody_elses_list(things, stranger, staff, api):
    for person in (stranger, staff):
        for query in ("", "?mine=true", "?creator=olivia", "?search=Odile&creator=olivia"):
            assert api(person).get(f"/api/characters{query}").json()["items"] == []


@pytest.mark.parametrize("who", ["stranger", "staff", None])
def test_the_owners_pages_are_nobody_elses(who, things, request, client, trying):
    if who:
        client.force_login(request.getfixturevalue(who).user)
    for route in PAGES_BY_ID:
        path = doors.Door("get", route, None).path(things)
        for method in ("get", "post"):
            with trying(path), unchanged(path):
                response = getattr(client, method)(path)
                led_to_the_door = who is None and response.status_code == 302
                assert led_to_the_door or response.status_code in (404, 405)
                assert b"Odile" not in response.content


def test_staff_see_the_state_of_the_queues_and_nobody_else_does(stranger, staff, api):
    assert api(staff).get("/api/health/queues").status_code == 200
    assert check_problem(api(stranger).get("/api/health/queues")) == "FORBIDDEN"
    assert check_problem(api().get("/api/health/queues")) == "UNAUTHENTICATED"
