"""What every page shows: the site, the reader's wallet, what they have not read."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from billing.selectors import wallet_data
from notifications.selectors import unread_count

BELL_COUNTS_TO = 100


def site(request: HttpRequest) -> dict[str, Any]:
    claims = getattr(request, "claims", None)
    return {
        "site_name": "Troupe",
        "environment": settings.ENVIRONMENT,
        "wallet": wallet_data(claims.organization_id) if claims else None,
        "unread_notifications": _unread(claims.user_id) if claims else None,
    }


def _unread(user_id: uuid.UUID) -> Any:
    """Asked only by what has a bell to show it, and once."""
    return SimpleLazyObject(lambda: unread_count(user_id, at_most=BELL_COUNTS_TO))
