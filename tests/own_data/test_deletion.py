"""Leaving: what it asks for, what is gone at once, and how one comes back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.limits import account_gate
from accounts.models import ApiKey, AuthSession, Invitation, MailKey, Membership, Organization, User
from accounts.services import deletion, mail_keys, passwords
from characters.services import create_character
from chat.services import send_message
from common.keys import seal
from common.models import AuditEntry, OutgoingMail
from tests.own_data.conftest import left, long_ago
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)  # what is announced, is announced after commit

PATH = "/api/users/me"


def gone(person):
    person.user.refresh_from_db()
    return person.user.deleted_at is not None


def leave(person):
    return services.delete_account(user_id=person.id, actor=person.user)


def delete(api, person, body=None):
    client = api(person).client
    if body is None:
        return client.delete(PATH)
    return client.delete(PATH, body, content_type="application/json")


# --- that it is really them -------------------------------------------------------------------------------------------


def test_a_fresh_sign_in_is_enough(api, owner):
    response = delete(api, owner)
    assert response.status_code == 202
    until = response.json()["restorable_until"]
    assert until[:10] == f"{timezone.now() + timedelta(days=30):%Y-%m-%d}"
    assert gone(owner)


def test_after_five_minutes_it_asks_for_the_password(api, owner, problem):
    long_ago(owner)
    response = delete(api, owner)
    assert problem(response) == (403, "FORBIDDEN")
    assert "password" in response.json()["detail"]
    assert problem(delete(api, owner, {"password": "not it"})) == (403, "FORBIDDEN")
    assert not gone(owner)
    assert api(owner).get("/api/auth/me").status_code == 200
    assert delete(api, owner, {"password": PASSWORD}).status_code == 202
    assert gone(owner)


def test_a_code_of_the_second_factor_does_as_well(api, owner, problem):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    codes = RecoveryCodes.activate(owner.user).get_unused_codes()
    long_ago(owner)
    assert problem(delete(api, owner, {"code": "00000000"})) == (400, "VALIDATION_ERROR")
    assert not gone(owner)
    assert delete(api, owner, {"code": codes[0]}).status_code == 202
    assert gone(owner)


def test_guessing_the_password_is_limited(api, owner, settings, problem):
    settings.RATE_LIMIT_FACTOR = 1  # ten tries, wherever they are made
    long_ago(owner)
    assert problem(delete(api, owner, {"password": "not it"})) == (403, "FORBIDDEN")
    for _ in range(9):
        account_gate(owner.user.email).enter()
    assert problem(delete(api, owner, {"password": PASSWORD})) == (429, "RATE_LIMIT_EXCEEDED")
    assert not gone(owner)


@pytest.mark.parametrize("body", [{"password": 7}, {"code": None}, {"why": "x"}, {"password": "a\x00b"}, {"code": ""}])
def test_odd_bodies_delete_nothing(api, owner, problem, body):
    assert problem(delete(api, owner, body)) == (400, "VALIDATION_ERROR")
    assert not gone(owner)


def test_nobody_is_deleted_without_a_sign_in(api, problem):
    assert problem(api().delete(PATH)) == (401, "UNAUTHENTICATED")


# --- at once ----------------------------------------------------------------------------------------------------------


def test_every_token_key_link_and_invitation_is_dead_at_once(api, owner, stranger, problem):
    other = services.sign_in(email=owner.user.email, password=PASSWORD)
    team = services.create_team(user_id=owner.id, name="Extras")
    Membership.objects.create(organization=team, user=stranger.user, role="owner")
    personal = Organization.objects.get(pk=owner.organization_id)
    key = ApiKey.objects.create(
        organization=personal, user=owner.user, name="k", prefix="tr", digest="d", scopes=["chat"]
    )
    week = timezone.now() + timedelta(days=7)
    Invitation.objects.create(organization=team, email="x@troupe.example", invited_by=owner.user, expires_at=week)
    mail_keys.send(MailKey.Kind.MAGIC_LINK, email=owner.user.email, user=owner.user, context={})

    assert delete(api, owner).status_code == 202
    assert problem(api(owner).get("/api/auth/me")) == (401, "UNAUTHENTICATED")
    for refresh in (owner.refresh, other.refresh):
        assert api().post("/api/auth/refresh", {"refresh": refresh}).status_code == 401
    assert not AuthSession.objects.filter(user=owner.user, ended_at=None).exists()
    assert set(AuthSession.objects.filter(user=owner.user).values_list("end_reason", flat=True)) == {"deletion"}
    key.refresh_from_db()
    assert key.revoked_at
    assert Invitation.objects.get().revoked_at
    assert MailKey.objects.filter(user=owner.user, used_at=None).count() == 0
    assert not Membership.objects.filter(user=owner.user, personal=False).exists()
    entry = AuditEntry.objects.get(action="user.delete")
    assert (entry.actor_id, entry.target_id) == (owner.id, str(owner.id))


def test_a_mail_says_until_when_one_can_come_back(owner):
    user = leave(owner)
    mail = OutgoingMail.objects.get(kind="account_deleted")
    assert mail.to == owner.user.email
    assert mail.context["until"] == deletion.restorable_until(user).isoformat()


def test_they_are_nobody_to_others(api, owner, stranger, odile, problem):
    path = f"/api/characters/{odile.pk}"
    for reader in (api(), api(stranger)):
        assert reader.get(path).status_code == 200
        assert [one["name"] for one in reader.get("/api/characters").json()["items"]] == ["Odile"]
        assert reader.get("/api/users/olivia").status_code == 200
    leave(owner)
    for reader in (api(), api(stranger)):
        assert problem(reader.get(path)) == (404, "NOT_FOUND")
        assert reader.get("/api/characters").json()["items"] == []
        assert problem(reader.get("/api/users/olivia")) == (404, "NOT_FOUND")
    refused = api(stranger).post("/api/conversations", {"character": str(odile.pk)})
    assert problem(refused) == (404, "NOT_FOUND")


def test_their_character_answers_no_more_and_what_was_said_stays(api, owner, stranger, odile, talk, problem):
    conversation = talk(stranger, odile)
    path = f"/api/conversations/{conversation.pk}/messages"
    assert api(stranger).post(path, {"text": "Hello"}).status_code == 201
    leave(owner)
    wallet = api(stranger).get("/api/wallet").json()
    assert problem(api(stranger).post(path, {"text": "Are you there?"})) == (410, "GONE")
    assert api(stranger).get("/api/wallet").json() == wallet
    assert "Hello" in [one["text"] for one in api(stranger).get(path).json()["items"]]
    services.restore(User.objects.get(pk=owner.id))
    assert api(stranger).post(path, {"text": "Welcome back"}).status_code in {201, 409}


def test_their_own_private_character_is_no_bother(api, owner, talk):
    own = create_character(creator=owner.user, fields={"name": "Ilse"})
    conversation = talk(owner, own)
    assert send_message(conversation_id=conversation.pk, user_id=owner.id, text="Hello").reply


def test_the_only_owner_of_a_team_hands_it_over_first(api, owner, teammate, problem):
    team = services.create_team(user_id=owner.id, name="The Extras")
    Membership.objects.create(organization=team, user=teammate.user, role="member")
    response = delete(api, owner)
    assert problem(response) == (409, "CONFLICT")
    assert [one["name"] for one in response.json()["organizations"]] == ["The Extras"]
    assert not gone(owner)
    assert api(owner).get("/api/auth/me").status_code == 200
    Membership.objects.filter(user=teammate.user, organization=team).update(role="owner")
    assert delete(api, owner).status_code == 202


def test_a_second_deletion_does_nothing_more(owner):
    first = leave(owner).deleted_at
    assert leave(owner).deleted_at == first
    assert AuditEntry.objects.filter(action="user.delete").count() == 1
    assert OutgoingMail.objects.filter(kind="account_deleted").count() == 1


def test_address_and_username_are_still_taken(api, owner, problem):
    leave(owner)
    again = {"email": "OLIVIA@troupe.example", "password": PASSWORD, "username": "someone-else"}
    assert problem(api().post("/api/auth/signup", again)) == (409, "CONFLICT")
    again = {"email": "new@troupe.example", "password": PASSWORD, "username": "olivia"}
    assert problem(api().post("/api/auth/signup", again)) == (409, "CONFLICT")


# --- coming back ------------------------------------------------------------------------------------------------------


def by_password(api, person):
    return api().post("/api/auth/login", {"email": person.user.email, "password": PASSWORD})


def by_magic_link(api, person):
    passwords.send_link(MailKey.Kind.MAGIC_LINK, person.user.email)
    key = MailKey.objects.filter(user=person.user, used_at=None).latest("pk")
    return api().post("/api/auth/callback", {"key": seal(mail_keys.PURPOSE, key.pk)})


def by_the_web(api, person):
    return Client().post("/sign-in", {"email": person.user.email, "password": PASSWORD})


def by_another_site(api, person):
    """What every OAuth provider's flow ends with."""
    services.enter(user=User.objects.get(pk=person.id), device=services.Device(), method="google")


