"""How the work on a clip goes on and ends, in the rows and for its owner.

Each function here is a transaction that first makes sure that the work is still the caller's.
"""

import uuid
from datetime import timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from common.errors import Problem
from common.realtime import announce_on_commit
from media import registry
from media.clips import Clip
from media.models import Asset, Rendition, StoredContent
from media.services import quota, strays
from media.services.assets import drop_content
from media.services.takedowns import settle

log = structlog.get_logger(__name__)
Status = StoredContent.Status
TRIES = 3
LEASE = timedelta(seconds=60)
TRIED_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5))  # a scanner or a storage has so long to come back
GAVE_UP = "This clip could not be prepared, and nothing of it was kept. Please send it again."


class LostLeaseError(Exception):
    """Somebody else works on this clip now, or nobody wants it any more."""


def held(content: StoredContent) -> QuerySet[StoredContent]:
    """The row, while it is this attempt's."""
    return StoredContent.objects.filter(pk=content.pk, status=Status.PROCESSING, attempts=content.attempts)


@transaction.atomic
def claim(content_id: uuid.UUID) -> StoredContent | None:
    """The content with a lease and the number of this attempt, or None where there is nothing to do."""
    now = timezone.now()
    content = (
        StoredContent.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=content_id, status=Status.PROCESSING)
        .first()
    )
    if content is None:
        return None
    if content.attempts >= TRIES:  # each of them killed its worker
        _fail(content, GAVE_UP)
        return None
    content.attempts += 1
    content.progress, content.lease_until = 0, now + LEASE
    content.save(update_fields=["attempts", "progress", "lease_until", "updated_at"])
    return content


@transaction.atomic
def step(content: StoredContent, progress: int, *, is_told: bool) -> None:
    """Says how far the work is, to the row and perhaps to the owner, and keeps the lease. Raises LostLeaseError."""
    now = timezone.now()
    if not held(content).update(progress=progress, lease_until=now + LEASE, updated_at=now):
        raise LostLeaseError
    if is_told:
        _tell(content.pk)


def finish(content: StoredContent, *, sha256: str, clip: Clip, blurhash: str, rows: list[Rendition]) -> None:
    """Its new renditions are there, the source goes.

    Raises LostLeaseError, Forbidden `STORAGE_FULL` where the clip has grown beyond what is left.
    """
    try:
        _record(content, sha256, clip, blurhash, rows)
    except IntegrityError:  # the same clip came twice at once, and the other was faster
        if not join_twin(content, sha256):
            raise
        strays.discard_quietly((row.storage, row.key) for row in rows)


@transaction.atomic
def _record(content: StoredContent, sha256: str, clip: Clip, blurhash: str, rows: list[Rendition]) -> None:
    settle(sha256)
    row = held(content).select_for_update(no_key=True).first()
    if row is None:
        raise LostLeaseError
    size = sum(rendition.size for rendition in rows)
    if size > row.stored_bytes:
        quota.count(row.organization_id, size - row.stored_bytes)
    else:
        quota.give_back(row.organization_id, row.stored_bytes - size)
    _let_go_of_files(row)
    Rendition.objects.bulk_create(rows)
    strays.claim((rendition.storage, rendition.key) for rendition in rows)
    row.sha256, row.family, row.blurhash, row.stored_bytes = sha256, clip.family, blurhash, size
    row.width, row.height, row.duration = clip.width, clip.height, round(clip.seconds, 3)
    row.status, row.progress, row.lease_until = Status.READY, 100, None
    row.save()
    _tell_the_end(row.pk)


@transaction.atomic
def join_twin(content: StoredContent, sha256: str) -> bool:
    """Where this person has the same clip already, it gets the new uses, and this one goes. Raises LostLeaseError."""
    alike = {"owner_id": content.owner_id, "sha256": sha256, "shape": content.shape}
    twins = StoredContent.objects.filter(**alike, status=Status.READY)
    if not twins.exists():
        return False
    settle(sha256)
    # locked in the order in which a deletion does it
    uses = list(Asset.objects.select_for_update(of=("self",)).filter(content_id=content.pk).order_by("pk"))
    row = held(content).select_for_update().first()
    if row is None:
        raise LostLeaseError
    twin = twins.select_for_update(no_key=True).first()
    if twin is None:
        return False
    for asset in uses:
        _move(asset, twin)
    drop_content(row)
    return True


def _move(asset: Asset, twin: StoredContent) -> None:
    """Makes it a use of the twin, under the address that was given out, though the twin may have such a use already."""
    asset.content = twin
    asset.save(update_fields=["content", "updated_at"])
    _tell_the_end(twin.pk, only=asset.pk)


@transaction.atomic
def refuse(content: StoredContent, problem: Problem) -> None:
    """What no second try would change; nothing happens where the work is no longer ours."""
    if row := held(content).select_for_update().first():
        log.info("clip refused", content=str(row.pk), code=problem.code)
        _fail(row, problem.detail)


@transaction.atomic
def hand_back(content: StoredContent) -> bool:
    """After an error that may pass: the next try may begin in a while, or this was the last.

    False where the work is no longer ours.
    """
    row = held(content).select_for_update().first()
    if row is None:
        return False
    if row.attempts >= TRIES:
        _fail(row, GAVE_UP)
        return True
    row.lease_until = timezone.now() + TRIED_AGAIN_AFTER[row.attempts - 1]
    row.save(update_fields=["lease_until", "updated_at"])
    return True


def _fail(row: StoredContent, error: str) -> None:
    """A locked content: it says why, nothing of it is kept, and its bytes are given back."""
    if error == GAVE_UP:
        log.error("clip failed for good", content=str(row.pk), attempts=row.attempts)
    quota.give_back(row.organization_id, row.stored_bytes)
    _let_go_of_files(row)
    row.status, row.error, row.lease_until = Status.FAILED, error[:200], None
    row.progress = row.stored_bytes = 0
    row.save(update_fields=["status", "error", "lease_until", "progress", "stored_bytes", "updated_at"])
    _tell_the_end(row.pk)


def _let_go_of_files(row: StoredContent) -> None:
    strays.discard(list(row.renditions.values_list("storage", "key")))
    row.renditions.all().delete()


def _tell(content_id: uuid.UUID, only: uuid.UUID | None = None) -> list[Asset]:
    """The owner hears how each use of it is now; returns those uses."""
    from media import selectors  # which reads services

    rows = selectors.assets().filter(content_id=content_id)
    uses = list(rows.filter(pk=only) if only else rows)
    for asset in uses:
        announce_on_commit(f"user:{asset.owner_id}", "asset.updated", selectors.asset_data(asset))
    return uses


def _tell_the_end(content_id: uuid.UUID, only: uuid.UUID | None = None) -> None:
    for asset in _tell(content_id, only):
        registry.asset_finished(asset)
