"""What every page shows: the site, the reader's wallet, what they have not read."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import locales
from accounts.models import User
from accounts.preferences import DEFAULTS, kept_by
from accounts.selectors import teams_of
from accounts.tokens import Claims
from accounts.web_sessions import acting_organization, remember_surroundings
from billing.selectors import wallet_data
from notifications.selectors import unread_count

BELL_COUNTS_TO = 100


def site(request: HttpRequest) -> dict[str, Any]:
    claims: Claims | None = getattr(request, "claims", None)
    return {
        "site_name": "Troupe",
        "environment": settings.ENVIRONMENT,
        **_reader(request),
        "wallet": wallet_data(acting_organization(request)) if claims else None,
        "switcher": SimpleLazyObject(lambda: _switcher(request, claims)) if claims else None,
        "unread_notifications": _unread(claims.user_id) if claims else None,
    }


def _switcher(request: HttpRequest, claims: Claims) -> dict[str, Any]:
    """Who may pay. Read where a page shows it."""
    return {
        "acting": acting_organization(request),
        "personal": claims.organization_id,
        "teams": teams_of(claims.user_id),
    }


def _reader(request: HttpRequest) -> dict[str, Any]:
    """How a page is shown to who reads it. Their own row is there already: every page says who is signed in."""
    user = request.user if getattr(request, "claims", None) else None
    known = user if isinstance(user, User) else None
    if known:
        remember_surroundings(request, known)  # what was changed over the API, or in another browser
    return {
        "date_locale": locales.date_locale(known.locale if known else settings.LANGUAGE_CODE),
        "zone": getattr(request, "zone", ""),
        "preferences": kept_by(known) if known else DEFAULTS,
    }


def _unread(user_id: uuid.UUID) -> Any:
    """Asked only by what has a bell to show it, and once."""
    return SimpleLazyObject(lambda: unread_count(user_id, at_most=BELL_COUNTS_TO))
