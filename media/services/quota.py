"""How much an organisation may store, counted by the transactions that store and delete."""

import uuid

from django.db.models import F

from common.database import fetch_one
from common.errors import Forbidden
from media import registry
from media.models import StorageUse

COUNT = """
INSERT INTO media_storageuse AS kept (id, organization_id, used_bytes, created_at, updated_at)
SELECT uuidv7(), %(organization)s, %(size)s, now(), now() WHERE %(quota)s::bigint IS NULL OR %(size)s <= %(quota)s
ON CONFLICT (organization_id) DO UPDATE SET used_bytes = kept.used_bytes + %(size)s, updated_at = now()
WHERE %(quota)s::bigint IS NULL OR kept.used_bytes + %(size)s <= %(quota)s
RETURNING used_bytes
"""


def count(organization_id: uuid.UUID, size: int) -> None:
    """Adds `size` bytes to what the organisation stores, in the caller's transaction.

    Raises Forbidden `STORAGE_FULL`.
    """
    quota = registry.quota_of(organization_id)
    if not fetch_one(COUNT, {"organization": organization_id, "size": size, "quota": quota}):
        raise _full(organization_id, quota)


def give_back(organization_id: uuid.UUID, size: int) -> None:
    StorageUse.objects.filter(organization_id=organization_id).update(used_bytes=F("used_bytes") - size)


def require_room(organization_id: uuid.UUID, size: int) -> None:
    """A first look, before any work. Raises Forbidden `STORAGE_FULL`."""
    quota = registry.quota_of(organization_id)
    if quota is not None and used_bytes(organization_id) + size > quota:
        raise _full(organization_id, quota)


def used_bytes(organization_id: uuid.UUID) -> int:
    row = StorageUse.objects.filter(organization_id=organization_id).values_list("used_bytes", flat=True).first()
    return row or 0


def _full(organization_id: uuid.UUID, quota: int | None) -> Forbidden:
    return Forbidden(
        "Your storage is full. Delete what you don't need, or take a larger plan.",
        code="STORAGE_FULL",
        used_bytes=used_bytes(organization_id),
        quota_bytes=quota,
        upgrade_url="/pricing",
    )
