"""Bad input at every door: the contract's error, never a 500, and nothing changed.

The doors are found by walking the URL conf, so a new endpoint is tried by itself.
"""

import json
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.db import transaction
from jsonschema_rs import validator_for
from werkzeug.test import Client

from tests.hostile import bad, doors
from tests.hostile.conftest import check_problem, unchanged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

WRITES = doors.api_doors("post", "put", "patch")
WITH_BODY = [door for door in WRITES if door.body_schema]
FOR_FILES = ("/api/upload/base64", "/api/upload/migrate-base64-batch")  # tests/media sends them too much
FOR_STAFF = ("/api/users/balances",)  # tests/billing/test_balances.py asks it odd questions as staff
READS = [door for door in doors.api_doors("get") if door.route not in FOR_STAFF]


def where(door: doors.Door, things: dict[str, Any]) -> str:
    """The door's address among the owner's things, so that only the input is wrong."""
    of_a_reply = door.route.rsplit("/", 1)[1] in ("regenerate", "continue", "stop", "select")
    return door.path(things | {"message": things["written"]} if of_a_reply else things)


def checker(schema: dict[str, Any]) -> Any:
    """Tells by the OpenAPI document what fits: `checker(schema).is_valid(value)`."""
    return validator_for({"components": doors.document()["components"], **schema}, validate_formats=True)


def test_what_we_call_a_right_body_is_one(things, owner, caller, trying):
    """Otherwise the tests below would try less than they say."""
    for door in WITH_BODY:
        with trying(str(door)), transaction.atomic():
            body = door.body(things)
            response = caller(owner).send(door.method, where(door, things), orjson.dumps(body))
            assert response.status_code != 400, response.content
            transaction.set_rollback(True)


def test_a_body_that_is_no_object_is_refused(things, owner, caller, trying):
    for door in WITH_BODY:
        path, may_be_empty = where(door, things), checker(door.body_schema).is_valid({})
        with unchanged(door):
            for name, body in bad.BODIES.items():
                with trying(f"{door} {name}"):
                    if not (body == b"" and may_be_empty):
                        is_too_large = len(body) > 2**20 and door.route not in FOR_FILES
                        expected = "PAYLOAD_TOO_LARGE" if is_too_large else "VALIDATION_ERROR"
                        assert check_problem(caller(owner).send(door.method, path, body)) == expected


def test_a_body_where_none_is_asked_for_does_no_harm(things, owner, caller, trying):
    for door in WRITES:
        if door.body_schema:
            continue
        for name in ("nothing", "a brace", "a list", "a megabyte", "no UTF-8"):
            with trying(f"{door} {name}"):
                response = caller(owner).send(door.method, where(door, things), bad.BODIES[name])
                assert response.status_code < 400 or check_problem(response)
                transaction.set_rollback(True)


def test_a_value_of_a_wrong_type_names_its_field(things, owner, caller, trying):
    for turn, door in enumerate(WITH_BODY):
        path, right = where(door, things), door.body(things)
        with unchanged(door):
            for field, schema in door.body_schema["properties"].items():
                fits = checker(schema).is_valid
                for value in bad.some([value for value in bad.VALUES if not fits(value)], turn, of_them=8):
                    with trying(f"{door} {field}={value!r}"):
                        body = json.dumps(right | {field: value}).encode()
                        response = caller(owner).send(door.method, path, body)
                        assert check_problem(response) == "VALIDATION_ERROR"
                        assert [name for name in response.json()["errors"] if name.split(".")[0] == field]


def test_a_value_that_can_not_be_kept_is_refused(things, owner, caller, trying):
    for turn, door in enumerate(WITH_BODY):
        path, right = where(door, things), door.body(things)
        fields = list(door.body_schema["properties"])
        with unchanged(door):
            for field in fields:
                others = b",".join(
                    orjson.dumps(name) + b":" + orjson.dumps(value) for name, value in right.items() if name != field
                )
                values = list((bad.NO_JSON | bad.NO_VALUE if field == fields[0] else bad.NO_VALUE).items())
                for name, value in bad.some(values, turn, of_them=9):
                    with trying(f"{door} {field} {name}"):
                        body = b"{" + orjson.dumps(field) + b":" + value + b"," * bool(others) + others + b"}"
                        is_base64 = field == "base64_data" and name == "900 kB"
                        expected = "UNSUPPORTED_MEDIA_TYPE" if is_base64 else "VALIDATION_ERROR"
                        assert check_problem(caller(owner).send(door.method, path, body)) == expected