@pytest.mark.parametrize("way", [by_password, by_magic_link, by_the_web, by_another_site])
def test_signing_in_by_any_way_brings_everything_back(api, owner, odile, way):
    leave(owner)
    response = way(api, owner)
    assert response is None or response.status_code in {200, 302}
    assert not gone(owner)
    assert api().get(f"/api/characters/{odile.pk}").status_code == 200
    assert [one["name"] for one in api().get("/api/characters").json()["items"]] == ["Odile"]
    assert api().get("/api/users/olivia").status_code == 200
    assert AuditEntry.objects.filter(action="user.restore", actor=owner.user).count() == 1
    assert OutgoingMail.objects.filter(kind="account_restored").count() == 1


def test_old_tokens_stay_dead_after_coming_back(api, owner, problem):
    leave(owner)
    assert by_password(api, owner).status_code == 200
    assert problem(api(owner).get("/api/auth/me")) == (401, "UNAUTHENTICATED")
    assert api().post("/api/auth/refresh", {"refresh": owner.refresh}).status_code == 401


def test_a_wrong_password_brings_nobody_back(api, owner):
    leave(owner)
    wrong = api().post("/api/auth/login", {"email": owner.user.email, "password": "not it"})
    assert wrong.status_code == 401
    assert gone(owner)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"banned_until": timezone.now() + timedelta(days=1)}])
def test_who_may_not_enter_does_not_come_back(api, owner, fields):
    leave(owner)
    User.objects.filter(pk=owner.id).update(**fields)
    assert by_password(api, owner).status_code in {401, 403}
    assert gone(owner)


@pytest.mark.parametrize(("days", "status"), [(29.9, 200), (30.1, 401)])
def test_after_thirty_days_it_is_too_late(api, owner, days, status):
    leave(owner)
    left(owner, days=days)
    assert by_password(api, owner).status_code == status
    assert gone(owner) is (status == 401)


def test_coming_back_twice_is_coming_back(owner):
    leave(owner)
    first, second = (User.objects.get(pk=owner.id) for _ in range(2))
    services.restore(first)
    services.restore(second)
    assert OutgoingMail.objects.filter(kind="account_restored").count() == 1
