"""Starting, changing and leaving conversations."""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.selectors import refuse_blocked
from characters.macros import fill
from characters.models import Character, Persona
from characters.selectors import get_character_for
from chat.models import Conversation, Member, Message, Status, Variant
from chat.selectors import seat_of
from common.errors import Forbidden, NotFound, ValidationProblem
from common.models import new_id
from common.tokens import count_tokens
from common.tracking import track
from generation.selectors import text_models

UNSET: Any = object()


@transaction.atomic
def start_conversation(
    *,
    user_id: uuid.UUID,
    organization_id: uuid.UUID,
    character_id: uuid.UUID,
    title: str = "",
    model: str = "",
    persona_id: uuid.UUID | None = None,
) -> Conversation:
    """A conversation of one person with one character, opened by the character's greeting.

    The alternate greetings are the greeting's variants. Raises NotFound for a character the person can't see, Forbidden
    `BLOCKED` where its maker and the person keep apart.
    """
    character = get_character_for(character_id, user_id)
    refuse_blocked(user_id, character.creator_id)
    _check_model(model)
    persona = _persona_of(user_id, persona_id)
    now = timezone.now()
    conversation = Conversation.objects.create(
        kind=Conversation.Kind.CHARACTER,
        title=title,
        character=character,
        organization_id=organization_id,
        model=model,
        persona=persona,
        last_message_at=now,
    )
    Member.objects.create(
        conversation=conversation, user_id=user_id, role=Member.Role.OWNER, last_message_at=now, last_read_seq=1
    )
    _greet(conversation, character, _name_of(user_id, persona))
    track("conversation_started", user_id=user_id, character=str(character.id))
    return conversation


def _greet(conversation: Conversation, character: Character, user_name: str) -> None:
    greetings = [text for text in (character.greeting, *character.alternate_greetings) if text.strip()]
    if not greetings:
        return
    texts = [fill(text, char=character.name, user=user_name) for text in greetings]
    tokens = count_tokens(texts[0])
    message = Message.objects.create(
        conversation=conversation,
        seq=1,
        rev=1,
        author_kind=Message.AuthorKind.CHARACTER,
        author_character=character,
        text=texts[0],
        tokens=tokens,
    )
    now = timezone.now()
    Variant.objects.bulk_create(
        Variant(id=new_id(), message=message, index=index, text=text, status=Status.COMPLETE, finished_at=now)
        for index, text in enumerate(texts)
    )
    conversation.last_seq, conversation.tokens = 1, tokens
    conversation.save(update_fields=["last_seq", "tokens", "updated_at"])


@transaction.atomic
def update_conversation(
    *,
    conversation_id: uuid.UUID,
    user_id: uuid.UUID,
    title: str = UNSET,
    model: str = UNSET,
    persona_id: uuid.UUID | None = UNSET,
    organization_id: uuid.UUID = UNSET,
    archived: bool = UNSET,
    muted_until: datetime | None = UNSET,
) -> None:
    """Changes what is given. Title, model, persona and payer are the owner's to change; the rest is each member's own.

    Whoever calls has made sure that the person may let `organization_id` pay. Raises NotFound, Forbidden.
    """
    seat = seat_of(conversation_id, user_id)
    shared: dict[str, Any] = {}
    if title is not UNSET:
        shared["title"] = title
    if model is not UNSET:
        _check_model(model)
        shared["model"] = model
    if persona_id is not UNSET:
        shared["persona"] = _persona_of(user_id, persona_id)
    if organization_id is not UNSET:
        shared["organization"] = organization_id
    if shared:
        if seat.role != Member.Role.OWNER:
            raise Forbidden
        Conversation.objects.filter(pk=conversation_id).update(**shared, updated_at=timezone.now())
    own = {name: value for name, value in (("archived", archived), ("muted_until", muted_until)) if value is not UNSET}
    if own:
        Member.objects.filter(conversation_id=conversation_id, user_id=user_id).update(**own)


@transaction.atomic
def delete_conversation(*, conversation_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """The owner's: hides the conversation for good and stops what is being written in it."""
    from chat.services.replies import stop_all

    if seat_of(conversation_id, user_id).role != Member.Role.OWNER:
        raise Forbidden
    stop_all(conversation_id=conversation_id)
    Conversation.objects.filter(pk=conversation_id).update(deleted_at=timezone.now())
    Member.objects.filter(conversation_id=conversation_id).update(left_at=timezone.now())


def _check_model(model: str) -> None:
    allowed = [known.slug for known in text_models()]
    if model and model not in allowed:
        raise ValidationProblem(errors={"model": [f"Choose one of: {', '.join(allowed)}."]})


def _persona_of(user_id: uuid.UUID, persona_id: uuid.UUID | None) -> Persona | None:
    if persona_id is None:
        return None
    # locked, so that it is still there when the conversation that refers to it is
    persona = Persona.objects.select_for_update(no_key=True).filter(pk=persona_id, user_id=user_id).first()
    if persona is None:
        raise NotFound("This persona is not one of yours.")
    return persona


def _name_of(user_id: uuid.UUID, persona: Persona | None) -> str:
    if persona:
        return persona.name
    user = User.objects.only("display_name", "username").get(pk=user_id)
    return user.display_name or user.username
