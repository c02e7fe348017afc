"""What accounts keeps of a person, for their own copy."""

from collections.abc import Iterator

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount

from accounts import registry, selectors
from accounts.models import AuthSession, Consent, User
from accounts.registry import ExportFile, LongList
from common.database import by_key


def register() -> None:
    registry.add_export_part(
        "account",
        read,
        says="Who you are here: your profile, what you agreed to, the devices you signed in from.",
    )


def read(user: User) -> Iterator[ExportFile]:
    """Profile, consents, sessions, ways to sign in."""
    yield (
        "profile.json",
        {
            **selectors.user_data(user),
            "preferences": user.preferences,
            "where_you_came_from": user.utm,
        },
    )
    yield (
        "consents.json",
        [
            {"purpose": row.purpose, "version": row.version, "given": row.given, "at": row.created_at}
            for row in Consent.objects.filter(user=user).order_by("pk")
        ],
    )
    sessions = AuthSession.objects.filter(user=user)
    yield "sessions.json", LongList({}, "sessions", (_session(session) for session in by_key(sessions)))
    yield (
        "ways_to_sign_in.json",
        {
            "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
            "connected_accounts": list(
                SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data", "date_joined")
            ),
            "second_factors": list(
                Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
            ),
            "has_password": user.has_usable_password(),
        },
    )


def _session(session: AuthSession) -> dict[str, object]:
    return {
        "began": session.created_at,
        "by": session.method,
        "device": session.user_agent,
        "address": session.address,
        "last_used": session.last_used_at,
        "ended": session.ended_at,
        "why_it_ended": session.end_reason or None,
    }
