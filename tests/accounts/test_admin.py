"""The operators' console: its door, its lists, and what staff may do."""

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuthSession, User
from common.models import AuditEntry
from tests.accounts.conftest import PASSWORD, problem

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # the end of a session is announced after commit


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


def test_the_consoles_door_is_the_sites(db):
    response = Client().get("/admin/")
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/login/?next=/admin/")
    response = Client().get("/admin/login/?next=/admin/accounts/user/")
    assert (response.status_code, response.headers["Location"]) == (302, "/sign-in?next=/admin/accounts/user/")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_it_leads_nowhere_else(db, elsewhere):
    response = Client().get("/admin/login/", {"next": elsewhere})
    assert response.headers["Location"] == "/sign-in?next=/admin/"


def test_it_takes_no_password_itself(boss):
    response = Client().post("/admin/login/", {"username": "boss@example.org", "password": PASSWORD})
    assert response.status_code == 405
    assert not AuthSession.objects.exists()


def test_staff_come_in_by_the_sites_door_and_get_a_session_of_ours(boss):
    console = Client()
    response = console.post("/sign-in", {"email": "BOSS@example.org", "password": PASSWORD, "next": "/admin/"})
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/")
    assert AuthSession.objects.get().kind == "web"
    assert console.get("/admin/").status_code == 200
    assert console.get("/admin/login/?next=/admin/accounts/user/").headers["Location"] == "/admin/accounts/user/"


def test_the_second_factor_stands_before_the_console_too(boss):
    RecoveryCodes.activate(boss)
    console = Client()
    response = console.post("/sign-in", {"email": "boss@example.org", "password": PASSWORD, "next": "/admin/"})
    assert response.headers["Location"] == "/sign-in/second-factor"
    assert console.get("/admin/").status_code == 302
    assert not AuthSession.objects.exists()


def test_signing_out_of_the_console_ends_the_session_and_leads_to_the_site(console):
    assert console.get(reverse("admin:logout")).status_code == 405
    response = console.post(reverse("admin:logout"))
    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert AuthSession.objects.get().end_reason == "signout"


@commits
def test_signing_out_of_the_site_signs_out_of_the_console(console):
    console.post("/sign-out")
    assert console.get("/admin/").status_code == 302


@pytest.mark.parametrize("role", ["member", "creator"])
def test_who_is_not_staff_is_told_so_kindly(make_user, role):
    visitor = Client()
    visitor.force_login(make_user(role=role))
    response = visitor.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "The stage door is for staff" in response.content.decode()


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
    """The form of a person as it is sent; the reason can be taken out."""
    sent = {
        "display_name": "",
        "bio": "",
        "locale": "en",
        "timezone": "UTC",
        "role": "member",
        "is_active": "on",
        "reason": "as they asked",
    } | fields
    return {name: value for name, value in sent.items() if value is not None}


@commits
def test_a_role_is_given_with_a_reason_and_ends_the_sessions(console, boss, person):
    page = change("user", person.user.pk)
    refused = console.post(page, profile(role="support", reason=None))
    assert refused.status_code == 200
    assert "This field is required" in refused.content.decode()
    assert User.objects.get(pk=person.user.pk).role == "member"
    assert console.post(page, profile(role="support", reason="joined the team")).status_code == 302
    assert User.objects.get(pk=person.user.pk).role == "support"
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    entry = AuditEntry.objects.get(action="user.access")
    assert (entry.actor, entry.reason, entry.target_id) == (boss, "joined the team", str(person.user.pk))


@pytest.mark.parametrize("reason", [None, "", "  ", "ab", "x" * 501])
def test_not_even_a_profile_is_corrected_without_a_reason(console, person, reason):
    response = console.post(change("user", person.user.pk), profile(bio="plays Ophelia", reason=reason))
    assert response.status_code == 200
    assert User.objects.get(pk=person.user.pk).bio == ""
    assert not AuditEntry.objects.filter(action="admin.change").exists()


