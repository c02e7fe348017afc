"""What media does beside the requests, and again and again."""

import uuid

from media import cdn, leftovers
from media.models import Asset, Visibility
from media.services import clips, strays, uploads


def work_on_clip(content_id: uuid.UUID) -> None:
    """Makes of a clip that has arrived what is shown of it."""
    clips.work(content_id)


def sweep_clips() -> int:
    """Takes over abandoned clips and begins forgotten ones; returns how many clips and folders it touched."""
    return clips.work_off()


def delete_strays() -> int:
    """Deletes the files that no row wants any more; returns how many."""
    return strays.delete_due()


def purge_from_cdn(key: str) -> None:
    """Makes the CDN forget a file that is gone or was taken down."""
    cdn.purge(key)


def purge_person_from_cdn(user_id: uuid.UUID) -> None:
    """Makes the CDN forget every public file of somebody who has left."""
    for key in Asset.objects.filter(owner_id=user_id, visibility=Visibility.PUBLIC).values_list("key", flat=True):
        cdn.purge(key)


def sweep_temporary() -> int:
    """Removes what killed processes have left in this machine's folder for temporary files; returns how many."""
    return leftovers.sweep_temporary()


def forget_uploads() -> int:
    """Deletes the rows of uploads that were never confirmed, and of those long done; returns how many."""
    return uploads.forget_old()
