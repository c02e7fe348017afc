"""The web's sign-in: Django's session carries the id of an `AuthSession` and what else the claims say."""

import time
import uuid
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.account.internal.userkit import user_id_to_str
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import selectors, services
from accounts.models import AuthSession, User
from accounts.session_store import SessionStore
from accounts.tokens import Claims
from common.errors import NotFound, Problem
from common.middleware import client_address

AUTH_SESSION, ORGANIZATION, ROLE = "auth_session", "organization", "role"
ZONE, LOCALE = "timezone", "locale"
ACTING = "acting_organization"


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


def write_claims(session: SessionBase, claims: Claims) -> None:
    session[AUTH_SESSION] = str(claims.session_id)
    session[ORGANIZATION] = str(claims.organization_id)
    session[ROLE] = claims.role


def remember_surroundings(request: HttpRequest, user: User) -> None:
    """The person's time zone and locale go with the web session, so that no page has to ask for them."""
    if not getattr(request, "claims", None):
        return
    for name, value in ((ZONE, user.timezone), (LOCALE, user.locale)):
        if request.session.get(name) != value:
            request.session[name] = value


def on_logged_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Receiver of Django's `user_logged_in`, so that every door of the web opens a session of ours."""
    try:
        claims = services.start_web_session(user=user, device=device_of(request), method=_method_of(request, user))
    except Problem:
        request.session.flush()
        raise
    write_claims(request.session, claims)
    request.session[ZONE], request.session[LOCALE] = user.timezone, user.locale


def _method_of(request: HttpRequest, user: User) -> str:
    """How the person came in, as the doors and allauth have put it down."""
    steps = get_authentication_records(request, user)
    if any(step.get("passwordless") for step in steps):
        return "passkey"
    return str(steps[0]["method"])[:20] if steps else ""


def proved_recently(request: HttpRequest) -> bool:
    """Whether this session's person has signed in, or has proven that it is still them, within five minutes."""
    steps = get_authentication_records(request, request.user)
    return bool(steps) and time.time() - steps[-1]["at"] < app_settings.REAUTHENTICATION_TIMEOUT


def end_present_session(request: HttpRequest) -> None:
    """Before somebody signs in where somebody is signed in: else the earlier session would live on without a cookie."""
    if claims := read_claims(request.session):
        services.end_session(session_id=claims.session_id, reason=AuthSession.EndReason.SIGN_OUT)


def session_behind(claims: Claims) -> SessionBase | None:
    """The Django session of a session of tokens, for what keeps its state in one (allauth); made when first asked for.

    It lives as long as the tokens' session, whatever its own cookie age says.
    """
    row = AuthSession.objects.select_related("user").filter(pk=claims.session_id, ended_at=None).first()
    if row is None or not row.user.is_active:
        return None
    store = SessionStore(row.session_key)
    if row.session_key and store.exists(row.session_key):
        return store
    store = SessionStore()
    store[SESSION_KEY] = str(row.user_id)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = row.user.get_session_auth_hash()
    write_claims(store, claims)
    _remember_first_step(store, row)
    store.set_expiry(row.expires_at)
    store.create()
    AuthSession.objects.filter(pk=row.pk).update(session_key=store.session_key)
    return store


def _remember_first_step(store: SessionBase, row: AuthSession) -> None:
    """Having signed in just now is as good as being asked for the password again."""
    step = {"method": row.method, "at": row.created_at.timestamp(), "reauthenticated": True}
    store[AUTHENTICATION_METHODS_SESSION_KEY] = [step]
    store["account_authentication_methods_user"] = user_id_to_str(row.user)


def on_logged_out(*, request: HttpRequest, **_: Any) -> None:
    """Receiver of Django's `user_logged_out`, sent before it empties the session."""
    end_present_session(request)


# --- who pays ---------------------------------------------------------------------------------------------------------


def acting_organization(request: HttpRequest) -> uuid.UUID:
    """Whose wallet a signed-in page shows, and who pays for what is begun there: the one chosen in the switcher.

    The personal one, which is everybody's first, costs no query; another one query a request. A team that the person
    has left meanwhile is quietly the personal one again.
    """
    claims: Claims = request.claims  # type: ignore[attr-defined]
    if ACTING not in request.session:
        return claims.organization_id
    known: uuid.UUID | None = getattr(request, "acting_organization", None)
    if known is None:
        known = uuid.UUID(request.session[ACTING])
        if not selectors.is_member(known, claims.user_id):
            del request.session[ACTING]
            return claims.organization_id
        request.acting_organization = known  # type: ignore[attr-defined]
    return known


def act_for(request: HttpRequest, organization_id: uuid.UUID) -> None:
    """From now on this organisation pays. Raises NotFound where the person does not belong to it."""
    claims: Claims = request.claims  # type: ignore[attr-defined]
    if organization_id == claims.organization_id:
        request.session.pop(ACTING, None)
    elif selectors.is_member(organization_id, claims.user_id):
        request.session[ACTING] = str(organization_id)
    else:
        raise NotFound
