"""`POST /api/auth/signup`."""

import threading

import pytest
from django.db import connection

from accounts import registry
from accounts.models import AuthSession, Membership, Organization, User
from common.models import OutboxEvent
from tests.accounts.conftest import PASSWORD, Api, problem

pytestmark = pytest.mark.django_db

USER_FIELDS = """
id email email_verified username display_name bio avatar locale timezone role plan is_premium last_seen_at created_at
"""


def body(**fields):
    return {"email": "ann@example.org", "password": PASSWORD} | fields


@pytest.mark.parametrize("path", ["signup", "register"])
def test_a_new_person_gets_an_account_and_a_pair_of_tokens(api, path):
    response = api.post(path, body(username="Ann.B"))
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"user", "access", "refresh"}
    assert set(answer["user"]) == set(USER_FIELDS.split())
    assert answer["user"] | {"id": "", "created_at": "", "last_seen_at": ""} == {
        "id": "", "email": "ann@example.org", "email_verified": False, "username": "ann.b", "display_name": "",
        "bio": "", "avatar": None, "locale": "en", "timezone": "UTC", "role": "member",
        "plan": "free", "is_premium": False, "last_seen_at": "", "created_at": "",
    }  # fmt: skip
    assert answer["user"]["created_at"].endswith("Z")
    assert Api(answer["access"]).get("me").json()["user"]["id"] == answer["user"]["id"]


def test_the_account_has_a_personal_organisation_that_the_person_owns_alone(api):
    user_id = api.post("signup", body()).json()["user"]["id"]
    membership = Membership.objects.select_related("organization").get(user_id=user_id)
    assert (membership.role, membership.personal, membership.organization.personal) == ("owner", True, True)


def test_the_session_remembers_the_device(api):
    api.post("signup", body(), **{"User-Agent": "Opera glass " + "x" * 500})
    session = AuthSession.objects.get()
    assert session.kind == "token"
    assert session.address == "127.0.0.1"
    assert session.user_agent.startswith("Opera glass")
    assert len(session.user_agent) == 300


def test_who_gives_no_username_gets_one_that_tells_nothing(api):
    username = api.post("signup", body()).json()["user"]["username"]
    assert username.startswith("guest-")
    assert "ann" not in username


def test_the_address_is_trimmed_and_its_domain_is_lowered(api):
    answer = api.post("signup", body(email="  Ann@EXAMPLE.org ")).json()
    assert answer["user"]["email"] == "Ann@example.org"


def test_where_they_came_from_is_kept_and_tracked(api):
    api.post("signup", body(utm={"source": "playbill", "medium": ""}))
    user = User.objects.get()
    assert user.utm == {"source": "playbill", "medium": ""}
    event = OutboxEvent.objects.get(name="user_signed_up")
    assert (event.user_id, event.properties) == (user.pk, {"utm": user.utm})


def test_other_apps_give_what_a_new_account_gets_in_the_same_transaction(api, monkeypatch):
    given = []
    monkeypatch.setattr(
        registry.account_created, "_functions", [lambda user, organization: given.append((user, organization))]
    )
    api.post("signup", body())
    assert given == [(User.objects.get(), Organization.objects.get())]


def test_an_account_is_undone_when_another_app_fails(api, monkeypatch):
    def fail(user, organization):
        raise RuntimeError("the box office burned down")

    monkeypatch.setattr(registry.account_created, "_functions", [fail])
    api.client.raise_request_exception = False
    response = api.post("signup", body())
    assert problem(response) == (500, "SERVER_ERROR")
    assert "box office" not in response.content.decode()
    assert not User.objects.exists()
    assert not Organization.objects.exists()


@pytest.mark.parametrize("email", ["ann@example.org", "ANN@example.org", " Ann@EXAMPLE.ORG "])
def test_an_address_has_one_account_in_any_case_of_letters(api, make_user, email):
    make_user(email="Ann@example.org")
    response = api.post("signup", body(email=email))
    assert problem(response) == (409, "CONFLICT")
    assert list(response.json()["errors"]) == ["email"]
    assert User.objects.count() == Organization.objects.count() == 1


@pytest.mark.parametrize("username", ["ann", "ANN"])
def test_a_username_is_one_persons_in_any_case_of_letters(api, make_user, username):
    make_user(username="ann")
    response = api.post("signup", body(username=username))
    assert problem(response) == (409, "CONFLICT")
    assert list(response.json()["errors"]) == ["username"]


