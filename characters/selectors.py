"""What others read of characters. Every function says what it gives; none writes."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from characters.avatars import avatar_path, avatar_url
from characters.lorebook import empty_lorebook
from characters.models import Character, Lorebook, Memory, Persona, Visibility
from characters.rows import JOINS, SINGLE_FIELDS, VISIBLE, as_data, columns
from common.database import fetch_all, fetch_one
from common.errors import NotFound

__all__ = [
    "avatar_path",
    "avatar_url",
    "character_data",
    "get_character_for",
    "get_lorebook",
    "get_persona",
    "images_of",
    "liked_ids",
    "lorebook_of",
    "memory_data",
    "persona_data",
    "prompt_material",
    "read_character",
    "voice_material",
]

READ_SQL = f"""
SELECT {columns(SINGLE_FIELDS)}, c.system_prompt,
       EXISTS (SELECT 1 FROM characters_like l WHERE l.user_id = %(user)s AND l.character_id = c.id)
FROM characters_character c {JOINS}
WHERE c.id = %(character)s AND {VISIBLE}
"""  # noqa: S608 - only our own texts are put together


def get_character_for(character_id: uuid.UUID, user_id: uuid.UUID | None) -> Character:
    """A character that this person (None: anybody) may see. Raises NotFound."""
    visible = Q(creator_id=user_id) | (
        ~Q(visibility=Visibility.PRIVATE) & Q(creator__deleted_at=None, creator__is_active=True)
    )
    character = Character.objects.filter(visible, pk=character_id, deleted_at=None).first()
    if character is None:
        raise NotFound
    return character


def read_character(character_id: uuid.UUID, user_id: uuid.UUID | None) -> dict[str, Any]:
    """The contract's character as this person sees it, in one query: `liked` is theirs, and `system_prompt` is there
    for its creator alone. Raises NotFound."""
    row = fetch_one(READ_SQL, {"character": character_id, "user": user_id}, prepared=True)
    if row is None:
        raise NotFound
    data = as_data(SINGLE_FIELDS, row)
    system_prompt, data["liked"] = row[-2:]
    if data["creator"]["id"] == user_id:
        data["system_prompt"] = system_prompt
    return data


def character_data(character: Character, *, user_id: uuid.UUID | None = None) -> dict[str, Any]:
    """`read_character` of one that is at hand already."""
    return read_character(character.pk, user_id)


def liked_ids(user_id: uuid.UUID, character_ids: Iterable[str]) -> set[str]:
    """Which of these characters the person likes, in one query."""
    rows = fetch_all(
        "SELECT character_id FROM characters_like WHERE user_id = %s AND character_id = ANY(%s::uuid[])",
        [user_id, list(character_ids)],
        prepared=True,
    )
    return {str(row[0]) for row in rows}


def get_lorebook(character_id: uuid.UUID, user_id: uuid.UUID | None) -> dict[str, Any]:
    """The book's document, an empty one where none was written. It is prompt material: for the character's creator, and
    for everybody where the character may be downloaded. Raises NotFound."""
    character = get_character_for(character_id, user_id)
    if not character.downloadable and character.creator_id != user_id:
        raise NotFound
    return lorebook_of(character_id)


def lorebook_of(character_id: uuid.UUID) -> dict[str, Any]:
    """The book's document, for a prompt; whoever asks has been let in already."""
    document = Lorebook.objects.filter(character_id=character_id).values_list("document", flat=True).first()
    return document or empty_lorebook()


def images_of(character_id: uuid.UUID, user_id: uuid.UUID | None) -> list[dict[str, Any]]:
    """Its pictures, as assets: the portrait that is drawn for it. Raises NotFound."""
    character = get_character_for(character_id, user_id)
    url = avatar_url(character.pk)
    return [
        {
            "id": character.pk,
            "url": url,
            "thumbnail_url": url,
            "mime_type": "image/svg+xml",
            "width": 512,
            "height": 512,
            "purpose": "character",
            "created_at": character.created_at,
        }
    ]


def memory_data(memory: Memory) -> dict[str, Any]:
    return {"id": memory.pk, "text": memory.text, "created_at": memory.created_at}


def get_persona(persona_id: uuid.UUID, user_id: uuid.UUID) -> Persona:
    """One of this person's own. Raises NotFound."""
    persona = Persona.objects.filter(pk=persona_id, user_id=user_id).first()
    if persona is None:
        raise NotFound
    return persona


def persona_data(persona: Persona) -> dict[str, Any]:
    return {
        "id": persona.pk,
        "name": persona.name,
        "description": persona.description,
        "is_default": persona.is_default,
        "created_at": persona.created_at,
        "updated_at": persona.updated_at,
    }


def voice_material(character: Character) -> dict[str, Any]:
    """What a text provider that writes by itself may speak from."""
    names = ("name", "description", "personality", "scenario", "greeting", "example_dialogue", "voice")
    return {name: getattr(character, name) for name in names}


def prompt_material(character: Character) -> dict[str, Any]:
    """Every text of a character that makes up a prompt, but its lorebook (see `lorebook_of`). No query."""
    names = (
        "name",
        "nickname",
        "tagline",
        "description",
        "system_prompt",
        "system_prompt_tokens",
        "personality",
        "scenario",
        "greeting",
        "alternate_greetings",
        "example_dialogue",
        "post_history_instructions",
        "age",
        "gender",
        "ethnicity",
        "body_type",
        "voice",
    )
    return {name: getattr(character, name) for name in names}
