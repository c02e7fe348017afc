"""Invitations: sent, taken back, answered; whose they are, and whose not."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import registry, services
from accounts.models import Invitation, Membership, User
from common.errors import Conflict, Gone
from common.keys import seal
from common.models import AuditEntry, OutgoingMail
from tests.accounts.company import call, token_of
from tests.accounts.conftest import problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch):
    """Whom `person_invited` spoke of."""
    heard = []
    monkeypatch.setattr(registry, "person_invited", lambda invitation, user: heard.append(user))
    return heard


def confirm(person):
    User.objects.filter(pk=person.id).update(email_verified=True)


def sent():
    return OutgoingMail.objects.filter(kind="organization_invited").count()


def invite(company, email, role="member", **headers):
    return call(company.owner).post(f"{company.path}/invitations", {"email": email, "role": role}, **headers)


# --- sent -------------------------------------------------------------------------------------------------------------


def test_an_invitation_is_mailed_with_a_link_that_is_stored_nowhere(company, told):
    response = invite(company, "Friend@Troupe.Example", "admin")
    assert response.status_code == 201
    invitation = Invitation.objects.get()
    body = response.json()
    assert body == {
        "id": str(invitation.pk),
        "email": "Friend@troupe.example",
        "role": "admin",
        "inviter": "olivia",
        "expires_at": body["expires_at"],
        "created_at": body["created_at"],
    }
    assert timedelta(days=6, hours=23) < invitation.expires_at - timezone.now() <= timedelta(days=7)
    mail = OutgoingMail.objects.get(kind="organization_invited")
    assert mail.to == "Friend@troupe.example"
    assert mail.context == {"organization": "The Company", "inviter": "olivia", "role": "admin", "days": 7}
    assert mail.link == {"path": "/invitations", "purpose": "invitation", "row_id": str(invitation.pk)}
    assert told == [None]


def test_who_has_an_account_is_written_to_in_their_language_and_told_on_the_site(company, told):
    User.objects.filter(pk=company.stranger.id).update(locale="de", timezone="Europe/Berlin")
    assert invite(company, company.stranger.user.email.upper()).status_code == 201
    mail = OutgoingMail.objects.get(kind="organization_invited")
    assert (mail.locale, mail.timezone, mail.user_id) == ("de", "Europe/Berlin", company.stranger.id)
    assert told == [company.stranger.user]


def test_the_answer_does_not_tell_who_has_an_account(company):
    known, unknown = invite(company, company.stranger.user.email), invite(company, "nobody@troupe.example")
    varying = {"id", "email", "created_at", "expires_at"}
    assert known.status_code == unknown.status_code == 201
    assert {k: v for k, v in known.json().items() if k not in varying} == {
        k: v for k, v in unknown.json().items() if k not in varying
    }


@pytest.mark.parametrize("who_blocks", ["inviter", "invitee"])
def test_a_block_keeps_the_invitation_from_arriving_and_nobody_is_told(company, told, who_blocks):
    confirm(company.stranger)
    pair = (company.owner.user, company.stranger.user)
    user, blocked = pair if who_blocks == "inviter" else pair[::-1]
    services.block(user_id=user.pk, blocked_id=blocked.pk)
    response = invite(company, company.stranger.user.email)
    invitation = Invitation.objects.get()
    again = call(company.owner).post(f"{company.path}/invitations/{invitation.pk}/resend")
    assert (response.status_code, again.status_code) == (201, 200)
    assert response.json()["email"] == company.stranger.user.email
    assert [item["id"] for item in call(company.owner).get(f"{company.path}/invitations").json()["items"]] == [
        str(invitation.pk)
    ]
    assert call(company.stranger).get("/api/users/me/invitations").json()["items"] == []
    assert (told, sent()) == ([], 0)


def test_a_member_is_not_invited_again(company):
    assert problem(invite(company, company.member.user.email.upper())) == (409, "CONFLICT")
    assert not Invitation.objects.exists()


def test_an_address_has_one_open_invitation(company):
    first = invite(company, "friend@troupe.example", **{"Idempotency-Key": "one"})
    repeated = invite(company, "friend@troupe.example", **{"Idempotency-Key": "one"})
    assert (repeated.status_code, repeated.json()) == (201, first.json())
    assert problem(invite(company, "FRIEND@troupe.example")) == (409, "CONFLICT")
    assert (Invitation.objects.count(), sent()) == (1, 1)


def test_an_expired_invitation_makes_room_for_a_new_one(company):
    old = company.invite("friend@troupe.example")
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invite(company, "friend@troupe.example").status_code == 201
    old.refresh_from_db()
    assert old.revoked_at is not None


def test_at_most_fifty_are_open(company):
    Invitation.objects.bulk_create(
        Invitation(
            organization=company.team, email=f"guest{n}@troupe.example", expires_at=timezone.now() + timedelta(days=1)
        )
        for n in range(50)
    )
    response = invite(company, "friend@troupe.example")
    assert problem(response) == (409, "CONFLICT")
    assert "50" in response.json()["detail"]
    Invitation.objects.filter(email="guest0@troupe.example").update(expires_at=timezone.now())
    assert invite(company, "friend@troupe.example").status_code == 201


def test_a_person_sends_ten_in_five_minutes(company, settings):
    settings.RATE_LIMIT_FACTOR = 1
    answers = []
    for number in range(11):
        from common import redis

        for key in redis.client().scan_iter("*write*"):
            redis.client().delete(key)
        answers.append(invite(company, f"guest{number}@troupe.example").status_code)
    assert answers == [201] * 10 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {"email": "nobody"},
        {"email": "a@b"},
        {"email": ""},
        {"email": 7},
        {"email": None},
        {"email": ["a@troupe.example"]},
        {"email": "a@troupe.example\x00"},
        {"email": f"{'x' * 300}@troupe.example"},
        {"email": "a@troupe.example", "role": "owner"},
        {"email": "a@troupe.example", "role": "emperor"},
        {"email": "a@troupe.example", "role": None},
        {"email": "a@troupe.example", "admin": True},
        {},
    ],
    ids=repr,
)
def test_odd_invitations_are_refused(company, body):
    assert problem(call(company.owner).post(f"{company.path}/invitations", body)) == (400, "VALIDATION_ERROR")
    assert not Invitation.objects.exists()


# --- taken back, and sent again ---------------------------------------------------------------------------------------


def test_an_invitation_is_taken_back(company):
    invitation = company.invite(company.stranger.user.email)
    path = f"{company.path}/invitations/{invitation.pk}"
    assert call(company.admin).delete(path).status_code == 204
    assert problem(call(company.stranger).post(f"/api/invitations/{token_of(invitation)}/accept")) == (410, "GONE")
    assert problem(call(company.admin).delete(path)) == (404, "NOT_FOUND")
    assert call(company.owner).get(f"{company.path}/invitations").json()["items"] == []
    assert AuditEntry.objects.get(action="invitation.revoke").actor_id == company.admin.id


def test_an_invitation_sent_again_lives_another_week(company):
    invitation = company.invite(company.stranger.user.email)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    response = call(company.admin).post(f"{company.path}/invitations/{invitation.pk}/resend")
    assert response.status_code == 200
    assert sent() == 2
    assert call(company.stranger).post(f"/api/invitations/{token_of(invitation)}/accept").status_code == 200
    assert problem(call(company.admin).post(f"{company.path}/invitations/{invitation.pk}/resend")) == (404, "NOT_FOUND")


def test_an_invitation_of_another_team_is_not_found_here(company):
    other = services.create_team(user_id=company.stranger.id, name="Another")
    theirs = services.invite(
        organization_id=other.pk, actor_id=company.stranger.id, email="friend@troupe.example", role="member"
    )
    path = f"{company.path}/invitations/{theirs.pk}"
    assert problem(call(company.owner).delete(path)) == (404, "NOT_FOUND")
    assert problem(call(company.owner).post(f"{path}/resend")) == (404, "NOT_FOUND")
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


# --- the link ---------------------------------------------------------------------------------------------------------


def test_the_link_tells_who_invites_to_what_and_uses_nothing_up(company):
    invitation = company.invite(company.stranger.user.email, "admin")
    for person in (None, company.stranger, company.member):
        response = call(person).get(f"/api/invitations/{token_of(invitation)}")
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        body = response.json()
        assert body == {
            "organization": "The Company",
            "inviter": "olivia",
            "role": "admin",
            "email": "s…@troupe.example",
            "expires_at": body["expires_at"],
        }
    invitation.refresh_from_db()
    assert (invitation.accepted_at, company.roles().keys()) == (None, {"olivia", "adam", "marta"})


def test_accepting_makes_a_member_and_confirms_the_address(company):
    invitation = company.invite(company.stranger.user.email, "admin")
    assert not company.stranger.user.email_verified
    response = call(company.stranger).post(f"/api/invitations/{token_of(invitation)}/accept")
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["role"], body["members_count"]) == (str(company.team.pk), "admin", 4)
    company.stranger.user.refresh_from_db()
    assert company.stranger.user.email_verified
    assert company.stranger.user.emailaddress_set.get().verified
    invitation.refresh_from_db()
    assert invitation.accepted_by == company.stranger.user


def test_an_invitation_is_used_once(company):
    token = token_of(company.invite(company.stranger.user.email))
    assert call(company.stranger).post(f"/api/invitations/{token}/accept").status_code == 200
    services.leave_team(organization_id=company.team.pk, user_id=company.stranger.id)
    for response in (
        call(company.stranger).post(f"/api/invitations/{token}/accept"),
        call(company.stranger).get(f"/api/invitations/{token}"),
    ):
        assert problem(response) == (410, "GONE")
    assert "stella" not in company.roles()


def test_an_old_invitation_is_over(company):
    token = token_of(company.invite(company.stranger.user.email))
    Invitation.objects.update(expires_at=timezone.now())
    response = call(company.stranger).post(f"/api/invitations/{token}/accept")
    assert problem(response) == (410, "GONE")
    assert "too old" in response.json()["detail"]
    assert "stella" not in company.roles()


def test_another_account_learns_whose_it_is_and_no_more(company, join):
    invitation = company.invite("friend@troupe.example")
    response = call(company.stranger).post(f"/api/invitations/{token_of(invitation)}/accept")
    assert problem(response) == (403, "FORBIDDEN")
    assert "f…@troupe.example" in response.json()["detail"]
    assert "friend@" not in response.content.decode()
    company.stranger.user.refresh_from_db()
    invitation.refresh_from_db()
    assert (company.stranger.user.email_verified, invitation.accepted_at) == (False, None)
    assert "stella" not in company.roles()
    friend = join("friend")
    assert call(friend).post(f"/api/invitations/{token_of(invitation)}/accept").status_code == 200


def test_who_is_not_signed_in_can_not_accept(company):
    token = token_of(company.invite(company.stranger.user.email))
    assert problem(call().post(f"/api/invitations/{token}/accept")) == (401, "UNAUTHENTICATED")


def bent(token):
    return token[:-1] + ("A" if token[-1] != "A" else "B")


@pytest.mark.parametrize(
    "make",
    [
        lambda invitation: "nonsense",
        lambda invitation: str(invitation.pk),
        lambda invitation: bent(token_of(invitation)),
        lambda invitation: token_of(invitation) + "A",
        lambda invitation: token_of(invitation)[:-1],
        lambda invitation: seal("mail_key", invitation.pk),
        lambda invitation: seal("invitation", uuid.uuid4()),
        lambda invitation: "%00",
        lambda invitation: "é" * 43,
        lambda invitation: "x" * 5000,
    ],
    ids=["a word", "the row's id", "bent", "longer", "shorter", "another purpose", "no row", "nul", "letters", "huge"],
)
def test_what_is_no_token_is_not_found(company, make):
    token = make(company.invite(company.stranger.user.email))
    caller = call(company.stranger)
    assert problem(caller.get(f"/api/invitations/{token}")) == (404, "NOT_FOUND")
    assert problem(caller.post(f"/api/invitations/{token}/accept")) == (404, "NOT_FOUND")
    assert "stella" not in company.roles()


def test_a_member_who_accepts_keeps_their_role(company):
    """Invited at an address that became a member's own afterwards."""
    invitation = company.invite("friend@troupe.example", "admin")
    User.objects.filter(pk=company.member.id).update(email="friend@troupe.example")
    response = call(company.member).post(f"/api/invitations/{token_of(invitation)}/accept")
    assert (response.status_code, response.json()["role"]) == (200, "member")


