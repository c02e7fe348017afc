"""Which shared reads a change of a character makes stale.

Lists go by one version. A single character goes by one of many, so that a busy creator does not empty everybody's
cache; there are not as many as characters, because a version is kept in Redis for ever.
"""

import uuid
from collections.abc import Iterable

from common.shared_reads import drop_on_commit

LISTS = "characters"
VERSIONS = 1024


def kind_of(character_id: uuid.UUID) -> str:
    """The kind of shared read that holds this character."""
    return f"character:{character_id.int % VERSIONS}"


def drop_character(character_id: uuid.UUID) -> None:
    drop_on_commit(kind_of(character_id))


def drop_characters(character_ids: Iterable[uuid.UUID]) -> None:
    """Many at once: each version is raised once."""
    drop_on_commit(*{kind_of(character_id) for character_id in character_ids})


def drop_lists() -> None:
    drop_on_commit(LISTS)
