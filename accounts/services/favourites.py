"""What a person wants to find again."""

import uuid

from django.db import transaction

from accounts import registry
from accounts.models import Favourite, User
from common.errors import NotFound, Unprocessable

FAVOURITES_AT_MOST = 1000


@transaction.atomic
def add_favourite(*, user_id: uuid.UUID, target_type: str, target_id: uuid.UUID) -> tuple[Favourite, bool]:
    """The favourite, and whether it is new.

    Raises NotFound for what the person can't see, Unprocessable for too many.
    """
    read = registry.favourite_kinds()[target_type]
    if not read([target_id], user_id):
        raise NotFound
    # two at the same time: the person's own row keeps the count true
    User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk").first()
    own = Favourite.objects.filter(user_id=user_id)
    known = own.filter(target_type=target_type, target_id=target_id).first()
    if known:
        return known, False
    if own.count() >= FAVOURITES_AT_MOST:
        raise Unprocessable(f"You can keep at most {FAVOURITES_AT_MOST} favourites. Please take another off first.")
    return Favourite.objects.create(user_id=user_id, target_type=target_type, target_id=target_id), True


def remove_favourite(*, user_id: uuid.UUID, target_type: str, target_id: uuid.UUID) -> bool:
    """False where it was none."""
    removed, _ = Favourite.objects.filter(user_id=user_id, target_type=target_type, target_id=target_id).delete()
    return bool(removed)
