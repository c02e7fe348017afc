"""A character's reply, from being asked for to being changed: what people do with it. Writing it is `writing.py`."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from billing import services as billing
from characters.selectors import avatar_url
from chat import nudges, topics
from chat.models import IN_PROGRESS, Message, Status, Variant
from chat.numbers import next_number
from chat.selectors import Seat, read_message, refuse_apart, seat_at
from common.context import current_request_id
from common.database import fetch_one
from common.errors import Conflict, Forbidden, Gone, NotFound, Unprocessable, ValidationProblem
from common.models import new_id
from generation.selectors import price_ceiling, text_model_for

# Longer than any reply may take with all its take-overs; a crash gives the credits back after this.
HELD_FOR = timedelta(minutes=30)
MAX_VARIANTS = 50
NO_LONGER_PAYS = (
    "You no longer belong to the organisation that pays for this conversation. Choose another one to pay for it."
)
# What the character's own material takes beside the history, for the estimate of a reply's price.
MATERIAL_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Work:
    """A reply that is paid for but not yet written down."""

    variant_id: uuid.UUID
    reservation_id: uuid.UUID
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class ByKey:
    """A program asks with an API key: the key's organisation pays, whoever pays for the conversation otherwise."""

    api_key_id: uuid.UUID
    organization_id: uuid.UUID


def prepare(seat: Seat, *, extra_tokens: int = 0, key: ByKey | None = None) -> Work:
    """Chooses the model and reserves what the reply may cost at most, or one free message.

    Raises NoCredits, Forbidden (`BUDGET_EXCEEDED`, or plainly where the person has left the organisation that pays),
    and Gone where whoever made the character has left the site.
    """
    if seat.maker_is_gone:
        raise Gone("Whoever made this character has left, so it answers no more. What was said here stays yours.")
    if not (key or seat.may_pay):
        raise Forbidden(NO_LONGER_PAYS)
    model = text_model_for(seat.model or None)
    variant_id = new_id()
    context = min(model.context_tokens, seat.tokens + extra_tokens + MATERIAL_TOKENS)
    reservation = billing.reserve(
        organization_id=key.organization_id if key else seat.organization_id,
        member_id=seat.user_id,
        api_key_id=key.api_key_id if key else None,
        amount=price_ceiling(model, context),
        feature="chat",
        key=f"reply:{variant_id}",
        reference={"type": "reply", "id": str(variant_id)},
        description=f"Reply by {seat.character_name}",
        expires_in=HELD_FOR,
        free_message=True,
    )
    return Work(variant_id, reservation.id, model.provider, model.slug)


OPEN_REPLY = """
WITH reply AS (
  INSERT INTO chat_message (id, created_at, updated_at, conversation_id, seq, rev, parent_id, author_kind,
                            author_character_id, text, status, variant, tokens)
  VALUES (%(id)s, %(now)s, %(now)s, %(conversation)s, %(seq)s, %(seq)s, %(parent)s, 'character',
          %(character)s, '', 'pending', 0, 0)
), opened AS (
  INSERT INTO chat_variant (id, created_at, updated_at, message_id, index, text, status, base_text, base_index,
                            next_index, continuation, stop_requested, provider, model, input_tokens, output_tokens,
                            cost, reservation_id, request_id, attempts, error_code, error_detail, error_private)
  VALUES (%(variant)s, %(now)s, %(now)s, %(id)s, 0, '', 'pending', '', 0, 0,
          false, false, %(provider)s, %(model)s, 0, 0, 0, %(reservation)s, %(request)s, 0, '', '', '')
)
SELECT name FROM characters_character WHERE id = %(character)s
"""


def open_reply(seat: Seat, work: Work, character_id: uuid.UUID, *, seq: int, parent: uuid.UUID) -> dict[str, Any]:
    """Writes the pending reply numbered `seq` and nudges a responder once it is committed."""
    reply_id, now = new_id(), timezone.now()
    row = fetch_one(
        OPEN_REPLY,
        {
            "id": reply_id,
            "now": now,
            "conversation": seat.conversation_id,
            "seq": seq,
            "parent": parent,
            "character": character_id,
            "variant": work.variant_id,
            "provider": work.provider,
            "model": work.model,
            "reservation": work.reservation_id,
            "request": current_request_id(),
        },
        prepared=True,
    )
    assert row is not None
    nudges.reply_waiting_on_commit(work.variant_id)
    return {
        "id": reply_id,
        "conversation": seat.conversation_id,
        "seq": seq,
        "rev": seq,
        "parent": parent,
        "author": {
            "id": character_id,
            "kind": "character",
            "name": row[0],
            "avatar": avatar_url(character_id),
        },
        "text": "",
        "status": Status.PENDING.value,
        "reply_to": None,
        "reactions": [],
        "variants": [{"index": 0, "id": work.variant_id, "status": Status.PENDING.value, "created_at": now}],
        "variant": 0,
        "attachments": [],
        "client_id": None,
        "edited_at": None,
        "created_at": now,
        "next_index": 0,
    }


