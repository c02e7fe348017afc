"""What others read of media."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Self

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Prefetch, QuerySet

from accounts.models import User
from accounts.registry import ExportFile
from media import links, registry
from media.models import Asset, Rendition
from media.services.quota import used_bytes
from media.storages import storage_of

log = structlog.get_logger(__name__)
AVATAR_VARIANT = "small"
LEGACY_AVATARS = "avatars/"  # pictures from before there were assets


def assets() -> QuerySet[Asset]:
    """Assets with what `asset_data` reads, in two queries."""
    renditions = Rendition.objects.only("content_id", "name", "mime_type", "size", "width", "height")
    return Asset.objects.select_related("content").prefetch_related(Prefetch("content__renditions", renditions))


def own_assets(user_id: uuid.UUID, *, purpose: str | None = None, family: str | None = None) -> QuerySet[Asset]:
    """What this person has stored, without what was taken down."""
    rows = assets().filter(owner_id=user_id, taken_down_at=None)
    if purpose:
        rows = rows.filter(purpose=purpose)
    return rows.filter(content__family=family) if family else rows


def asset_data(asset: Asset) -> dict[str, Any]:
    """As the contract shows it, with `status`, `progress` and `error` of a clip that is still worked on."""
    content = asset.content
    kept = {rendition.name: rendition for rendition in content.renditions.all()}
    shown = kept.get(Rendition.Name.ORIGINAL) or kept.get(Rendition.Name.SOURCE)
    is_seen = content.family == "image" or Rendition.Name.THUMBNAIL in kept or Rendition.Name.POSTER in kept
    return {
        "id": asset.pk,
        "key": asset.key,
        "url": links.asset_url(asset),
        "thumbnail_url": links.asset_url(asset, "thumbnail") if is_seen else None,
        "mime_type": shown.mime_type if shown else "",
        "size": shown.size if shown else 0,
        "width": content.width,
        "height": content.height,
        "duration": content.duration,
        "blurhash": content.blurhash or None,
        "purpose": asset.purpose,
        "visibility": asset.visibility,
        "filename": asset.filename,
        "status": content.status,
        "progress": content.progress,
        "error": content.error or None,
        "created_at": asset.created_at,
    }


def assets_data(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Several at once, by id; what is gone or taken down is missing. Two queries."""
    rows = assets().filter(pk__in=list(ids), taken_down_at=None)
    return {asset.pk: asset_data(asset) for asset in rows}


def storage_of_organization(organization_id: uuid.UUID) -> dict[str, Any]:
    """`{organization, used_bytes, quota_bytes}`; no quota is null."""
    return {
        "organization": organization_id,
        "used_bytes": used_bytes(organization_id),
        "quota_bytes": registry.quota_of(organization_id),
    }


def avatar_url(key: str) -> str:
    """The public address of a person's picture."""
    if key.startswith(LEGACY_AVATARS):
        return f"{settings.PUBLIC_URL}/media/{key}"
    return links.public_url(key, AVATAR_VARIANT)


def export_files(user: User) -> Iterator[ExportFile]:
    """A person's files for their own copy: each as it is stored, and a list of them. `file` is null in it for what
    could not be found, or is not ready."""
    if user.avatar.startswith(LEGACY_AVATARS):
        yield from _legacy_avatar(user.avatar)
    listed: list[dict[str, Any]] = []
    for asset in assets().filter(owner=user).order_by("pk"):
        name = None
        for rendition in Rendition.objects.filter(content=asset.content, name=Rendition.Name.ORIGINAL):
            try:
                reader = _Reader(rendition)
            except FileNotFoundError:
                log.warning("file missing in a person's copy", asset=str(asset.pk), key=rendition.key)
                continue
            name = _name(asset, rendition)
            yield name, reader
        listed.append(_exported(asset) | {"file": name})
    yield "files.json", listed


def _legacy_avatar(key: str) -> Iterator[ExportFile]:
    with contextlib.suppress(FileNotFoundError):
        yield "avatar/picture.webp", default_storage.open(key)


def _exported(asset: Asset) -> dict[str, Any]:
    data = asset_data(asset)
    kept = ("id", "filename", "purpose", "visibility", "mime_type", "size", "width", "height", "duration", "created_at")
    return {name: data[name] for name in kept}


def _name(asset: Asset, rendition: Rendition) -> str:
    return f"{asset.purpose}/{asset.pk}.{rendition.key.rpartition('.')[2]}"


class _Reader:
    """A stored file as an open one, read in pieces. Raises FileNotFoundError at once where it is not there."""

    def __init__(self, rendition: Rendition) -> None:
        self._pieces = storage_of(rendition.storage).read(rendition.key)
        self._left = next(self._pieces, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._left) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._left += piece
        cut = len(self._left) if size < 0 else size
        data, self._left = self._left[:cut], self._left[cut:]
        return data

    def close(self) -> None:
        self._pieces, self._left = iter(()), b""
