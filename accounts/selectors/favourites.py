"""What people want to find again."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from accounts import registry
from accounts.models import Favourite, User
from accounts.selectors.blocks import hidden_people
from accounts.selectors.people import public_user_data


def favourites_data(favourites: Iterable[Favourite], viewer_id: uuid.UUID) -> list[dict[str, Any]]:
    """Each with what there is to show of it, in the same order; what is gone or hidden is left out.

    One query a kind, however many they are.
    """
    rows, ids = list(favourites), defaultdict[str, list[uuid.UUID]](list)
    for row in rows:
        ids[row.target_type].append(row.target_id)
    kinds = registry.favourite_kinds()
    shown = {kind: kinds[kind](targets, viewer_id) for kind, targets in ids.items() if kind in kinds}
    return [
        {
            "id": row.pk,
            "type": row.target_type,
            "target_id": row.target_id,
            "target": shown[row.target_type][row.target_id],
            "created_at": row.created_at,
        }
        for row in rows
        if row.target_id in shown.get(row.target_type, {})
    ]


def is_favourite(user_id: uuid.UUID, target_type: str, target_id: uuid.UUID) -> bool:
    return Favourite.objects.filter(user_id=user_id, target_type=target_type, target_id=target_id).exists()


def favourite_people(ids: list[uuid.UUID], viewer_id: uuid.UUID) -> dict[uuid.UUID, dict[str, Any]]:
    """The `user` kind of favourite: people who are here and not apart from the viewer."""
    people = User.objects.filter(pk__in=ids, is_active=True, deleted_at=None)
    hidden = hidden_people(viewer_id)
    return {person.pk: public_user_data(person) for person in people if person.pk not in hidden}