def test_a_corrected_profile_is_audited_with_who_why_and_which_fields(console, boss, person):
    page = change("user", person.user.pk)
    assert console.post(page, profile(bio="plays Ophelia", reason="a typing error")).status_code == 302
    assert User.objects.get(pk=person.user.pk).bio == "plays Ophelia"
    assert person.api.get("me").status_code == 200
    entry = AuditEntry.objects.get(action="admin.change")
    assert (entry.actor, entry.reason, entry.data) == (boss, "a typing error", {"fields": ["bio"]})
    history = console.get(reverse("admin:accounts_user_history", args=[person.user.pk])).content.decode()
    for told in ("boss", "a typing error", "admin.change", "bio"):
        assert told in history


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


def test_finance_may_not_end_sessions(make_user, person):
    finance = Client()
    finance.force_login(make_user(role="finance"))
    address = reverse("admin:accounts_user_end_sessions", args=[person.user.pk])
    assert finance.post(address, {"_form_submitted": "on", "reason": "because"}).status_code == 403
    assert person.api.get("me").status_code == 200


@pytest.mark.parametrize("role", ["support", "moderator"])
def test_nobody_touches_who_stands_above_them(make_user, boss, role):
    lower, above = Client(), Client()
    lower.force_login(make_user(role=role))
    above.force_login(boss)
    session = AuthSession.objects.get(user=boss)
    said = {"_form_submitted": "on", "reason": "because"}
    for name, key in (
        ("accounts_user_end_sessions", boss.pk),
        ("accounts_user_delete_account", boss.pk),
        ("accounts_user_anonymise_now", boss.pk),
        ("accounts_authsession_end_session", session.pk),
    ):
        assert lower.post(reverse(f"admin:{name}", args=[key]), said).status_code == 403, name
    assert lower.post(change("user", boss.pk), profile(bio="hm")).status_code == 403
    boss.refresh_from_db()
    assert (boss.bio, boss.deleted_at) == ("", None)
    assert above.get("/admin/").status_code == 200


@commits
def test_support_deletes_and_restores_an_account_with_a_reason(make_user, person):
    support = Client()
    helper = make_user(role="support", username="suse")
    support.force_login(helper)

    def act(name, reason):
        address = reverse(f"admin:accounts_user_{name}", args=[person.user.pk])
        return support.post(address, {"_form_submitted": "on", "reason": reason})

    act("delete_account", "")
    assert person.api.get("me").status_code == 200
    act("delete_account", "asked by letter")
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    act("restore_account", "changed their mind")
    person.user.refresh_from_db()
    assert person.user.deleted_at is None
    assert act("anonymise_now", "too early").status_code == 403
    trail = AuditEntry.objects.filter(actor=helper).order_by("pk").values_list("action", "reason")
    assert list(trail) == [("user.delete", "asked by letter"), ("user.restore", "changed their mind")]


@commits
def test_an_administrator_anonymises_who_is_deleted_and_nobody_else(console, boss, person):
    address = reverse("admin:accounts_user_anonymise_now", args=[person.user.pk])
    said = {"_form_submitted": "on", "reason": "an order of the court"}
    console.post(address, said)
    person.user.refresh_from_db()
    assert person.user.anonymised_at is None
    console.post(reverse("admin:accounts_user_delete_account", args=[person.user.pk]), said)
    console.post(address, said)
    person.user.refresh_from_db()
    assert person.user.anonymised_at
    entry = AuditEntry.objects.get(action="user.anonymise")
    assert (entry.actor, entry.reason) == (boss, "an order of the court")


def test_the_audit_trail_is_shown_and_can_not_be_changed(console, person):
    console.post(change("user", person.user.pk), profile(bio="plays Ophelia"))
    entry = AuditEntry.objects.get()
    assert "admin.change" in console.get(reverse("admin:common_auditentry_changelist")).content.decode()
    assert console.post(reverse("admin:common_auditentry_change", args=[entry.pk]), {}).status_code == 403
    assert console.post(reverse("admin:common_auditentry_delete", args=[entry.pk])).status_code == 403