def test_a_missing_field_is_named(things, owner, caller, trying):
    for door in WITH_BODY:
        right = door.body(things)
        with unchanged(door):
            for field in door.body_schema.get("required", ()):
                with trying(f"{door} {field}"):
                    body = {name: value for name, value in right.items() if name != field}
                    response = caller(owner).send(door.method, where(door, things), orjson.dumps(body))
                    assert check_problem(response) == "VALIDATION_ERROR"
                    assert field in response.json()["errors"]


def test_an_unknown_field_is_named_and_nothing_is_done(things, owner, caller, trying):
    for door in WITH_BODY:
        if door.body_schema.get("additionalProperties") or door.route.endswith("/lorebook"):
            continue  # a card's lorebook keeps what it does not know
        right = door.body(things)
        with unchanged(door):
            for field in (
                "id",
                "role",
                "is_superuser",
                "user_id",
                "__proto__",
                "constructor",
                "a" * 10_000,
                "x.y",
                "🎭",
            ):
                with trying(f"{door} {field[:20]}"):
                    response = caller(owner).send(door.method, where(door, things), orjson.dumps(right | {field: 1}))
                    assert check_problem(response) == "VALIDATION_ERROR"
                    assert field in response.json()["errors"]


def test_a_key_given_twice_counts_once(things, owner, caller, trying):
    for door in WITH_BODY:
        path, right = where(door, things), door.body(things)
        field = next(iter(right))
        with trying(door), unchanged():
            twice = json.dumps(right)[:-1] + f", {json.dumps(field)}: [1, [2]]" + "}"
            assert check_problem(caller(owner).send(door.method, path, twice.encode())) == "VALIDATION_ERROR"


def test_another_content_type_is_refused(things, owner, caller, trying):
    for door in WITH_BODY:
        right = orjson.dumps(door.body(things))
        with unchanged(door):
            for content_type in bad.CONTENT_TYPES:
                with trying(f"{door} {content_type[:40]}"):
                    response = caller(owner).send(door.method, where(door, things), right, content_type=content_type)
                    assert check_problem(response) in {"UNSUPPORTED_MEDIA_TYPE", "VALIDATION_ERROR"}


def test_a_content_type_that_django_can_not_read_is_refused(things, owner, application, trying):
    for content_type in bad.FATAL_CONTENT_TYPES:
        for path in ("/api/characters?search=%41", "/sign-in?next=%41", "/health", "/chats?cursor=%41"):
            for method in ("GET", "POST"):
                with trying(f"{method} {path} {content_type[:40]}"), unchanged():
                    headers = owner.headers if path.startswith("/api") else {}
                    response = Client(application).open(
                        path, method=method, data=b"a=%41", content_type=content_type, headers=headers
                    )
                    assert response.status_code < 500
                    if method == "POST" and path.startswith("/api"):
                        assert check_problem(response) == "UNSUPPORTED_MEDIA_TYPE"


def test_a_cursor_that_is_not_ours_is_refused(things, owner, caller, trying):
    for door in [door for door in READS if "cursor" in door.query]:
        for name, cursor in bad.CURSORS.items():
            with trying(f"{door} {name}"):
                response = caller(owner).send("get", f"{where(door, things)}?cursor={quote(cursor)}")
                assert check_problem(response) == "VALIDATION_ERROR"
                assert response.json()["errors"].keys() == {"cursor"}


def test_a_cursor_of_another_list_is_never_our_error(things, owner, caller, trying):
    for door in [door for door in READS if "cursor" in door.query]:
        for cursor in bad.ODD_CURSORS:
            for more in ("", "&order=new", "&order=relevance&search=odile", "&mine=true", "&after=1"):
                with trying(f"{door} {cursor}{more}"):
                    response = caller(owner).send("get", f"{where(door, things)}?cursor={cursor}{more}")
                    assert response.status_code == 200 or check_problem(response) == "VALIDATION_ERROR"


