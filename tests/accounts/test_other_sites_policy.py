"""Whom of ours an identity of another site signs in: known or new, with and without an account at its address."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from accounts.models import AuthSession, User
from common.models import AuditEntry, OutgoingMail
from tests.accounts.conftest import Api, problem
from tests.accounts.elsewhere import STORED, WITH_ADDRESS
from tests.hostile.conftest import unchanged
from tests.standins.identity_server import NILS, UMA, VERA

pytestmark = pytest.mark.django_db
FIRST = "first come first served"
with_address = pytest.mark.parametrize("provider", WITH_ADDRESS)


@pytest.fixture
def owner_of(make_user):
    """`owner_of(VERA, confirmed=True)`: an account that has her address already."""

    def make(person, *, confirmed, **fields):
        return make_user(FIRST, email=person.email, email_verified=confirmed, **fields)

    return make


# --- an account at the address ----------------------------------------------------------------------------------------


@with_address
def test_verified_there_and_confirmed_here_is_connected_and_signed_in(program, owner_of, provider):
    user = owner_of(VERA, confirmed=True)
    response = program.sign_in(provider, VERA)
    assert response.json()["user"]["id"] == str(user.pk)
    assert SocialAccount.objects.get().user == user
    user.refresh_from_db()
    assert user.check_password(FIRST)  # nothing else of theirs has changed
    mail = OutgoingMail.objects.get(kind="connection_changed")
    assert (mail.to, mail.context["added"]) == (VERA.email, True)
    assert AuditEntry.objects.get(action="user.connection_added").data == {"provider": provider}


def test_an_address_in_other_letters_is_the_same(program, identity, make_user):
    user = make_user(email="VERA@identity.example", email_verified=True)
    assert program.sign_in("google", VERA).json()["user"]["id"] == str(user.pk)


@with_address
def test_verified_there_and_unconfirmed_here_is_refused(program, owner_of, provider):
    """Somebody signed up with her address and waits for her to come: she must not share the account with them."""
    owner_of(VERA, confirmed=False)
    with unchanged():
        response = program.sign_in(provider, VERA)
        assert problem(response) == (409, "CONFLICT")
    assert "Forgotten password" in response.json()["detail"]
    assert not SocialAccount.objects.exists()


def test_the_way_out_that_the_refusal_names_ends_the_strangers_session(program, owner_of, sign_in):
    from accounts.services import mail_keys
    from common.keys import seal

    user = owner_of(VERA, confirmed=False)
    stranger = sign_in(user)
    program.sign_in("google", VERA)
    key = mail_keys.send(mail_keys.Kind.RESET, email=user.email, user=user, context={})
    body = {"key": seal(mail_keys.PURPOSE, key.pk), "password": "her own words at last"}
    assert program.api.post("reset-password", body).status_code == 204
    session = AuthSession.objects.get(user=stranger.user)
    assert session.ended_at
    assert problem(Api().post("refresh", {"refresh": stranger.refresh})) == (401, "UNAUTHENTICATED")
    assert program.sign_in("google", VERA).json()["user"]["id"] == str(user.pk)


@with_address
@pytest.mark.parametrize("confirmed", [True, False])
def test_unverified_there_never_meets_the_account(program, owner_of, provider, confirmed):
    owner_of(UMA, confirmed=confirmed)
    with unchanged():
        response = program.sign_in(provider, UMA)
    assert (response.status_code, response.json()["pending"]) == (202, "email")
    assert "access" not in response.json()


@pytest.mark.parametrize("claim", ["true", "false", 1, "yes", None, [True]])
def test_only_true_is_verified(program, identity, owner_of, claim):
    owner_of(VERA, confirmed=True)
    identity.change = lambda claims: claims | {"email_verified": claim}
    with unchanged():
        assert program.sign_in("google", VERA).status_code == 202


@pytest.mark.parametrize(
    "email", ["not an address", "a@b", "x" * 300 + "@example.org", "a\x00@example.org", 5, ["a"], None]
)
def test_an_address_that_is_none_counts_for_nothing(program, identity, email):
    identity.change = lambda claims: claims | {"email": email}
    response = program.sign_in("google", VERA)
    assert response.status_code in (202, 502)
    assert not User.objects.exists()


def test_an_address_taken_by_somebody_else_at_the_other_site_changes_nobodys_account(program, identity):
    """Who comes by an identity of their own stays themselves, whatever address it names today."""
    one, other = identity.invent(email="one@example.org", verified=True), identity.invent()
    first = program.sign_in("discord", one).json()["user"]["id"]
    key = program.sign_in("discord", other)
    assert key.status_code == 202
    identity.people[other.sub] = type(other)(other.sub, other.name, other.username, "one@example.org", verified=True)
    # unknown so far, and now with the verified address of the first: it is theirs, by that address
    assert program.sign_in("discord", identity.people[other.sub]).json()["user"]["id"] == first


# --- who may not enter ------------------------------------------------------------------------------------------------


def test_a_banned_person_is_refused_and_nothing_is_connected(program, owner_of):
    owner_of(VERA, confirmed=True, banned_until=timezone.now() + timedelta(days=1))
    with unchanged():
        assert problem(program.sign_in("google", VERA)) == (403, "BANNED")


def test_a_closed_account_stays_closed(program, owner_of):
    owner_of(VERA, confirmed=True, is_active=False)
    with unchanged():
        assert problem(program.sign_in("google", VERA)) == (401, "UNAUTHENTICATED")


def test_a_banned_person_whom_we_know_is_refused(program):
    program.sign_in("google", VERA)
    User.objects.update(banned_until=timezone.now() + timedelta(days=1))
    assert problem(program.sign_in("google", VERA)) == (403, "BANNED")
    assert AuthSession.objects.count() == 1


def test_who_has_left_comes_back(program):
    first = program.sign_in("google", VERA).json()["user"]["id"]
    User.objects.update(deleted_at=timezone.now() - timedelta(days=3))
    response = program.sign_in("google", VERA)
    assert response.json()["user"]["id"] == first
    assert User.objects.get().deleted_at is None


def test_a_second_factor_is_asked_for_after_the_other_site(program, owner_of):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    user = owner_of(VERA, confirmed=True)
    TOTP.activate(user, generate_totp_secret())
    codes = RecoveryCodes.activate(user).get_unused_codes()
    response = program.sign_in("google", VERA)
    assert problem(response) == (401, "MFA_REQUIRED")
    assert not AuthSession.objects.exists()
    assert Authenticator.objects.filter(user=user).count() == 2
    done = program.api.post("mfa", {"key": response.json()["key"], "code": codes[0]})
    assert done.status_code == 200, done.content
    assert AuthSession.objects.get().method == "google"


def test_what_is_kept_of_an_identity_is_its_name_and_no_more(program, identity):
    person = identity.invent(name="Ida\x00\n\u202e" + "x" * 200, email="ida@example.org", verified=True)
    for provider in WITH_ADDRESS:
        assert program.sign_in(provider, person).status_code == 200
    for account in SocialAccount.objects.all():
        assert set(account.extra_data) == {"label"}
        label = account.extra_data["label"]
        assert label.isprintable()
        assert len(label) <= 80
    assert {account.provider for account in SocialAccount.objects.all()} == {STORED[name] for name in WITH_ADDRESS}


@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_finding_out_who_comes_takes_few_queries(program, provider, django_assert_max_num_queries):
    program.sign_in(provider, VERA)
    body = program.body(provider, VERA)
    with django_assert_max_num_queries(14):
        assert program.finish(body).status_code == 200


def test_no_query_is_made_while_the_other_site_is_asked(program, identity, monkeypatch):
    from django.db import connection

    from accounts.services import social

    body = program.body("google", NILS)
    seen = []
    real = social.identify

    def watched(**fields):
        with connection.execute_wrapper(lambda *call: seen.append(call[1])):
            return real(**fields)

    monkeypatch.setattr(social, "identify", watched)
    program.finish(body)
    assert seen == []
