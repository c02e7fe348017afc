"""News of accounts, which is below this app and can't tell of it itself: new sign-ins and invitations."""

from pathlib import Path

from django.urls import reverse

from accounts import devices, registry
from accounts.models import AuthSession, Invitation, User
from common.mail.words import language_of
from notifications import kinds, services
from notifications.kinds import Kind
from notifications.words import Words, moment

WORDS = Words(Path(__file__).parent / "words")

NEW_SIGN_IN = Kind(
    name="new_sign_in",
    about="A sign-in from a device you have not used before",
    can_be_muted=False,
    mail="new_sign_in",
    icon="key",
    address=lambda _: reverse("account_sessions"),
)
ORGANIZATION_INVITED = Kind(
    name="organization_invited",
    about="An invitation to an organisation",  # its mail has the link to accept, and goes out without an account too
    icon="user-group",
    address=lambda _: reverse("organizations"),
)
KINDS = (NEW_SIGN_IN, ORGANIZATION_INVITED)


def register() -> None:
    for kind in KINDS:
        kinds.register(kind)
    registry.on_signed_in(tell_of_sign_in)
    registry.on_person_invited(tell_of_invitation)


def tell_of_sign_in(user: User, session: AuthSession, is_new_device: bool) -> None:
    if not is_new_device:
        return
    device = devices.describe(session.user_agent, language_of(user.locale))
    title, body = WORDS.say(
        NEW_SIGN_IN.name,
        user.locale,
        device=device,
        method=WORDS.phrase("methods", session.method, user.locale),
        at=moment(session.created_at, user.locale, user.timezone),
    )
    services.notify(
        user_id=user.pk,
        kind=NEW_SIGN_IN.name,
        title=title,
        body=body,
        reference=("session", session.pk),
        key=f"new_sign_in:{session.pk}",
        mail_context={
            "device": device,
            "place": session.address or "",
            "at": session.created_at.isoformat(),
            "method": session.method,
        },
    )


def tell_of_invitation(invitation: Invitation, user: User | None) -> None:
    """Only to who has shown that the invited address is theirs: anybody may claim one."""
    if user is None or not user.email_verified:
        return
    inviter = invitation.invited_by
    name = inviter and (inviter.display_name or inviter.username)
    title, body = WORDS.say(
        ORGANIZATION_INVITED.name,
        user.locale,
        inviter=name or WORDS.phrase("people", "other", user.locale),
        organization=invitation.organization.name,
        role=WORDS.phrase("roles", invitation.role, user.locale),
        until=moment(invitation.expires_at, user.locale, user.timezone),
    )
    services.notify(
        user_id=user.pk,
        kind=ORGANIZATION_INVITED.name,
        title=title,
        body=body,
        actor_id=invitation.invited_by_id,
        reference=("invitation", invitation.pk),
        key=f"organization_invited:{invitation.pk}",
    )
