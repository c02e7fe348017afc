"""The address of a character's portrait."""

import uuid

from django.conf import settings


def avatar_prefix() -> str:
    """What stands before `<id>.svg`, for answers that the database writes."""
    return f"{settings.PUBLIC_URL}/portraits/"


def avatar_url(character_id: uuid.UUID | str) -> str:
    return f"{avatar_prefix()}{character_id}.svg"


def avatar_path(character_id: uuid.UUID | str) -> str:
    """The same within our own pages, which may be open under another name of this host."""
    return f"/portraits/{character_id}.svg"
