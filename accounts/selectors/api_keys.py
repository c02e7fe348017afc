"""API keys as those see them who may use or end them."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts import registry
from accounts.models import ApiKey, User
from accounts.selectors.organizations import MANAGERS, place_of
from accounts.selectors.people import public_user_data


def api_keys_for(organization_id: uuid.UUID, user_id: uuid.UUID) -> QuerySet[ApiKey]:
    """An organisation's keys that were not revoked: all for its owners and admins, a member's own. Raises NotFound."""
    keys = ApiKey.objects.filter(organization_id=organization_id, revoked_at=None).select_related("user")
    if place_of(organization_id, user_id).role in MANAGERS:
        return keys
    return keys.filter(user_id=user_id)


def api_key_data(key: ApiKey) -> dict[str, Any]:
    """A key as the API shows it, but for its budget. The key itself nobody can show again."""
    return {
        "id": key.pk,
        "organization": key.organization_id,
        "user": public_user_data(key.user),
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
    }


def with_budgets(keys: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `budget` and `spent` of the month, None without one; by one query for all of them."""
    listed = list(keys)
    parts = registry.api_key_parts([key["id"] for key in listed])
    without = {"budget": None, "spent": None}
    return [key | parts.get(key["id"], without) for key in listed]


def export_api_keys(user: User) -> Iterator[registry.ExportFile]:
    """For a person's copy of their own data: every key they made, as it was shown; never what opens a door."""
    keys = ApiKey.objects.filter(user=user).select_related("user").order_by("pk")
    exported = [api_key_data(key) | {"revoked_at": key.revoked_at} for key in keys]
    yield "api-keys.json", with_budgets(exported)
