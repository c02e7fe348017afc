"""Writing a reply, as the database sees it: claimed, saved on the way, ended. Only the responder calls this.

Locks are always taken in the order message, variant, wallet, conversation, and without their keys: a message that
answers one of these refers to it while it holds the wallet.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from billing import services as billing
from characters.services import count_messages
from chat import live, topics
from chat.models import IN_PROGRESS, Message, Status, Variant
from chat.numbers import next_number
from chat.prompt import build_request
from chat.selectors import read_message
from common.database import fetch_all, fetch_one
from common.models import new_id
from common.tokens import count_tokens
from generation.models import AIModel
from generation.providers.text.base import TextRequest, TextUsage
from generation.selectors import price_of, text_model_for

log = structlog.get_logger(__name__)
Lease = Literal["held", "stop", "lost"]
SCENE = "message__conversation"
GAVE_UP = "The reply could not be written. Nothing was charged; please try again."


@dataclass(frozen=True)
class Assignment:
    """One reply that this responder holds."""

    variant_id: uuid.UUID
    message_id: uuid.UUID
    conversation_id: uuid.UUID
    index: int
    token: uuid.UUID
    base_text: str
    base_index: int
    model: AIModel
    request: TextRequest
    request_id: str


@dataclass(frozen=True)
class Failure:
    """Why a reply failed: `detail` is for the person, `private` for operators."""

    code: str
    detail: str
    private: str = ""


CLAIM = """
UPDATE chat_variant SET status = 'streaming', lease_token = %(token)s, lease_until = now() + %(lease)s,
       attempts = attempts + 1, started_at = now()
