"""The operators' console: its door, its lists, and what staff may do."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuthSession, User
from common.models import AuditEntry
from tests.accounts.conftest import PASSWORD, problem

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # the end of a session is announced after commit

LOGIN = "/admin/login/"


@pytest.fixture
def boss(make_user):
    return make_user(PASSWORD, email="boss@example.org", role="admin", username="boss")


@pytest.fixture
def console(boss):
    console = Client()
    console.force_login(boss)
    return console


def change(model, key):
    return reverse(f"admin:accounts_{model}_change", args=[key])


def changes(model):
    return reverse(f"admin:accounts_{model}_changelist")


# --- the door ---------------------------------------------------------------------------------------------------------


def test_staff_sign_in_by_address_and_get_a_session_of_ours(boss):
    console = Client()
    response = console.post(LOGIN, {"username": "BOSS@example.org", "password": PASSWORD, "next": "/admin/"})
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/")
    assert AuthSession.objects.get().kind == "web"
    assert console.get("/admin/").status_code == 200


def test_signing_out_of_the_console_ends_the_session(console):
    assert console.post(reverse("admin:logout")).status_code in {200, 302}
    assert AuthSession.objects.get().end_reason == "signout"


@commits
def test_signing_out_of_the_site_signs_out_of_the_console(console):
    console.post("/sign-out")
    assert console.get("/admin/").status_code == 302


@pytest.mark.parametrize("fields", [{"role": "member"}, {"role": "creator"}, {"is_active": False}])
def test_who_is_not_staff_stays_outside(boss, fields):
    User.objects.update(**fields)
    console = Client()
    assert console.post(LOGIN, {"username": "boss@example.org", "password": PASSWORD}).status_code == 200
    assert console.get("/admin/").status_code == 302
    assert not AuthSession.objects.exists()


def test_who_is_banned_stays_outside(boss):
    User.objects.update(banned_until="2999-01-01T00:00Z")
    response = Client().post(LOGIN, {"username": "boss@example.org", "password": PASSWORD})
    assert "banned" in response.content.decode()
    assert not AuthSession.objects.exists()


def test_tries_at_the_consoles_door_are_limited(boss, settings):
    settings.RATE_LIMIT_FACTOR = 0.2  # two tries
    for _ in range(2):
        Client().post(LOGIN, {"username": "boss@example.org", "password": "another-password"})
    response = Client().post(LOGIN, {"username": "boss@example.org", "password": PASSWORD})
    assert "wait a moment" in response.content.decode()
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize("fields", [{"username": "\x00", "password": "x"}, {"username": "", "password": ""}, {}])
def test_odd_input_at_the_door_is_no_error_of_ours(boss, fields):
    assert Client().post(LOGIN, fields).status_code == 200


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["user", "organization", "membership", "authsession"])
def test_a_list_takes_a_fixed_number_of_queries_and_counts_no_table(console, sign_in, model):
    sign_in()
    console.get(changes(model))  # the session is remembered from here on
    with CaptureQueriesContext(connection) as for_few:
        console.get(changes(model))
    for _ in range(5):
        sign_in()
    with CaptureQueriesContext(connection) as for_many:
        assert console.get(changes(model)).status_code == 200
    assert len(for_many) == len(for_few) <= 8
    counts = [query["sql"] for query in for_many if "COUNT(" in (query["sql"] or "")]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


@pytest.mark.parametrize("model", ["user", "organization", "membership", "authsession"])
def test_every_row_can_be_opened(console, person, model):
    row = {"user": person.user, "authsession": AuthSession.objects.filter(user=person.user).get()}.get(model)
    row = row or getattr(person.user, "organizations" if model == "organization" else "memberships").get()
    response = console.get(change(model, row.pk))
    assert response.status_code == 200
    if model == "authsession":
        assert row.refresh_jti not in response.content.decode()


@pytest.mark.parametrize("search", ["ann.b", "ANN@exam", "{id}"])
def test_people_are_found_by_the_beginning_of_name_or_address_and_by_id(console, make_user, search):
    ann = make_user(email="Ann@example.org", username="ann.bell")
    make_user(email="bob@example.org", username="bob.ann")
    page = console.get(changes("user"), {"q": search.format(id=ann.pk)})
    assert list(page.context["cl"].queryset) == [ann]


@pytest.mark.parametrize("search", ["x" * 10_000, "%", "\\", "'", "\x00", "00000000-0000-0000-0000-000000000000"])
def test_an_odd_search_finds_nothing(console, search):
    response = console.get(changes("user"), {"q": search})
    assert response.status_code in {200, 302}


def test_sessions_are_found_by_their_person(console, sign_in):
    ann = sign_in(username="ann")
    sign_in(username="bob")
    found = console.get(changes("authsession"), {"q": "an"}).context["cl"].queryset
    assert [session.user for session in found] == [ann.user]


# --- what staff may do ------------------------------------------------------------------------------------------------


def profile(**fields):
    return {
        "display_name": "",
        "bio": "",
        "locale": "en",
        "timezone": "UTC",
        "role": "member",
        "is_active": "on",
    } | fields


@commits
def test_a_role_is_given_with_a_reason_and_ends_the_sessions(console, boss, person):
    page = change("user", person.user.pk)
    refused = console.post(page, profile(role="support"))
    assert "Please say why." in refused.content.decode()
    assert console.post(page, profile(role="support", reason="joined the team")).status_code == 302
    assert User.objects.get(pk=person.user.pk).role == "support"
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    entry = AuditEntry.objects.get(action="user.access")
    assert (entry.actor, entry.reason, entry.target_id) == (boss, "joined the team", str(person.user.pk))


def test_a_profile_is_corrected_without_a_reason_and_that_is_audited(console, person):
    assert console.post(change("user", person.user.pk), profile(bio="plays Ophelia")).status_code == 302
    assert User.objects.get(pk=person.user.pk).bio == "plays Ophelia"
    assert person.api.get("me").status_code == 200
    entry = AuditEntry.objects.get(action="admin.change")
    assert "Ophelia" not in str(entry.data)


def test_nobody_changes_their_own_role(console, boss):
    console.post(change("user", boss.pk), profile(reason="tired"))
    assert User.objects.get(pk=boss.pk).role == "admin"


def test_the_console_makes_and_deletes_no_people(console, person):
    assert console.get(reverse("admin:accounts_user_add")).status_code == 403
    assert console.post(reverse("admin:accounts_user_delete", args=[person.user.pk])).status_code == 403


@commits
@pytest.mark.parametrize(
    ("name", "target"), [("accounts_authsession_end_session", "session"), ("accounts_user_end_sessions", "user")]
)
def test_a_session_is_ended_with_a_reason(console, boss, person, name, target):
    session = AuthSession.objects.get(user=person.user)
    address = reverse(f"admin:{name}", args=[session.pk if target == "session" else person.user.pk])
    assert "Reason" in console.get(address).content.decode()
    assert person.api.get("me").status_code == 200
    console.post(address, {"_form_submitted": "on", "reason": ""})
    assert person.api.get("me").status_code == 200
    response = console.post(address, {"_form_submitted": "on", "reason": "stolen telephone"})
    assert "HX-Redirect" in response.headers
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    assert AuthSession.objects.get(pk=session.pk).end_reason == "staff"
    assert AuditEntry.objects.get(reason="stolen telephone").actor == boss


def test_staff_without_the_permission_may_not_end_sessions(make_user, person):
    support = Client()
    support.force_login(make_user(role="support"))
    address = reverse("admin:accounts_user_end_sessions", args=[person.user.pk])
    assert support.post(address, {"_form_submitted": "on", "reason": "because"}).status_code == 403
    assert person.api.get("me").status_code == 200


def test_the_audit_trail_is_shown_and_can_not_be_changed(console, person):
    console.post(change("user", person.user.pk), profile(bio="plays Ophelia"))
    entry = AuditEntry.objects.get()
    assert "admin.change" in console.get(reverse("admin:common_auditentry_changelist")).content.decode()
    assert console.post(reverse("admin:common_auditentry_change", args=[entry.pk]), {}).status_code == 403
    assert console.post(reverse("admin:common_auditentry_delete", args=[entry.pk])).status_code == 403
