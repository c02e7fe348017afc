"""Accounts at other sites that a signed-in person connects and disconnects, over the API."""

import json
import uuid
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from accounts.models import AuthSession
from common.models import AuditEntry, OutgoingMail
from tests.accounts.conftest import PASSWORD, problem
from tests.accounts.elsewhere import BACK, SITES, STORED
from tests.hostile.conftest import unchanged
from tests.standins.identity_server import NILS, UMA, VERA, VICTOR

pytestmark = pytest.mark.django_db
CONNECTIONS = "/api/users/me/connections"


class Member:
    """A signed-in person, as a program of theirs acts."""

    def __init__(self, identity, signed_in):
        self.identity, self.user, self.api = identity, signed_in.user, signed_in.api

    def call(self, method, path="", body=None):
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(self.api.client, method)(f"{CONNECTIONS}{path}", headers=self.api.headers, **data)

    def body(self, provider, person, **fields):
        started = self.call("post", f"/{provider}", {"redirect_uri": BACK} | fields)
        assert started.status_code == 200, started.content
        returned = self.identity.choose(started.json()["authorize_url"], person)
        kept = {"redirect_uri": BACK, "code_verifier": started.json()["code_verifier"]}
        return {"code": returned.code, "state": returned.state} | kept

    def connect(self, provider, person):
        return self.call("post", f"/{provider}/callback", self.body(provider, person))

    def list(self):
        return self.call("get").json()["items"]


@pytest.fixture
def member(identity, sign_in):
    """`member()`: somebody new; `member(password)`, `member(email_verified=True)`."""

    def make(password=None, **fields):
        return Member(identity, sign_in(password=password, **fields))

    return make


@pytest.fixture
def mira(member):
    return member(PASSWORD, email="mira@example.org", email_verified=True)


@pytest.fixture
def stella(member):
    return member(PASSWORD, email="stella@example.org", email_verified=True)


# --- connecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", SITES)
@pytest.mark.parametrize("person", [VERA, UMA, NILS], ids=lambda person: person.username)
def test_any_identity_may_be_connected_whatever_its_address(mira, program, provider, person):
    response = mira.connect(provider, person)
    assert response.status_code == 201, response.content
    assert response.json()["provider"] == provider
    assert SocialAccount.objects.get().user == mira.user
    assert SocialAccount.objects.get().provider == STORED[provider]
    assert [item["id"] for item in mira.list()] == [response.json()["id"]]
    mail = OutgoingMail.objects.get(kind="connection_changed")
    assert (mail.to, mail.context["added"]) == ("mira@example.org", True)
    assert AuditEntry.objects.get().actor == mira.user
    assert program.sign_in(provider, person).json()["user"]["id"] == str(mira.user.pk)


def test_the_list_tells_which_account_it_is(mira):
    mira.connect("google", VERA)
    mira.connect("discord", VICTOR)
    mira.connect("twitter", NILS)
    assert [(item["title"], item["label"]) for item in mira.list()] == [
        ("Google", VERA.email),
        ("Discord", VICTOR.name),
        ("X", "@nils"),
    ]
    assert all(item["created_at"] and item["last_used_at"] for item in mira.list())


def test_the_list_takes_the_same_queries_however_many_there_are(mira, django_assert_num_queries):
    mira.connect("google", VERA)
    for _ in range(2):
        with django_assert_num_queries(1):
            mira.list()
        for person in (VERA, VICTOR, NILS):
            mira.connect("discord", person)


def test_each_sees_their_own(mira, stella):
    mira.connect("google", VERA)
    assert stella.list() == []


def test_what_is_connected_already_stays_so(mira):
    first = mira.connect("google", VERA).json()
    second = mira.connect("google", VERA)
    assert (second.status_code, second.json()["id"]) == (201, first["id"])
    assert OutgoingMail.objects.count() == 1


def test_somebody_elses_identity_is_refused(mira, stella):
    stella.connect("google", VERA)
    body = mira.body("google", VERA)
    with unchanged():
        assert problem(mira.call("post", "/google/callback", body)) == (409, "CONFLICT")


def test_an_address_of_somebody_elses_is_no_matter(mira, stella, make_user):
    """Connecting never looks at addresses: it is the identity that comes in by it, not the mailbox."""
    other = make_user(email=VERA.email, email_verified=True)
    assert mira.connect("google", VERA).status_code == 201
    assert not SocialAccount.objects.filter(user=other).exists()


@pytest.mark.parametrize("change", [{"state": "x"}, {"code_verifier": "x" * 64}, {"redirect_uri": f"{BACK}/x"}])
def test_a_state_of_another_beginning_is_refused(mira, change):
    body = mira.body("google", VERA) | change
    with unchanged():
        assert problem(mira.call("post", "/google/callback", body)) == (400, "VALIDATION_ERROR")


def test_what_one_begins_another_can_not_finish(mira, stella):
    """Else a stranger's identity would be connected to whom they send their link."""
    body = stella.body("google", VERA)
    with unchanged():
        assert problem(mira.call("post", "/google/callback", body)) == (400, "VALIDATION_ERROR")
    assert stella.call("post", "/google/callback", body).status_code == 201


def test_a_sign_in_does_not_connect_and_a_connection_does_not_sign_in(mira, program):
    begun = program.body("google", VERA)
    del begun["provider"]
    with unchanged():
        assert problem(mira.call("post", "/google/callback", begun)) == (400, "VALIDATION_ERROR")
    connecting = mira.body("google", VERA) | {"provider": "google"}
    with unchanged():
        assert problem(program.finish(connecting)) == (400, "VALIDATION_ERROR")


