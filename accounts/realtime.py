"""How a socket is identified."""

from importlib import import_module

from django.conf import settings

from accounts.tokens import Claims, read_access
from accounts.web_sessions import read_claims
from common import sessions


def identify_token(token: str) -> Claims:
    """Raises Unauthenticated. Whether the session lives is the socket's to ask."""
    return read_access(token)


def identify_web_session(session_key: str) -> Claims | None:
    """The claims behind a session cookie, or None where nobody is signed in (any more)."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    claims = read_claims(store)
    return claims if claims and sessions.is_live(claims.session_id) else None
