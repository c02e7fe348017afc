"""Sign-ins, as the person they belong to sees them."""

import uuid
from typing import Any

from django.utils import timezone

from accounts import devices
from accounts.models import AuthSession

LISTED_SESSIONS = 100


def live_sessions(user_id: uuid.UUID) -> list[AuthSession]:
    """A person's sign-ins that have not ended, the last used first; no more than 100."""
    live = AuthSession.objects.filter(user_id=user_id, ended_at=None, expires_at__gt=timezone.now())
    return list(live.order_by("-last_used_at", "-id")[:LISTED_SESSIONS])


def session_data(session: AuthSession, *, current_id: uuid.UUID) -> dict[str, Any]:
    """`device` is what the browser says of itself, in words; `current` the session that asks."""
    return {
        "id": session.pk,
        "kind": session.kind,
        "method": session.method,
        "device": devices.describe(session.user_agent),
        "user_agent": session.user_agent,
        "address": session.address,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": session.expires_at,
        "current": session.pk == current_id,
    }