def test_a_query_of_any_kind_is_answered_or_refused(things, owner, caller, trying):
    for door in READS:
        with unchanged(door):
            for name in door.query:
                for value in (*bad.TEXTS, *bad.NUMBERS):
                    with trying(f"{door} {name}={value[:40]!r}"):
                        response = caller(owner).send("get", f"{where(door, things)}?{name}={quote(value)}")
                        assert response.status_code in (200, 304) or check_problem(response) in {
                            "VALIDATION_ERROR",
                            "NOT_FOUND",
                        }


def test_a_flag_that_is_neither_is_refused(things, owner, caller, trying):
    for door in READS:
        for name in [
            part["name"] for part in door.operation.get("parameters", []) if part["schema"].get("type") == "boolean"
        ]:
            for value in ("1", "yes", "tru", "null", "true,false", "\x00", "[]"):
                with trying(f"{door} {name}={value}"):
                    response = caller(owner).send("get", f"{where(door, things)}?{name}={quote(value)}")
                    assert check_problem(response) == "VALIDATION_ERROR"
                    assert response.json()["errors"].keys() == {name}


def test_an_absurd_limit_is_refused(things, owner, caller, trying):
    for door in [door for door in READS if "limit" in door.query]:
        for value in bad.NUMBERS:
            with trying(f"{door} {value[:20]!r}"):
                response = caller(owner).send("get", f"{where(door, things)}?limit={quote(value)}")
                assert check_problem(response) == "VALIDATION_ERROR"
                assert response.json()["errors"].keys() == {"limit"}


def test_a_query_that_is_no_query_is_never_our_error(things, owner, caller, trying):
    paths = {where(door, things) for door in READS} | {
        doors.Door("get", route, None).path(things) for route in doors.pages()
    }
    for turn, path in enumerate(sorted(paths)):
        for query in bad.some(bad.RAW_QUERIES, turn):
            with trying(f"{path} {query[:30]!r}"):
                assert caller(owner).send("get", f"{path}?{query.decode('latin-1')}").status_code < 500


def test_a_path_that_is_no_path_is_never_our_error(owner, caller, trying):
    with unchanged():
        for prefix in (b"", b"/api", b"/api/characters", b"/chats", b"/static", b"/portraits", b"/admin"):
            for path in bad.RAW_PATHS:
                with trying(repr(prefix + path[:30])):
                    response = caller(owner).send("get", (prefix + path).decode("latin-1"))
                    assert 300 <= response.status_code < 500


def test_a_header_of_any_kind_is_never_our_error(things, owner, caller, trying):
    read, write = "/api/characters", f"/api/conversations/{things['conversation']}/typing"
    with unchanged():
        for name, value in bad.HEADERS:
            for method, path in (("get", read), ("post", write), ("get", "/"), ("get", "/chats"), ("post", "/sign-in")):
                with trying(f"{name}: {value[:40]!r} {method} {path}"):
                    response = caller(owner if path.startswith("/api") else None).send(
                        method, path, b"{}", **{name: value}
                    )
                    assert response.status_code < 500
                    assert len(response.headers["X-Request-ID"]) <= 64


def test_pages_take_any_form_without_an_error_of_ours(things, owner, client, trying):
    """Signed in, every field that a form of ours might have."""
    client.force_login(owner.user)
    client.raise_request_exception = False
    names = (
        "email",
        "password",
        "username",
        "next",
        "character",
        "new",
        "name",
        "age",
        "gender",
        "tags",
        "cursor",
        "search",
    )
    for turn, route in enumerate(doors.pages()):
        path = doors.Door("get", route, None).path(things)
        for value in bad.some([*bad.TEXTS, "x" * 300_000], turn):
            with trying(f"{path} {value[:30]!r}"):
                assert client.post(path, dict.fromkeys(names, value)).status_code < 500
                assert client.get(path, dict.fromkeys(names, value[:2_000])).status_code < 500
                transaction.set_rollback(True)
