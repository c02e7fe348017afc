"""A person's own copy of what they made and said here, and what becomes of it when they leave."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify

from accounts import registry
from accounts.models import User
from accounts.registry import ExportFile, LongList
from characters import caching
from characters.models import Character, Like, Lorebook, Memory, Persona, Visibility
from common.database import by_key, fetch_one

AT_ONCE = 20  # a character's texts are long
TEXTS = (
    *("name", "nickname", "tagline", "description", "system_prompt", "greeting", "alternate_greetings"),
    *("example_dialogue", "personality", "scenario", "post_history_instructions", "creator_notes"),
    *("character_version", "age", "gender", "ethnicity", "body_type", "tags", "category", "content_rating"),
    *("visibility", "downloadable", "voice", "portrait", "published_at", "taken_down_at", "deleted_at"),
    *("created_at", "updated_at"),
)
NOBODY = "A character that is gone"
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("nickname", "tagline", "description", "system_prompt", "greeting", "example_dialogue"), ""),
    **dict.fromkeys(("personality", "scenario", "post_history_instructions", "creator_notes"), ""),
    **dict.fromkeys(("character_version", "ethnicity", "body_type"), ""),
    "alternate_greetings": [],
    "tags": [],
    "voice": {},
    "portrait": None,
    "age": None,
    "gender": None,
    "system_prompt_tokens": 0,
    "downloadable": False,
    "visibility": Visibility.PRIVATE,
}
# likes that are taken back count like any others that are
TAKE_BACK_LIKES = """
WITH gone AS (
    DELETE FROM characters_like WHERE user_id = %s RETURNING character_id
), counted AS (
    INSERT INTO characters_counterdelta (character_id, likes) SELECT character_id, -1 FROM gone
)
SELECT count(*) FROM gone
"""


def register() -> None:
    registry.add_export_part(
        "characters", read, size=size, says="The characters you wrote, with their lorebooks: a file each."
    )
    registry.add_export_part(
        "you_and_characters",
        read_relations,
        says="Which characters you like, your personas, and what characters remember of you.",
    )
    registry.on_account_deleted(drop_reads)
    registry.on_account_restored(drop_reads)
    registry.on_account_anonymised(anonymise)


def size(user: User) -> int:
    return Character.objects.filter(creator=user).count()


def read(user: User) -> Iterator[ExportFile]:
    own = Character.objects.filter(creator=user).select_related("lorebook")
    for character in by_key(own, AT_ONCE):
        data = {"id": character.pk} | {name: getattr(character, name) for name in TEXTS}
        book = getattr(character, "lorebook", None)
        yield f"{file_stem(character.name, character.pk)}.json", data | {"lorebook": book and book.document}


def read_relations(user: User) -> Iterator[ExportFile]:
    likes = Like.objects.filter(user=user).select_related("character")
    yield "likes.json", LongList({}, "likes", (_about(like) for like in by_key(likes)))
    personas = Persona.objects.filter(user=user)
    yield (
        "personas.json",
        [
            {
                "name": one.name,
                "description": one.description,
                "is_default": one.is_default,
                "created_at": one.created_at,
            }
            for one in by_key(personas)
        ],
    )
    memories = Memory.objects.filter(user=user).select_related("character")
    yield "memories.json", LongList({}, "memories", (_about(one) | {"text": one.text} for one in by_key(memories)))


def _about(row: Like | Memory) -> dict[str, Any]:
    return {"character": row.character_id, "character_name": row.character.name, "at": row.created_at}


def file_stem(name: str, row_id: uuid.UUID) -> str:
    """A file name that people can read, and that no other row of theirs has."""
    return f"{slugify(name)[:40] or 'unnamed'}-{row_id.hex[-8:]}"


# --- leaving ----------------------------------------------------------------------------------------------------------


def drop_reads(user: User) -> None:
    """What others see of this person's characters is read afresh; whether it is seen, the person's row tells."""
    kinds = {caching.kind_of(key): key for key in _shown(user).values_list("pk", flat=True)}
    for key in kinds.values():
        caching.drop_character(key)
    if kinds:
        caching.drop_lists()


def _shown(user: User) -> QuerySet[Character]:
    return Character.objects.filter(creator=user, deleted_at=None).exclude(visibility=Visibility.PRIVATE)


def anonymise(user: User) -> None:
    """Empties every character of theirs. One that others could see keeps its name, for it stands in their own
    conversations; a private one loses that too."""
    drop_reads(user)
    own = Character.objects.filter(creator=user)
    Lorebook.objects.filter(character__creator=user).delete()
    never_shown = own.filter(visibility=Visibility.PRIVATE, published_at=None)
    never_shown.update(name=NOBODY)
    own.filter(deleted_at=None).update(deleted_at=timezone.now())
    own.update(**EMPTY, updated_at=timezone.now())
    Persona.objects.filter(user=user).delete()
    Memory.objects.filter(user=user).delete()
    fetch_one(TAKE_BACK_LIKES, [user.pk])
