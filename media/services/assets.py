"""Letting go of files: by their owner, by staff, or because a person has left for good."""

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from common import audit
from common.errors import NotFound
from common.jobs import enqueue_on_commit
from media import links, registry
from media.models import Asset, StoredContent, Upload
from media.services import quota, strays, takedowns


@transaction.atomic
def delete_asset(*, owner_id: uuid.UUID, asset_id: uuid.UUID) -> None:
    """The asset goes at once; its files follow, unless another asset uses them. Raises NotFound."""
    _lock_person(owner_id)
    asset = Asset.objects.select_for_update(of=("self",)).filter(pk=asset_id, owner_id=owner_id).first()
    if asset is None:
        raise NotFound
    _delete(asset)


def delete_by_url(*, owner_id: uuid.UUID, url: str) -> None:
    """Deletes what one of our own addresses shows. Raises NotFound."""
    key = links.key_of(url)
    found = Asset.objects.filter(owner_id=owner_id, key=key or "", taken_down_at=None)
    asset_id = found.values_list("pk", flat=True).first()
    if asset_id is None:
        raise NotFound
    delete_asset(owner_id=owner_id, asset_id=asset_id)


def delete_by_key(key: str) -> None:
    """For an app that lets go of what it alone refers to. Nothing happens where there is none. In its transaction."""
    if asset := Asset.objects.select_for_update(of=("self",)).filter(key=key).first():
        _delete(asset)


@transaction.atomic
def delete_as_staff(*, asset: Asset, actor: User, reason: str) -> None:
    """Deletes one asset for good, with the reason kept. Raises NotFound where it is gone meanwhile."""
    _lock_person(asset.owner_id)
    locked = Asset.objects.select_for_update(of=("self",)).filter(pk=asset.pk).first()
    if locked is None:
        raise NotFound
    audit.record(
        actor=actor,
        action="asset.delete",
        target=locked,
        reason=reason,
        data={"key": locked.key, "owner": str(locked.owner_id)},
    )
    _delete(locked)


def delete_of_person(user: User) -> None:
    """Every file of somebody who has left for good."""
    for asset in Asset.objects.select_for_update(of=("self",)).filter(owner=user).order_by("pk"):
        _delete(asset)
    Upload.objects.filter(owner=user).delete()  # what has arrived is written down to be deleted


def hide_from_cdn(user: User) -> None:
    """Somebody has left, perhaps for good: what the site does not show any more, a CDN must not either."""
    from media import tasks  # the job calls back into this module

    enqueue_on_commit(tasks.purge_person_from_cdn, user.pk, queue="media")


def _lock_person(owner_id: uuid.UUID) -> None:
    """First of all, as whoever changes their picture has the person and then deletes the asset."""
    User.objects.select_for_update(no_key=True).only("pk").filter(pk=owner_id).first()


def _delete(asset: Asset) -> None:
    content = StoredContent.objects.select_for_update().get(pk=asset.content_id)
    registry.asset_deleted(asset)
    asset.delete()
    purge_on_commit(asset)
    if not content.assets.exists():
        drop_content(content)


def drop_content(content: StoredContent) -> None:
    """A locked content without assets: its files are written down to be deleted, its bytes given back."""
    strays.discard(content.renditions.values_list("storage", "key"))
    quota.give_back(content.organization_id, content.stored_bytes)
    content.delete()


@transaction.atomic
def take_down(*, asset: Asset, actor: User, reason: str) -> int:
    """Nobody sees this file any more, under any of its addresses and whoever has sent it; returns how many assets.

    Other people's copies of the same bytes are found by what was sent. Its files stay until it is deleted, so that
    `put_back` can undo it.
    """
    takedowns.lock(asset.content.sha256)
    reached = same_file(asset).select_for_update(of=("self",)).filter(taken_down_at=None)
    for other in reached:
        other.taken_down_at = timezone.now()
        other.save(update_fields=["taken_down_at", "updated_at"])
        audit.record(actor=actor, action="asset.take_down", target=other, reason=reason)
        purge_on_commit(other)
    return len(reached)


@transaction.atomic
def put_back(*, asset: Asset, actor: User, reason: str) -> int:
    """Undoes `take_down`; returns how many assets."""
    reached = same_file(asset).select_for_update(of=("self",)).exclude(taken_down_at=None)
    for other in reached:
        other.taken_down_at = None
        other.save(update_fields=["taken_down_at", "updated_at"])
        audit.record(actor=actor, action="asset.put_back", target=other, reason=reason)
    return len(reached)


def same_file(asset: Asset) -> QuerySet[Asset]:
    """Every asset that was made of the same bytes, whoever has sent them."""
    sha256, every = asset.content.sha256, Asset.objects.order_by("pk")
    return every.filter(content__sha256=sha256) if sha256 else every.filter(pk=asset.pk)


def purge_on_commit(asset: Asset) -> None:
    """Asks the CDN to forget a public file, in a job."""
    from media import tasks  # the job calls back into this module

    if asset.visibility == "public":
        enqueue_on_commit(tasks.purge_from_cdn, asset.key, queue="media")
