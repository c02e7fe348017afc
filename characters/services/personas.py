"""Who a person is in conversations."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import User
from characters import limits
from characters.models import Persona
from common.errors import Conflict, NotFound


@transaction.atomic
def create_persona(*, user_id: uuid.UUID, fields: Mapping[str, Any]) -> Persona:
    """`name`, `description`, `is_default`. A new default takes the place of the old. Raises Conflict when there are
    too many."""
    _one_change_at_a_time(user_id)
    if Persona.objects.filter(user_id=user_id).count() >= limits.PERSONAS:
        raise Conflict(f"You have {limits.PERSONAS} personas already. Please delete one first.")
    _make_room(user_id, fields)
    return Persona.objects.create(user_id=user_id, **fields)


@transaction.atomic
def update_persona(*, persona_id: uuid.UUID, user_id: uuid.UUID, changes: Mapping[str, Any]) -> Persona:
    """Raises NotFound for what is not this person's."""
    _one_change_at_a_time(user_id)
    persona = Persona.objects.filter(pk=persona_id, user_id=user_id).first()
    if persona is None:
        raise NotFound
    _make_room(user_id, changes)
    for name, value in changes.items():
        setattr(persona, name, value)
    persona.save(update_fields=[*changes, "updated_at"])
    return persona


@transaction.atomic
def delete_persona(*, persona_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Conversations that used it go on without one. Raises NotFound for what is not this person's."""
    persona = Persona.objects.select_for_update().filter(pk=persona_id, user_id=user_id).first()
    if persona is None:
        raise NotFound
    persona.delete()


def _one_change_at_a_time(user_id: uuid.UUID) -> None:
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)


def _make_room(user_id: uuid.UUID, fields: Mapping[str, Any]) -> None:
    if fields.get("is_default"):
        Persona.objects.filter(user_id=user_id, is_default=True).update(is_default=False)
