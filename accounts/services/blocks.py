"""Keeping somebody out."""

import uuid

from django.db import transaction

from accounts import viewers
from accounts.models import Block, Favourite, User
from common.errors import NotFound, Unprocessable

BLOCKS_AT_MOST = 1000


@transaction.atomic
def block(*, user_id: uuid.UUID, blocked_id: uuid.UUID) -> tuple[Block, bool]:
    """From now on the two neither meet nor hear of each other. The block, and whether it is new.

    Raises NotFound for nobody, Unprocessable for oneself and for too many.
    """
    if user_id == blocked_id:
        raise Unprocessable("You can't block yourself.")
    # two who block at the same time: the person's own row keeps the count true
    User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk").first()
    if not User.objects.filter(pk=blocked_id, deleted_at=None, is_active=True).exists():
        raise NotFound
    known = Block.objects.filter(user_id=user_id, blocked_id=blocked_id).first()
    if known:
        return known, False
    if Block.objects.filter(user_id=user_id).count() >= BLOCKS_AT_MOST:
        raise Unprocessable(f"You can block at most {BLOCKS_AT_MOST} people. Please end another block first.")
    made = Block.objects.create(user_id=user_id, blocked_id=blocked_id)
    people = [user_id, blocked_id]
    Favourite.objects.filter(user_id__in=people, target_type="user", target_id__in=people).delete()
    viewers.changed_on_commit(user_id, blocked_id)
    return made, True


@transaction.atomic
def unblock(*, user_id: uuid.UUID, blocked_id: uuid.UUID) -> bool:
    """Ends a block of one's own. False where there was none."""
    ended, _ = Block.objects.filter(user_id=user_id, blocked_id=blocked_id).delete()
    if ended:
        viewers.changed_on_commit(user_id, blocked_id)
    return bool(ended)
