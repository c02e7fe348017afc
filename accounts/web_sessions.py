"""The web's sign-in: Django's session carries the id of an `AuthSession` and what else the claims say."""

import uuid
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import services
from accounts.models import AuthSession, User
from accounts.tokens import Claims
from common.errors import Problem
from common.middleware import client_address

AUTH_SESSION, ORGANIZATION, ROLE = "auth_session", "organization", "role"


def device_of(request: HttpRequest) -> services.Device:
    return services.Device(request.META.get("HTTP_USER_AGENT", ""), client_address(request))


def read_claims(session: SessionBase) -> Claims | None:
    """The claims of a signed-in web session, or None. Whether it still lives is `common.sessions` to tell."""
    if AUTH_SESSION not in session or SESSION_KEY not in session:
        return None
    return Claims(
        uuid.UUID(session[SESSION_KEY]),
        uuid.UUID(session[AUTH_SESSION]),
        uuid.UUID(session[ORGANIZATION]),
        session[ROLE],
    )


def on_logged_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Receiver of Django's `user_logged_in`, so that every door of the web (pages, admin) opens a session of ours."""
    try:
        claims = services.start_web_session(user=user, device=device_of(request))
    except Problem:
        request.session.flush()
        raise
    request.session[AUTH_SESSION] = str(claims.session_id)
    request.session[ORGANIZATION] = str(claims.organization_id)
    request.session[ROLE] = claims.role


def on_logged_out(*, request: HttpRequest, **_: Any) -> None:
    """Receiver of Django's `user_logged_out`, sent before it empties the session."""
    if claims := read_claims(request.session):
        services.end_session(session_id=claims.session_id, reason=AuthSession.EndReason.SIGN_OUT)