WHERE id IN (
  SELECT id FROM chat_variant
  WHERE status IN ('pending', 'streaming') AND (lease_until IS NULL OR lease_until < now())
    {which}
  ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
CLAIM_ANY, CLAIM_ONE = CLAIM.format(which=""), CLAIM.format(which="AND id = %(only)s")


def claim(*, limit: int = 1, only: uuid.UUID | None = None) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Takes the lease of up to `limit` open replies (or of `only` that one); pairs of variant id and lease token.

    Two responders never get the same one: the claim is one conditional update that skips what others have locked.
    """
    token = new_id()
    params = {"token": token, "lease": _lease(), "only": only, "limit": limit}
    return [(row[0], token) for row in fetch_all(CLAIM_ONE if only else CLAIM_ANY, params, prepared=True)]


def begin(variant_id: uuid.UUID, token: uuid.UUID) -> Assignment | None:
    """Everything that is needed to write a claimed reply; None if there is nothing to write any more."""
    scenes = Variant.objects.select_related(f"{SCENE}__character", f"{SCENE}__persona")
    variant = scenes.defer(f"{SCENE}__character__search").filter(pk=variant_id, lease_token=token).first()
    if variant is None:
        return None
    if variant.stop_requested or variant.message.conversation.deleted_at is not None:
        _end(variant, token, Status.STOPPED)
        return None
    if variant.attempts > 1 + settings.REPLY_TAKEOVERS:
        _end(variant, token, Status.FAILED, Failure("PROVIDER_ERROR", GAVE_UP, "its responders died"))
        return None
    if variant.attempts > 1 and (variant.first_token_at is not None or live.read([variant_id]).get(variant_id)):
        variant = _start_over(variant)
        if variant is None:
            return None
    return _assignment(variant, token)


def _assignment(variant: Variant, token: uuid.UUID) -> Assignment:
    message = variant.message
    conversation = message.conversation
    model = text_model_for(variant.model)
    request = build_request(
        conversation,
        message,
        model,
        base_text=variant.base_text,
        continuation=variant.continuation,
        seed=f"{message.pk}/{variant.index}",
    )
    return Assignment(
        variant.pk, message.pk, conversation.pk, variant.index, token, variant.base_text, variant.base_index,
        model, request, variant.request_id,
    )  # fmt: skip


@transaction.atomic
def _start_over(variant: Variant) -> Variant | None:
    """After a responder died in mid-reply: its words stay as a failed variant, and a new one starts from the base.

    A new variant, because deltas count from 0 in each, and those of the dead run have been seen.
    """
    message = Message.objects.select_for_update(no_key=True).get(pk=variant.message_id)
    old = Variant.objects.select_for_update(no_key=True).get(pk=variant.pk)
    if old.lease_token != variant.lease_token:
        return None
    index = (message.variants.aggregate(last=Max("index"))["last"] or 0) + 1
    new = Variant.objects.create(
        message=message,
        index=index,
        text=old.base_text,
        base_text=old.base_text,
        status=Status.STREAMING,
        continuation=old.continuation,
        provider=old.provider,
        model=old.model,
        reservation_id=old.reservation_id,
        request_id=old.request_id,
        attempts=old.attempts,
        lease_token=old.lease_token,
        lease_until=old.lease_until,
        started_at=old.started_at,
    )
    _close(old, Status.FAILED, Failure("PROVIDER_ERROR", "This attempt was interrupted.", "its responder died"))
    old.reservation_id = None
    old.save()
    message.variant, message.text, message.status = index, new.text, Status.STREAMING
    message.rev = next_number(message.conversation_id)
    message.save(update_fields=["variant", "text", "status", "rev", "updated_at"])
    topics.message_updated(read_message(message.pk))
    new.message = message
    return new


def checkpoint(*, variant_id: uuid.UUID, token: uuid.UUID, text: str, next_index: int) -> Lease:
    """Saves the text so far and renews the lease; tells whether to go on.

    It has the variant before the message, so it never waits for the message: the next time will do.
    """
    row = fetch_one(
        """
        WITH saved AS (
          UPDATE chat_variant SET text = %(text)s, next_index = %(next)s, lease_until = now() + %(lease)s,
                 first_token_at = CASE WHEN %(next)s > base_index THEN COALESCE(first_token_at, now()) END
          WHERE id = %(id)s AND lease_token = %(token)s
          RETURNING stop_requested, message_id
        ), free AS (
          SELECT m.id FROM chat_message m JOIN saved ON m.id = saved.message_id
          WHERE m.status = 'pending' FOR NO KEY UPDATE OF m SKIP LOCKED
        ), shown AS (
          UPDATE chat_message m SET status = 'streaming' FROM free WHERE m.id = free.id
        )
        SELECT stop_requested FROM saved
        """,
        {"text": text, "next": next_index, "lease": _lease(), "id": variant_id, "token": token},
        prepared=True,
    )
    if row is None:
        return "lost"
    return "stop" if row[0] else "held"


@transaction.atomic
def finish(
    *,
    assignment: Assignment,
    status: Status,
    text: str,
    next_index: int,
    usage: TextUsage | None = None,
    failure: Failure | None = None,
) -> bool:
    """Ends a reply: its text, its price, its last frame. False if the lease was lost; then nothing is changed.

    Nothing is charged for a reply that ended before its first token.
    """
    message = Message.objects.select_for_update(no_key=True).get(pk=assignment.message_id)
    variant = Variant.objects.select_for_update(no_key=True).filter(
        pk=assignment.variant_id, lease_token=assignment.token, status__in=IN_PROGRESS
    ).first()  # fmt: skip
    if variant is None:
        return False
    wrote = next_index > variant.base_index
    usage = usage or _estimated(assignment, text)
    variant.text, variant.next_index = text, next_index
    variant.input_tokens, variant.output_tokens = usage.input_tokens, usage.output_tokens
    _close(variant, status, failure)
    variant.cost = _settle(variant, price_of(assignment.model, usage) if wrote else None)
    variant.save()
    if wrote and message.author_character_id:
        count_messages(character_id=message.author_character_id, amount=1)
    _show(message, variant)
    return True


def end_unclaimed(variant: Variant) -> None:
    """Stops a reply that no responder holds. Call in a transaction that has locked message and variant."""
    _close(variant, Status.STOPPED, None)
    variant.text = variant.base_text
    variant.save()
    _settle(variant, None)
    _show(variant.message, variant)


def refuse(variant_id: uuid.UUID, token: uuid.UUID, failure: Failure) -> None:
    """Ends a claimed reply that can't be begun."""
    variant = Variant.objects.filter(pk=variant_id, lease_token=token).first()
    if variant:
        _end(variant, token, Status.FAILED, failure)


def give_back(*, variant_id: uuid.UUID, token: uuid.UUID) -> None:
    """Lets go of a reply that this responder can't end, so that another takes it at once."""
    Variant.objects.filter(pk=variant_id, lease_token=token).update(lease_until=None)


@transaction.atomic
def _end(variant: Variant, token: uuid.UUID, status: Status, failure: Failure | None = None) -> None:
    """Ends a reply of which nothing more will be written, with what its last checkpoint has."""
    message = Message.objects.select_for_update(no_key=True).get(pk=variant.message_id)
    held = Variant.objects.select_for_update(no_key=True).filter(pk=variant.pk, lease_token=token).first()
    if held is None:
        return
    held.text = held.text or held.base_text
    _close(held, status, failure)
    held.save()
    _settle(held, None)
    _show(message, held)


def _close(variant: Variant, status: Status, failure: Failure | None) -> None:
    variant.status, variant.finished_at = status, timezone.now()
    variant.lease_token = variant.lease_until = None
    if failure:
        variant.error_code, variant.error_detail, variant.error_private = failure.code, failure.detail, failure.private


def _settle(variant: Variant, price: Any) -> Any:
    """Captures `price`, or gives everything back where it is None; returns what was charged."""
    if variant.reservation_id is None:
        return 0
    if price is None:
        billing.release(reservation_id=variant.reservation_id, reason="no reply was written")
        return 0
    return billing.capture(reservation_id=variant.reservation_id, amount=price).captured


def _show(message: Message, variant: Variant) -> None:
    """Puts the ended variant into its message and tells everybody."""
    tokens = count_tokens(variant.text)
    rev = next_number(message.conversation_id, tokens=tokens - message.tokens)
    Message.objects.filter(pk=message.pk).update(
        text=variant.text,
        status=variant.status,
        variant=variant.index,
        tokens=tokens,
        rev=rev,
        updated_at=timezone.now(),
    )
    if message.deleted_at is None:
        topics.message_updated(read_message(message.pk))


def _estimated(assignment: Assignment, text: str) -> TextUsage:
    """For a reply that was cut off: its provider had no chance to count."""
    read = sum(count_tokens(part.content) for part in assignment.request.messages)
    return TextUsage(read, count_tokens(text[len(assignment.base_text) :]), "stop")


def _lease() -> timedelta:
    return timedelta(seconds=settings.REPLY_LEASE_SECONDS)
