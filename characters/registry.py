"""What higher floors add to a character's page. They register in their `AppConfig.ready()`."""

import uuid
from collections.abc import Callable
from typing import Any

PosterPart = Callable[[uuid.UUID, uuid.UUID | None], Any]

_poster_parts: dict[str, PosterPart] = {}


def add_poster_part(name: str, read: PosterPart) -> None:
    """The page shows `read(character id, reader's id or None)` under `name` (see templates/characters/detail.html)."""
    _poster_parts[name] = read


def poster_parts(character_id: uuid.UUID, user_id: uuid.UUID | None) -> dict[str, Any]:
    return {name: read(character_id, user_id) for name, read in _poster_parts.items()}
