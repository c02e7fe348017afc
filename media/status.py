"""Whether files can be stored, and how much."""

import uuid
from typing import Any

import structlog
from django.conf import settings

from media import limits, selectors
from media.formats import MIME_TYPES
from media.storages import StorageError, storage_of

log = structlog.get_logger(__name__)


def storage_status(organization_id: uuid.UUID) -> dict[str, Any]:
    """`{storage, ok, detail, mime_types, limits, usage}`; `detail` says in plain words what is wrong."""
    detail = _trouble()
    return {
        "storage": settings.MEDIA_STORAGE,
        "ok": detail is None,
        "detail": detail,
        "mime_types": MIME_TYPES,
        "limits": {
            "image_bytes": limits.MOST_IMAGE_BYTES,
            "clip_bytes": limits.MOST_CLIP_BYTES,
            "body_bytes": limits.LARGEST_BODY,
        },
        "usage": selectors.storage_of_organization(organization_id),
    }


def _trouble() -> str | None:
    try:
        storage_of(settings.MEDIA_STORAGE).check()
    except (StorageError, OSError) as error:
        log.warning("media storage doesn't work", storage=settings.MEDIA_STORAGE, error=str(error))
        return "The storage does not answer. Files that are there are safe; new ones have to wait."
    return None
