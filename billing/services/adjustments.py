"""Adjustments above `settings.SECOND_PERSON_ABOVE` credits: asked for by one of the staff, made when another agrees."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from billing.amounts import checked_amount
from billing.models import AdjustmentRequest, Wallet
from billing.services.credits import Bucket, adjust_credits
from common import audit
from common.errors import Conflict, Forbidden, NotFound
from common.models import new_id

Status = AdjustmentRequest.Status


def needs_second_person(amount: Decimal) -> bool:
    return abs(amount) > settings.SECOND_PERSON_ABOVE


@transaction.atomic
def request_adjustment(
    *, wallet_id: uuid.UUID, amount: Decimal, bucket: Bucket, actor: User, reason: str, key: uuid.UUID | None = None
) -> AdjustmentRequest:
    """Asks for credits (below zero: takes them away). The row gets `key` as its id, so that a repeat asks once.

    Moves nothing. Raises NotFound without the wallet, Conflict where the key stands for something else,
    ValidationProblem.
    """
    wallet = Wallet.objects.filter(pk=wallet_id).first()
    if wallet is None:
        raise NotFound
    request, is_new = AdjustmentRequest.objects.get_or_create(
        pk=key or new_id(),
        defaults={
            "wallet": wallet,
            "amount": checked_amount(amount, signed=True),
            "bucket": bucket,
            "reason": reason,
            "requested_by": actor,
        },
    )
    asked = (request.wallet_id, request.amount, request.bucket, request.requested_by_id)
    if asked != (wallet_id, amount, bucket, actor.pk):
        raise Conflict("This key was used for something else.")
    if is_new:
        _record(request, actor, "adjustment.request", reason)
    return request


@transaction.atomic
def approve_adjustment(*, request_id: uuid.UUID, actor: User, reason: str) -> dict[str, Any]:
    """Moves the credits and returns the entry. However many agree at once, they move once.

    Raises NotFound, Forbidden for who asked, Conflict where it was decided already, NoCredits rather than go below
    zero: then it still waits.
    """
    request = _decide(request_id, actor, Status.APPROVED)
    entry = adjust_credits(
        organization_id=request.wallet.organization_id,
        amount=request.amount,
        bucket=request.bucket,  # type: ignore[arg-type]
        key=f"adjustment:{request.pk}",
        description=request.reason,
    )
    _record(request, actor, "adjustment.approve", reason, entry=entry["id"])
    return entry


@transaction.atomic
def refuse_adjustment(*, request_id: uuid.UUID, actor: User, reason: str) -> AdjustmentRequest:
    """Moves nothing. Raises NotFound, Forbidden for who asked, Conflict where it was decided already."""
    request = _decide(request_id, actor, Status.REFUSED)
    _record(request, actor, "adjustment.refuse", reason)
    return request


def _decide(request_id: uuid.UUID, actor: User, status: AdjustmentRequest.Status) -> AdjustmentRequest:
    rows = AdjustmentRequest.objects.select_for_update(of=("self",)).select_related("wallet")
    request = rows.filter(pk=request_id).first()
    if request is None:
        raise NotFound
    if request.requested_by_id == actor.pk:
        raise Forbidden("Somebody else has to decide this: it is your own request.")
    if request.status != Status.WAITING:
        raise Conflict(f"This was decided already: it is {request.status}.")
    request.status, request.decided_by, request.decided_at = status, actor, timezone.now()
    request.save()
    return request


def _record(request: AdjustmentRequest, actor: User, action: str, reason: str, **more: Any) -> None:
    data = {"wallet": str(request.wallet_id), "amount": f"{request.amount:f}", "bucket": request.bucket}
    audit.record(actor=actor, action=action, target=request, reason=reason, data=data | more)