@transaction.atomic
def regenerate_reply(*, message_id: uuid.UUID, user_id: uuid.UUID, key: ByKey | None = None) -> dict[str, Any]:
    """Another variant of a character's message; the others are kept. Raises Conflict while one is being written."""
    seat, message = _reply(message_id, user_id)
    refuse_apart(seat.conversation_id, user_id)
    _refuse_while_writing(message)
    index = (message.variants.aggregate(last=Max("index"))["last"] or 0) + 1
    if index >= MAX_VARIANTS:
        raise Unprocessable(f"A reply keeps at most {MAX_VARIANTS} variants.")
    work = prepare(seat, key=key)
    message.variants.create(
        id=work.variant_id,
        index=index,
        status=Status.PENDING,
        provider=work.provider,
        model=work.model,
        reservation_id=work.reservation_id,
        request_id=current_request_id(),
    )
    return _begin(message, work.variant_id, variant=index, text="")


@transaction.atomic
def continue_reply(*, message_id: uuid.UUID, user_id: uuid.UUID, key: ByKey | None = None) -> dict[str, Any]:
    """The selected variant goes on from where it ends; its deltas go on counting."""
    seat, message = _reply(message_id, user_id)
    refuse_apart(seat.conversation_id, user_id)
    _refuse_while_writing(message)
    selected = message.variants.filter(index=message.variant).first()
    if selected is None or not selected.text:
        raise Conflict("There is nothing to go on from; ask for another variant instead.")
    work = prepare(seat, key=key)
    Variant.objects.filter(pk=selected.pk).update(
        status=Status.PENDING,
        continuation=True,
        stop_requested=False,
        base_text=selected.text,
        base_index=selected.next_index,
        provider=work.provider,
        model=work.model,
        reservation_id=work.reservation_id,
        request_id=current_request_id(),
        attempts=0,
        lease_token=None,
        lease_until=None,
        first_token_at=None,
        error_code="",
        error_detail="",
        error_private="",
    )
    return _begin(message, selected.pk, variant=selected.index, text=selected.text)


@transaction.atomic
def select_variant(*, message_id: uuid.UUID, user_id: uuid.UUID, variant: int) -> dict[str, Any]:
    """Shows another of the kept variants, and goes on from it."""
    _, message = _reply(message_id, user_id)
    _refuse_while_writing(message)
    chosen = message.variants.filter(index=variant).first()
    if chosen is None:
        raise ValidationProblem(errors={"variant": ["There is no such variant."]})
    if chosen.index != message.variant:
        message.variant, message.text, message.status = chosen.index, chosen.text, chosen.status
        message.rev = next_number(message.conversation_id)
        message.save(update_fields=["variant", "text", "status", "rev", "updated_at"])
        topics.message_updated(read_message(message_id))
    return read_message(message_id)


@transaction.atomic
def stop_reply(*, message_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, Any]:
    """Asks for the end of a reply in progress. What is written stays; before the first token it costs nothing."""
    _, message = _reply(message_id, user_id)
    stop_message(message)
    return read_message(message_id)


def stop_message(message: Message) -> None:
    """Stops the message's reply if one is in progress. Call in a transaction."""
    from chat.services.writing import end_unclaimed

    for variant in message.variants.select_for_update(no_key=True).filter(status__in=IN_PROGRESS):
        if variant.lease_token is None:
            end_unclaimed(variant)
        else:
            Variant.objects.filter(pk=variant.pk).update(stop_requested=True)
            nudges.stop_on_commit(variant.pk)


def stop_all(*, conversation_id: uuid.UUID) -> None:
    """Stops every reply in progress in a conversation. Call in a transaction."""
    open_replies = Message.objects.filter(conversation_id=conversation_id, status__in=IN_PROGRESS)
    messages = list(open_replies.select_for_update(no_key=True).order_by("pk"))
    # all of them before the first wallet: who ends one of them has its rows and then waits for the wallet
    list(Variant.objects.select_for_update(no_key=True).filter(message__in=messages).order_by("pk").values("pk"))
    for message in messages:
        stop_message(message)


def _reply(message_id: uuid.UUID, user_id: uuid.UUID) -> tuple[Seat, Message]:
    """A character's message, locked, and the caller's seat. Raises NotFound, Conflict."""
    seat = seat_at(message_id, user_id)
    message = Message.objects.select_for_update(no_key=True).filter(pk=message_id, deleted_at=None).first()
    if message is None:
        raise NotFound
    if message.author_character_id is None:
        raise Conflict("Only a character's message has variants.")
    return seat, message


def _refuse_while_writing(message: Message) -> None:
    if message.status in IN_PROGRESS:
        raise Conflict("This reply is still being written. Stop it first.")


def _begin(message: Message, variant_id: uuid.UUID, *, variant: int, text: str) -> dict[str, Any]:
    message.variant, message.text, message.status = variant, text, Status.PENDING
    message.rev = next_number(message.conversation_id)
    message.save(update_fields=["variant", "text", "status", "rev", "updated_at"])
    data = read_message(message.pk)
    topics.message_updated(data)
    nudges.reply_waiting_on_commit(variant_id)
    return data
