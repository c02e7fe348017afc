"""What billing adds to an account: the wallet with its welcome gift, and three parts of `me`."""

import uuid
from typing import Any

from django.conf import settings

from accounts.models import Organization, User
from billing import services
from billing.selectors import wallet_data

FREE_GENERATIONS_PER_DAY = 50


def welcome(user: User, organization: Organization) -> None:
    """Opens the wallet of a new account and puts the sign-up gift into it."""
    services.open_wallet(organization.pk)
    if settings.SIGN_UP_CREDITS:
        services.grant_credits(
            organization_id=organization.pk,
            amount=settings.SIGN_UP_CREDITS,
            key=f"signup:{organization.pk}",
            bucket="bonus",
            feature="signup",
            description="Welcome to Troupe.",
        )
    services.grant_free_messages(organization_id=organization.pk, count=settings.SIGN_UP_FREE_MESSAGES)


def wallet(user: User, organization_id: uuid.UUID) -> dict[str, Any]:
    return wallet_data(organization_id)


def subscription(user: User, organization_id: uuid.UUID) -> dict[str, Any]:
    """Everyone starts on `free`, without a subscription."""
    return {
        "plan": "free",
        "provider": None,
        "status": "none",
        "current_period_end": None,
        "cancel_at_period_end": False,
        "organization": str(organization_id),
    }


def limits(user: User, organization_id: uuid.UUID) -> dict[str, Any]:
    return {"tier": "free", "generations_per_day": FREE_GENERATIONS_PER_DAY}
