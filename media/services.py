"""Every write of media: so far, people's pictures."""

import contextlib
import uuid
from functools import partial

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from common.models import new_id
from media import images

log = structlog.get_logger(__name__)
AVATARS = "avatars"


def set_profile_picture(*, user_id: uuid.UUID, data: bytes) -> User:
    """Draws the picture anew, stores it under a name of our own, and makes it the person's.

    The file is there before the row says so; where the row can't be written the file goes again. Raises as
    `images.avatar` does.
    """
    picture = images.avatar(data)
    key = default_storage.save(f"{AVATARS}/{new_id()}.webp", ContentFile(picture))
    try:
        return accounts.set_avatar(user_id=user_id, key=key)
    except BaseException:
        _delete(key)
        raise


def remove_profile_picture(*, user_id: uuid.UUID) -> User:
    """The person has no picture any more; without one nothing changes."""
    return accounts.set_avatar(user_id=user_id, key="")


def delete_on_commit(key: str) -> None:
    """For `accounts.registry.on_avatar_dropped`."""
    transaction.on_commit(partial(_delete, key))


def _delete(key: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        try:
            default_storage.delete(key)
        except OSError:
            log.warning("picture not deleted", key=key)  # nobody refers to it any more