def test_who_has_left_the_site_does_not_join(company):
    token = token_of(company.invite(company.stranger.user.email))
    User.objects.filter(pk=company.stranger.id).update(deleted_at=timezone.now())
    assert call(company.stranger).post(f"/api/invitations/{token}/accept").status_code == 401
    assert not Membership.objects.filter(organization=company.team, user=company.stranger.user).exists()


# --- one's own --------------------------------------------------------------------------------------------------------


def test_open_invitations_are_shown_to_who_has_confirmed_the_address(company):
    invitation = company.invite(company.stranger.user.email.upper())
    mine = call(company.stranger)
    assert mine.get("/api/users/me/invitations").json() == {"items": [], "next": None}
    confirm(company.stranger)
    (item,) = mine.get("/api/users/me/invitations").json()["items"]
    assert (item["id"], item["organization"], item["inviter"]) == (str(invitation.pk), "The Company", "olivia")
    assert mine.post(f"/api/invitations/{item['token']}/accept").status_code == 200
    assert mine.get("/api/users/me/invitations").json()["items"] == []


@pytest.mark.parametrize("change", ["revoked", "expired", "team deleted", "inviter blocked"])
def test_an_invitation_that_is_over_is_not_shown(company, change):
    confirm(company.stranger)
    invitation = company.invite(company.stranger.user.email)
    if change == "revoked":
        Invitation.objects.update(revoked_at=timezone.now())
    elif change == "expired":
        Invitation.objects.update(expires_at=timezone.now())
    elif change == "team deleted":
        services.delete_team(organization_id=company.team.pk, actor_id=company.owner.id)
    else:
        services.block(user_id=company.stranger.id, blocked_id=company.owner.id)
    assert call(company.stranger).get("/api/users/me/invitations").json()["items"] == []
    assert invitation.pk


def test_an_inviter_who_has_left_is_not_named(company):
    invitation = company.invite(company.stranger.user.email)
    User.objects.filter(pk=company.owner.id).update(deleted_at=timezone.now())
    assert call().get(f"/api/invitations/{token_of(invitation)}").json()["inviter"] is None


# --- staff ------------------------------------------------------------------------------------------------------------


def test_staff_take_an_invitation_back_once(company, staff):
    invitation = company.invite("friend@troupe.example")
    services.revoke_invitation_as_staff(invitation_id=invitation.pk, actor=staff.user, reason="spam")
    with pytest.raises(Conflict):
        services.revoke_invitation_as_staff(invitation_id=invitation.pk, actor=staff.user, reason="spam")
    with pytest.raises(Gone):
        services.accept_invitation(token=token_of(invitation), user_id=company.stranger.id)
    assert AuditEntry.objects.get(action="invitation.revoke").reason == "spam"
