"""A character's book of lore."""

import uuid
from typing import Any

from django.db import transaction

from accounts.models import User
from characters.lorebook import clean_lorebook
from characters.models import Lorebook
from characters.services.characters import own_character


@transaction.atomic
def put_lorebook(*, character_id: uuid.UUID, user: User, document: dict[str, Any]) -> Lorebook:
    """Replaces the whole book. Raises ValidationProblem, and NotFound for whoever is not the character's creator."""
    cleaned = clean_lorebook(document)
    character = own_character(character_id, user.pk)
    book, _ = Lorebook.objects.update_or_create(character=character, defaults={"document": cleaned})
    return book