def test_a_state_is_good_once(mira):
    body = mira.body("google", VERA)
    mira.call("post", "/google/callback", body)
    with unchanged():
        assert problem(mira.call("post", "/google/callback", body)) == (400, "VALIDATION_ERROR")


# --- proof ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def old_session(mira):
    AuthSession.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    return mira


def test_a_session_alone_is_not_enough_after_five_minutes(old_session):
    with unchanged():
        assert problem(old_session.call("post", "/google", {"redirect_uri": BACK})) == (403, "FORBIDDEN")
        wrong = {"redirect_uri": BACK, "password": "not the one"}
        assert problem(old_session.call("post", "/google", wrong)) == (400, "VALIDATION_ERROR")


def test_the_password_is(old_session):
    assert old_session.body("google", VERA, password=PASSWORD)


def test_a_code_of_the_second_factor_is(old_session):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    codes = RecoveryCodes.activate(old_session.user).get_unused_codes()
    assert old_session.body("google", VERA, code=codes[0])
    used = old_session.call("post", "/google", {"redirect_uri": BACK, "code": codes[0]})
    assert problem(used) == (400, "VALIDATION_ERROR")


def test_guesses_are_limited(old_session, settings):
    settings.RATE_LIMIT_FACTOR = 1
    wrong = {"redirect_uri": BACK, "password": "not the one"}
    answers = [old_session.call("post", "/google", wrong).status_code for _ in range(3)]
    assert answers == [400] * 3
    for _ in range(10):
        last = old_session.call("post", "/google", wrong)
    assert last.status_code == 429


# --- disconnecting ----------------------------------------------------------------------------------------------------


def test_what_is_disconnected_opens_no_door(mira, program):
    connection = mira.connect("discord", UMA).json()
    assert mira.call("delete", f"/{connection['id']}").status_code == 204
    assert mira.list() == []
    assert program.sign_in("discord", UMA).status_code == 202
    mail = OutgoingMail.objects.filter(kind="connection_changed").latest("created_at")
    assert (mail.context["added"], mail.context["provider"]) == (False, "Discord")


def test_nobody_disconnects_for_others(mira, stella, program):
    connection = mira.connect("google", VERA).json()
    for who in (stella, Member(None, type("Nobody", (), {"user": None, "api": program.api})())):
        with unchanged():
            assert who.call("delete", f"/{connection['id']}").status_code in (401, 404)


@pytest.mark.parametrize("path", [f"/{uuid.UUID(int=7)}", "/nothing", "/1"])
def test_what_is_not_there_can_not_be_disconnected(mira, path):
    with unchanged():
        response = mira.call("delete", path)
        assert problem(response) in ((404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED"))


ONLY_WAY = {"password": None, "email_verified": False}


def only_connected(member):
    """Somebody who can come in by one connection and by nothing else."""
    person = member()
    return person, person.connect("google", VERA).json()["id"]


def test_the_last_way_in_stays(member):
    person, connection = only_connected(member)
    with unchanged():
        response = person.call("delete", f"/{connection}")
        assert problem(response) == (409, "CONFLICT")
    assert "Set a password" in response.json()["detail"]


def test_another_connection_is_a_way_in(member):
    person, connection = only_connected(member)
    other = person.connect("discord", VERA).json()["id"]
    assert person.call("delete", f"/{connection}").status_code == 204
    with unchanged():
        assert problem(person.call("delete", f"/{other}")) == (409, "CONFLICT")


def test_a_connection_to_a_site_that_is_off_here_is_none(member, settings):
    person, connection = only_connected(member)
    person.connect("discord", VERA)
    del settings.SIGN_IN_PROVIDERS["discord"]
    with unchanged():
        assert problem(person.call("delete", f"/{connection}")) == (409, "CONFLICT")


def test_a_password_is_a_way_in(member):
    person, connection = only_connected(member)
    person.user.set_password(PASSWORD)
    person.user.save()
    assert person.call("delete", f"/{connection}").status_code == 204


def test_a_confirmed_address_is_a_way_in(member):
    person, connection = only_connected(member)
    type(person.user).objects.update(email_verified=True)
    assert person.call("delete", f"/{connection}").status_code == 204


@pytest.mark.parametrize(("by_itself", "status"), [(True, 204), (False, 409)])
def test_a_passkey_is_a_way_in_if_it_signs_in_by_itself(member, by_itself, status):
    person, connection = only_connected(member)
    credential = {"clientExtensionResults": {"credProps": {"rk": by_itself}}}
    Authenticator.objects.create(user=person.user, type="webauthn", data={"name": "key", "credential": credential})
    assert person.call("delete", f"/{connection}").status_code == status


def test_a_second_factor_is_no_way_in(member):
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    person, connection = only_connected(member)
    TOTP.activate(person.user, generate_totp_secret())
    with unchanged():
        assert problem(person.call("delete", f"/{connection}")) == (409, "CONFLICT")


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("post", "/google"), ("post", "/google/callback"), ("delete", f"/{uuid.UUID(int=7)}")],
)
def test_nobody_is_asked_to_sign_in_first(identity, api, method, path):
    nobody = Member(identity, type("Nobody", (), {"user": None, "api": api})())
    with unchanged():
        assert problem(nobody.call(method, path)) == (401, "UNAUTHENTICATED")


def test_staff_are_told_which_variables_are_missing(member, settings):
    settings.SIGN_IN_PROVIDERS = {}
    asked = {"redirect_uri": BACK}
    hidden = member().call("post", "/google", asked)
    told = member(role="admin").call("post", "/google", asked)
    assert problem(hidden) == problem(told) == (404, "NOT_FOUND")
    assert "GOOGLE_CLIENT_ID" not in hidden.json()["detail"]
    assert "GOOGLE_CLIENT_ID" in told.json()["detail"]
