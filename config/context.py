"""What every page shows: the site, the reader's wallet, the theme."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from billing.selectors import wallet_data


def site(request: HttpRequest) -> dict[str, Any]:
    claims = getattr(request, "claims", None)
    return {
        "site_name": "Troupe",
        "environment": settings.ENVIRONMENT,
        "wallet": wallet_data(claims.organization_id) if claims else None,
    }