WRONG = [
    ("email", "", "blank"),
    ("email", "ann", "not an address"),
    ("email", 5, "number"),
    ("email", None, "null"),
    ("email", ["a@example.org"], "list"),
    ("email", {"a": 1}, "object"),
    ("email", "a" * 1_000_000 + "@example.org", "a megabyte"),
    ("email", "ann@example.org\x00", "NUL"),
    ("email", "ann@exa mple.org", "space"),
    ("email", "a" * 65 + "@" + "b" * 250 + ".org", "too long"),
    ("password", "", "blank"),
    ("password", "short", "short"),
    ("password", "12345678901", "digits"),
    ("password", "password123", "common"),
    ("password", "ann@example.org", "the address"),
    ("password", 1234567890123, "number"),
    ("password", True, "boolean"),
    ("password", None, "null"),
    ("password", "x" * 129, "too long"),
    ("password", "x" * 1_000_000, "a megabyte"),
    ("password", "curtain\x00call-at-nine", "NUL"),
    ("username", "an", "short"),
    ("username", "a" * 31, "long"),
    ("username", "", "blank"),
    ("username", "ann bell", "space"),
    ("username", "änn", "umlaut"),
    ("username", "ann/bell", "slash"),
    ("username", ".ann", "dot first"),
    ("username", "...", "dots"),
    ("username", "me", "path"),
    ("username", "balances", "path"),
    ("username", "Balances", "path in capitals"),
    ("username", "admin", "the house's"),
    ("username", 12345, "number"),
    ("username", "ann\x00", "NUL"),
    ("utm", "playbill", "text"),
    ("utm", {"source": {"deep": 1}}, "deep"),
    ("utm", {"source": 5}, "number"),
    ("utm", {"source": "x" * 201}, "long"),
    ("utm", {"x" * 41: "y"}, "long name"),
    ("utm", {str(n): "y" for n in range(11)}, "many"),
    ("utm", {"source": "\x00"}, "NUL"),
    ("utm", {"\x00": "playbill"}, "NUL in a name"),
    ("role", "admin", "unknown"),
    ("is_superuser", True, "unknown"),
    ("email_verified", True, "unknown"),
]


@pytest.mark.parametrize(("field", "value", "what"), WRONG)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, field, value, what):
    response = api.post("signup", body(**{field: value}))
    assert problem(response) == (400, "VALIDATION_ERROR"), what
    assert any(name.split(".")[0] == field for name in response.json()["errors"]), response.json()
    assert not User.objects.exists()
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("missing", ["email", "password"])
def test_a_missing_field_is_named(api, missing):
    fields = body()
    del fields[missing]
    response = api.post("signup", fields)
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert list(response.json()["errors"]) == [missing]


@pytest.mark.parametrize("text", ["", "{", "[]", '"ann"', "null", "5", '{"email": "\\ud800"}', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(api, text):
    assert problem(api.post("signup", text)) == (400, "VALIDATION_ERROR")


def test_a_body_of_more_than_a_megabyte_is_too_large(api):
    assert problem(api.post("signup", body(password="x" * 2_000_000))) == (413, "PAYLOAD_TOO_LARGE")
    assert not User.objects.exists()


def test_a_form_is_not_taken_for_json(api):
    response = api.client.post("/api/auth/signup", body())
    assert problem(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_signing_up_is_a_post(api, method):
    response = getattr(api.client, method)("/api/auth/signup")
    assert problem(response) == (405, "METHOD_NOT_ALLOWED")


def test_a_stale_token_does_not_keep_anybody_from_signing_up():
    assert Api("stale").post("signup", body()).status_code == 201


def test_an_odd_forwarded_address_is_not_stored(api, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert api.post("signup", body(), **{"X-Forwarded-For": "the moon"}).status_code == 201
    assert AuthSession.objects.get().address is None


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_one_address_at_once_one_gets_it():
    statuses = []
    start = threading.Barrier(6)

    def sign_up(number):
        start.wait()
        email = "ann@example.org" if number % 2 else "ANN@example.org"
        statuses.append(Api().post("signup", body(email=email)).status_code)
        connection.close()

    threads = [threading.Thread(target=sign_up, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 409, 409, 409, 409, 409]
    assert User.objects.count() == Organization.objects.count() == Membership.objects.count() == 1
