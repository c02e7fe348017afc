"""Writing, changing, publishing and removing characters."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from characters import caching
from characters.models import Character, Visibility
from characters.tags import clean_tags
from common import audit
from common.errors import Errors, Forbidden, NotFound, ValidationProblem
from common.tokens import count_tokens
from common.tracking import track

NEEDED_IN_PUBLIC = ("name", "age", "gender")


@transaction.atomic
def create_character(*, creator: User, fields: Mapping[str, Any]) -> Character:
    """A new character, private unless `fields` say otherwise.

    `fields` are columns of Character, already checked. Raises ValidationProblem or Forbidden where it can't be made
    public.
    """
    character = Character(creator=creator)
    _assign(character, fields)
    if character.visibility != Visibility.PRIVATE:
        _open(character, creator)
    character.save(force_insert=True)
    track("character_created", user_id=creator.pk, character=str(character.pk), visibility=character.visibility)
    _drop_reads(character, was_listed=False)
    return character


@transaction.atomic
def update_character(*, character_id: uuid.UUID, user: User, changes: Mapping[str, Any]) -> Character:
    """Changes what `changes` names.

    Raises NotFound for whoever is not its creator, and what `create_character` does.
    """
    character = own_character(character_id, user.pk)
    was_listed, before = character.is_listed, character.visibility
    _assign(character, changes)
    if character.visibility != Visibility.PRIVATE and character.visibility != before:
        _open(character, user)
    elif character.is_listed:
        _require_complete(character)
    character.save(update_fields=[*changes, "system_prompt_tokens", "published_at", "updated_at"])
    _drop_reads(character, was_listed=was_listed)
    return character


@transaction.atomic
def delete_character(*, character_id: uuid.UUID, user: User) -> None:
    """Takes it out of everybody's sight; conversations that people had with it stay theirs. Raises NotFound."""
    character = own_character(character_id, user.pk)
    was_listed = character.is_listed
    character.deleted_at = timezone.now()
    character.save(update_fields=["deleted_at", "updated_at"])
    audit.record(actor=user, action="character.deleted", target=character)
    _drop_reads(character, was_listed=was_listed)


@transaction.atomic
def take_down_character(*, character_id: uuid.UUID, staff: User, reason: str) -> Character:
    """Staff make it private; its creator can't open it again until it is restored."""
    character = _locked(character_id)
    was_listed = character.is_listed
    character.visibility = Visibility.PRIVATE
    character.taken_down_at = timezone.now()
    character.save(update_fields=["visibility", "taken_down_at", "updated_at"])
    audit.record(actor=staff, action="character.taken_down", target=character, reason=reason)
    _drop_reads(character, was_listed=was_listed)
    return character


@transaction.atomic
def restore_character(*, character_id: uuid.UUID, staff: User, reason: str) -> Character:
    """Undoes a take-down. It stays private: opening it again is its creator's choice."""
    character = _locked(character_id)
    character.taken_down_at = None
    character.save(update_fields=["taken_down_at", "updated_at"])
    audit.record(actor=staff, action="character.restored", target=character, reason=reason)
    return character


def own_character(character_id: uuid.UUID, user_id: uuid.UUID) -> Character:
    """Its creator's own, locked for a change. Raises NotFound."""
    return _locked(character_id, creator_id=user_id)


def _locked(character_id: uuid.UUID, **conditions: Any) -> Character:
    # no_key: likes and conversations refer to this row all the time, and need not wait for an edit
    character = (
        Character.objects.select_for_update(no_key=True).filter(pk=character_id, deleted_at=None, **conditions).first()
    )
    if character is None:
        raise NotFound
    return character


def _assign(character: Character, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(character, name, value)
    if "tags" in fields:
        character.tags = clean_tags(fields["tags"])
    if "system_prompt" in fields:
        character.system_prompt_tokens = count_tokens(fields["system_prompt"])


def _open(character: Character, user: User) -> None:
    """Checks what others may see before they see it."""
    if character.taken_down_at:
        raise Forbidden("Our staff took this character down. Please write to support before you show it again.")
    if character.visibility != Visibility.PUBLIC:
        return
    _require_complete(character)
    if not user.email_verified:
        raise Forbidden("Please confirm your e-mail address before you publish.", code="EMAIL_UNCONFIRMED")
    character.published_at = character.published_at or timezone.now()


def _require_complete(character: Character) -> None:
    errors: Errors = {
        name: [f"A public character needs {'an' if name == 'age' else 'a'} {name}."]
        for name in NEEDED_IN_PUBLIC
        if not getattr(character, name)
    }
    if errors:
        raise ValidationProblem(errors=errors)


def _drop_reads(character: Character, *, was_listed: bool) -> None:
    caching.drop_character(character.pk)
    if was_listed or character.is_listed:
        caching.drop_lists()
