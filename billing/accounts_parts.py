"""What billing adds to an account: the wallet with its welcome gift, and three parts of `me`."""

import uuid
from typing import Any

from django.conf import settings

from accounts.models import Organization, User
from billing import plans, services
from billing.selectors import wallet_data


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
    """The plan that runs; everyone without one is on `free`."""
    return plans.subscription_data(organization_id)


def limits(user: User, organization_id: uuid.UUID) -> dict[str, Any]:
    tier = plans.tier_of(organization_id)
    return {
        "tier": tier.name,
        "generations_per_day": tier.generations_per_day,
        "generations_in_all": tier.generations_in_all,
    }
