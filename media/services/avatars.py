"""People's pictures: assets of the purpose `avatar`, cut to the square in their middle."""

import contextlib
import uuid
from functools import partial

import structlog
from django.core.files.storage import default_storage
from django.db import transaction

from accounts import registry, selectors
from accounts import services as accounts
from accounts.models import User
from common.errors import Conflict, NotFound
from media.models import Asset, Purpose
from media.receiving import Received
from media.services import assets, intake

log = structlog.get_logger(__name__)
BEFORE_ASSETS = "avatars/"


def set_profile_picture(*, user_id: uuid.UUID, file: Received) -> User:
    """Draws the picture anew, stores it, and makes it the person's. Raises as `intake.take_picture`."""
    wanted = intake.use(
        owner_id=user_id, organization_id=selectors.personal_organization_id(user_id), purpose=Purpose.AVATAR
    )
    for _ in range(intake.TRIES):
        asset = intake.take_picture(wanted, file)
        try:
            user = _wear(user_id, asset)
        except Exception:
            if asset.key == wanted.key:  # made just now, and for nothing
                with contextlib.suppress(NotFound):
                    assets.delete_asset(owner_id=user_id, asset_id=asset.pk)
            raise
        if user:
            return user
    raise Conflict("Your picture is being changed elsewhere too. Please try again.", retry_after=1)


@transaction.atomic
def _wear(user_id: uuid.UUID, asset: Asset) -> User | None:
    """None where the asset was deleted meanwhile, as by somebody who puts on another picture at the same moment."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)
    if not Asset.objects.select_for_update(of=("self",), no_key=True).filter(pk=asset.pk).exists():
        return None
    return accounts.set_avatar(user_id=user_id, key=asset.key)


def remove_profile_picture(*, user_id: uuid.UUID) -> User:
    """The person has no picture any more; without one nothing changes."""
    return accounts.set_avatar(user_id=user_id, key="")


def forget(key: str) -> None:
    """For `accounts.registry.on_avatar_dropped`: in the transaction that drops it."""
    if key.startswith(BEFORE_ASSETS):
        transaction.on_commit(partial(_delete_file, key))
    else:
        assets.delete_by_key(key)


def let_go(asset: Asset) -> None:
    """For `registry.on_asset_deleted`: whoever deletes the picture they wear wears none."""
    if asset.purpose != Purpose.AVATAR:
        return
    if user := User.objects.filter(pk=asset.owner_id, avatar=asset.key).first():
        user.avatar = ""
        user.save(update_fields=["avatar", "updated_at"])
        registry.profile_changed(user)


def _delete_file(key: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        try:
            default_storage.delete(key)
        except OSError:
            log.warning("picture not deleted", key=key)  # nobody refers to it any more
