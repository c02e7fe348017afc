"""What accounts causes: news of a sign-in and of an invitation."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import registry, services
from accounts.models import Block, Invitation, Organization, User
from common.mail.rendering import render
from common.models import OutgoingMail
from notifications.models import Notification

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4.1 Safari/605.1.15"
)


def sign_in(person, user_agent, method="password"):
    person.user.refresh_from_db()
    device = services.Device(user_agent, "203.0.113.7")
    services.start_token_session(user=person.user, device=device, method=method)


def confirm(person, **fields):
    User.objects.filter(pk=person.id).update(email_verified=True, **fields)
    person.user.refresh_from_db()


class TestANewSignIn:
    def test_from_a_new_device_is_told_with_device_and_way(self, owner):
        confirm(owner)
        sign_in(owner, FIREFOX)
        told = Notification.objects.get(user=owner.user)
        session = owner.user.auth_sessions.latest("pk")
        assert (told.kind, told.title) == ("new_sign_in", "New sign-in")
        assert told.body.startswith("Firefox on Linux, with your password, on ")
        assert told.body.endswith("(UTC). If that was not you, end this sign-in and change your password.")
        assert (told.reference_type, told.reference_id, told.actor_id) == ("session", str(session.pk), None)

    def test_is_mailed_to_a_confirmed_address(self, owner):
        confirm(owner, locale="de-AT", timezone="Europe/Vienna")
        sign_in(owner, SAFARI, method="google")
        mail = OutgoingMail.objects.get(kind="new_sign_in")
        assert (mail.to, mail.locale, mail.timezone) == (owner.user.email, "de-AT", "Europe/Vienna")
        assert mail.context == {
            "device": "Safari auf macOS",
            "place": "203.0.113.7",
            "at": owner.user.auth_sessions.latest("pk").created_at.isoformat(),
            "method": "google",
        }
        assert "Safari auf macOS" in render(mail).text
        told = Notification.objects.get(user=owner.user)
        assert told.title == "Neue Anmeldung"
        assert told.body.startswith("Safari auf macOS, über Google, am ")
        assert "(Europe/Vienna)" in told.body

    def test_is_not_mailed_to_an_address_that_may_be_somebody_elses(self, owner):
        User.objects.filter(pk=owner.id).update(email_verified=False)
        sign_in(owner, FIREFOX)
        assert Notification.objects.filter(user=owner.user).count() == 1
        assert not OutgoingMail.objects.filter(kind="new_sign_in").exists()

    def test_from_a_device_that_is_known_is_no_news(self, owner):
        sign_in(owner, FIREFOX)
        sign_in(owner, FIREFOX.replace("128", "131"))
        assert Notification.objects.filter(user=owner.user).count() == 1

    def test_signing_up_is_no_news(self, owner):
        assert not Notification.objects.filter(user=owner.user).exists()

    def test_what_the_browser_calls_itself_is_not_repeated(self, owner):
        sign_in(owner, FIREFOX)
        sign_in(owner, "Your account is locked, visit https://evil.example/1.0\x00")
        bodies = "".join(Notification.objects.filter(user=owner.user).values_list("body", flat=True))
        assert "evil" not in bodies


@pytest.fixture
def invite(owner):
    """`invite("stella@troupe.example")`, as accounts tells of it."""

    def invite(email, role="member"):
        organization, _ = Organization.objects.get_or_create(name="The Company")
        invitation = Invitation.objects.create(
            organization=organization,
            email=email,
            role=role,
            invited_by=owner.user,
            expires_at=timezone.now() + timedelta(days=7),
        )
        registry.person_invited(invitation, User.objects.filter(email=email).first())
        return invitation

    return invite


class TestAnInvitation:
    def test_is_told_to_who_has_an_account(self, invite, owner, stranger):
        confirm(stranger)
        invitation = invite(stranger.user.email, role="admin")
        told = Notification.objects.get(user=stranger.user)
        assert (told.kind, told.title) == ("organization_invited", "olivia invites you to The Company")
        assert told.body.startswith("You would be an admin. The link to accept is in the mail we sent you")
        assert (told.actor_id, told.reference_type) == (owner.id, "invitation")
        assert told.reference_id == str(invitation.pk)

    def test_sends_no_mail_of_its_own(self, invite, stranger):
        confirm(stranger)
        invite(stranger.user.email)
        assert set(OutgoingMail.objects.values_list("kind", flat=True)) <= {"confirm_email"}  # of signing up

    def test_is_told_once(self, invite, stranger):
        confirm(stranger)
        registry.person_invited(invite(stranger.user.email), stranger.user)
        assert Notification.objects.filter(user=stranger.user).count() == 1

    def test_to_an_address_without_an_account_is_told_to_nobody(self, invite):
        invite("nobody@troupe.example")
        assert not Notification.objects.exists()

    def test_is_not_told_to_who_only_claims_the_address(self, invite, stranger):
        User.objects.filter(pk=stranger.id).update(email_verified=False)
        invite(stranger.user.email)
        assert not Notification.objects.exists()

    @pytest.mark.parametrize("blocker", ["owner", "stranger"])
    def test_is_not_told_where_one_has_blocked_the_other(self, invite, owner, stranger, blocker):
        confirm(stranger)
        a, b = (owner, stranger) if blocker == "owner" else (stranger, owner)
        Block.objects.create(user=a.user, blocked=b.user)
        invite(stranger.user.email)
        assert not Notification.objects.exists()
