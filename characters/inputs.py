"""What the API takes for characters and personas."""

from typing import Any

from rest_framework import serializers

from characters import limits
from characters.models import Category, ContentRating, Gender, Visibility
from characters.shapes import LorebookShape
from common import fields
from common.api import InputSerializer
from common.fields import Choice, Flag, Whole


class Text(fields.Text):
    """A text that may be empty; line breaks and spaces inside it stay as they are."""

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **{"allow_blank": True, "required": False} | options)


class CharacterInput(InputSerializer):
    """A new character."""

    name = Text(limits.NAME, required=True, allow_blank=False)
    tagline = Text(limits.TAGLINE)
    description = Text(limits.DESCRIPTION)
    system_prompt = Text(limits.SYSTEM_PROMPT)
    greeting = Text(limits.GREETING)
    alternate_greetings = serializers.ListField(
        child=Text(limits.GREETING, allow_blank=False), max_length=limits.ALTERNATE_GREETINGS, required=False
    )
    example_dialogue = Text(limits.EXAMPLE_DIALOGUE)
    personality = Text(limits.LONG_TEXT)
    scenario = Text(limits.LONG_TEXT)
    post_history_instructions = Text(limits.LONG_TEXT)
    creator_notes = Text(limits.LONG_TEXT)
    nickname = Text(limits.NICKNAME)
    character_version = Text(limits.VERSION)
    age = Whole(min_value=limits.YOUNGEST, max_value=limits.OLDEST)
    gender = Choice(choices=Gender.choices)
    ethnicity = Text(limits.APPEARANCE)
    body_type = Text(limits.APPEARANCE)
    tags = serializers.ListField(child=Text(limits.TAG, allow_blank=False), max_length=limits.TAGS, required=False)
    category = Choice(choices=Category.choices, required=False)
    content_rating = Choice(choices=ContentRating.choices, required=False)
    visibility = Choice(choices=Visibility.choices, required=False)
    downloadable = Flag(required=False)


class CharacterChanges(CharacterInput):
    """The same fields, each of them optional."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"partial": True} | options)


class LorebookInput(LorebookShape):
    """Checked by `characters.lorebook`, which keeps what it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class PersonaInput(InputSerializer):
    """A new persona. A default takes the place of the one before."""

    name = Text(limits.PERSONA_NAME, required=True, allow_blank=False)
    description = Text(limits.PERSONA_DESCRIPTION)
    is_default = Flag(required=False)


class PersonaChanges(PersonaInput):
    """The same fields, each of them optional."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"partial": True} | options)
