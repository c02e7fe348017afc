"""Input nobody sends by accident: the contract's error, never a 500, and nothing changed."""

import json

import pytest

from characters.inputs import CharacterInput
from characters.models import Character, Persona

pytestmark = pytest.mark.django_db

LEAST = {"name": "Mira", "age": 30, "gender": "female"}
PATHS = ["/api/characters", "/api/users/me/personas"]
FIELDS = sorted(CharacterInput().fields)


@pytest.fixture
def send(api, owner):
    """Raw bytes to a path."""

    def post(path, body, content_type="application/json", **headers):
        return api(owner).client.generic("POST", path, body, content_type=content_type, headers=headers)

    return post


@pytest.fixture(autouse=True)
def _nothing_is_made(send):
    yield
    assert not Character.objects.exists()
    assert not Persona.objects.exists()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b", "age": 30, "gender": "female"}',
        b'{"na\\u0000me": "x"}',
        b'{"name": 1e400}',
        b'{"name": NaN}',
        b'{"name": {"$gt": ""}}',
        b'{"name": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"name": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"name": ' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}",
        b'{"name": ' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_good_is_a_validation_error(send, problem, path, body):
    assert problem(send(path, body)) == (400, "VALIDATION_ERROR")
    assert problem(send(path, body, **{"Idempotency-Key": "again"})) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", PATHS)
def test_a_megabyte_of_name_is_refused(send, problem, path):
    at_the_limit = json.dumps({"name": "x" * 1_000_000, "age": 30, "gender": "female"}).encode()
    assert problem(send(path, at_the_limit)) == (400, "VALIDATION_ERROR")
    over = json.dumps({"name": "x" * 2_000_000}).encode()
    assert problem(send(path, over)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_other_content_types_are_refused(send, problem, path, content_type):
    assert problem(send(path, b"name=Mira", content_type)) == (415, "UNSUPPORTED_MEDIA_TYPE")


WRONG = [None, 7, 1.5, True, "a\x00b", [], {}, [None], [[]], {"a": 1}, "x" * 30_000, [7], -1]
RIGHT = [("tags", []), ("alternate_greetings", []), ("downloadable", True)]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_refuses_what_it_is_not(send, problem, field):
    for value in WRONG:
        if (field, value) not in RIGHT:
            body = json.dumps(LEAST | {field: value}).encode()
            assert problem(send("/api/characters", body)) == (400, "VALIDATION_ERROR"), value


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x01b"])
def test_a_bad_idempotency_key_is_an_error(send, problem, key):
    response = send("/api/characters", json.dumps(LEAST).encode(), **{"Idempotency-Key": key})
    assert problem(response) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("token", ["x", "a.b.c", "Bearer", "é", "x" * 5000])
def test_a_forged_token_is_told_so(api, problem, token):
    for path in ("/api/characters", "/api/characters?mine=true", "/api/users/me/personas"):
        response = api().get(path, Authorization=f"Bearer {token}")
        assert problem(response) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_a_method_that_is_not_there_is_told_so(api, owner, problem, method):
    response = getattr(api(owner).client, method)("/api/characters")
    assert problem(response) == (405, "METHOD_NOT_ALLOWED")


def test_a_form_that_nobody_can_read_is_told_so(api, problem):
    assert problem(api().get("/api/characters", Accept="text/csv")) == (406, "NOT_ACCEPTABLE")
