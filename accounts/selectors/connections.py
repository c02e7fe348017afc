"""The other sites' accounts that a person has connected."""

import uuid
from typing import Any

from allauth.socialaccount.models import SocialAccount

from accounts.providers import name_of, title_of

NAMESPACE = uuid.UUID("0f7c4a52-5b8e-4d27-9a35-0c7a3f1f6f6b")


def public_id(account: SocialAccount) -> uuid.UUID:
    """What callers know it by. allauth counts its rows, and their number is nobody's business."""
    return uuid.uuid5(NAMESPACE, str(account.pk))


def connections_of(user_id: uuid.UUID) -> list[dict[str, Any]]:
    """The oldest first."""
    return [connection_data(account) for account in SocialAccount.objects.filter(user_id=user_id).order_by("pk")]


def connection_data(account: SocialAccount) -> dict[str, Any]:
    name = name_of(account.provider)
    return {
        "id": public_id(account),
        "provider": name,
        "title": title_of(name),
        "label": str(account.extra_data.get("label", "")),
        "created_at": account.date_joined,
        "last_used_at": account.last_login,
    }
