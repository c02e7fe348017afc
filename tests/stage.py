"""Characters to talk with and conversations to talk in."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.people import Person


@pytest.fixture
def character(owner: Person) -> Any:
    """A public character of the owner's, with two greetings."""
    from characters.models import Character

    return Character.objects.create(
        creator=owner.user,
        name="Odile",
        description="A lamplighter who knows every street of the harbour town by its sound.",
        personality="Dry, patient, fond of rain.",
        greeting="*lifts the lamp* You are late, {{user}}. I am {{char}}.",
        alternate_greetings=["Mind the step."],
        example_dialogue="<START>\n{{user}}: Do you like rain?\n{{char}}: It keeps the streets honest.",
        age=44,
        gender="female",
        visibility="public",
        published_at=timezone.now(),
    )


@pytest.fixture
def start(character: Any) -> Callable[[Person], uuid.UUID]:
    """`start(owner)`: a new conversation with the character; gives its id."""
    from chat import services

    def start(person: Person) -> uuid.UUID:
        return services.start_conversation(
            user_id=person.id, organization_id=person.organization_id, character_id=character.pk
        ).pk

    return start


@pytest.fixture
def conversation(start: Callable[[Person], uuid.UUID], owner: Person) -> uuid.UUID:
    return start(owner)


@pytest.fixture
def write_reply() -> Callable[..., bool]:
    """Does what a responder does with one open reply, without a provider."""
    from chat.models import Message, Status
    from chat.services import writing

    def write(reply: dict[str, Any] | uuid.UUID, text: str = "So it goes.", status: Any = Status.COMPLETE) -> bool:
        message_id = reply["id"] if isinstance(reply, dict) else reply
        message = Message.objects.get(pk=message_id)
        variant = message.variants.get(index=message.variant)
        ((variant_id, token),) = writing.claim(only=variant.pk)
        assignment = writing.begin(variant_id, token)
        assert assignment is not None
        return writing.finish(
            assignment=assignment,
            status=status,
            text=assignment.base_text + text,
            next_index=assignment.base_index + (1 if text else 0),
        )

    return write
