"""A person's own data: their consents, and the state of their export."""

import uuid
from typing import Any

from django.conf import settings

from accounts.models import Consent, DataExport
from common.keys import seal

EXPORT_LINK = "/account/data/export"
EXPORT_PURPOSE = "data_export"


def consents_of(user_id: uuid.UUID) -> list[dict[str, Any]]:
    """The newest row of each purpose that was ever asked."""
    rows = Consent.objects.filter(user_id=user_id).order_by("purpose", "-pk").distinct("purpose")
    return [consent_data(row) for row in rows]


def consent_data(consent: Consent) -> dict[str, Any]:
    return {
        "id": consent.pk,
        "purpose": consent.purpose,
        "version": consent.version,
        "given": consent.given,
        "created_at": consent.created_at,
    }


def newest_export(user_id: uuid.UUID) -> DataExport | None:
    return DataExport.objects.filter(user_id=user_id).order_by("-pk").first()


def export_data(export: DataExport | None) -> dict[str, Any]:
    """An export as its owner sees it; `{"status": "none"}` where there never was one. `size` is in bytes, `progress`
    in per cent; `link` is there while the copy can be fetched."""
    if export is None:
        return {"status": "none"}
    ready = export.status == DataExport.Status.READY
    return {
        "id": export.pk,
        "status": export.status,
        "progress": export.progress,
        "size": export.size,
        "link": settings.PUBLIC_URL + export_path(export) if ready else None,
        "created_at": export.created_at,
        "ready_at": export.ready_at,
        "expires_at": export.expires_at,
    }


def export_path(export: DataExport) -> str:
    return f"{EXPORT_LINK}?key={seal(EXPORT_PURPOSE, export.pk)}"
