"""What becomes of money that answers to nothing of ours: it goes back, becomes credits, or is closed with a note.

A resolution without its time is a refund that was begun: the provider may have made it, so nothing but the same refund
may follow.
"""

import uuid
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from billing import providers
from billing.models import Kind, UnmatchedCharge
from billing.providers.base import ProviderError, RefundOrder
from billing.services.adjustments import needs_second_person
from billing.services.credits import grant_credits
from common import audit
from common.errors import Conflict, NotFound, ProviderFailed, Unavailable
from common.rendering import credits_string

LONGEST = 500


def refund_unmatched(*, charge_id: uuid.UUID, actor: User, reason: str) -> UnmatchedCharge:
    """Gives all of it back at the provider, at most once. Never call it in a transaction.

    Raises NotFound, Conflict where it is resolved, Unavailable where asking again helps, ProviderFailed.
    """
    charge = _begin_refund(charge_id, actor, reason)
    order = RefundOrder(
        key=str(charge.pk),
        intent_id=charge.intent_id,
        amount=charge.amount,
        currency=charge.currency,
        total=charge.amount,
        already=0,
        reason=reason,
    )
    try:
        state = providers.get(charge.provider).refund(order)
    except ProviderError as error:
        if not error.permanent:
            raise Unavailable(error.public, code="PROVIDER_UNAVAILABLE", retry_after=5) from error
        _give_up_refund(charge.pk)
        raise ProviderFailed(error.public) from error
    if state.status == "failed":
        _give_up_refund(charge.pk)
        raise ProviderFailed("The payment service could not give it back.")
    return _resolve(charge.pk, actor, "unmatched.refund", reason, f"Given back ({state.refund_id}): {reason}")


def credit_unmatched(
    *, charge_id: uuid.UUID, organization_id: uuid.UUID, amount: Decimal, actor: User, reason: str
) -> UnmatchedCharge:
    """Gives an organisation credits for it, once, into the main bucket.

    Raises NotFound without the charge or the wallet, Conflict where it is resolved, is being given back, or where so
    many credits need a second person.
    """
    if needs_second_person(amount):
        raise Conflict("So many credits need a second person: ask for an adjustment of the wallet, then close this.")
    with transaction.atomic():
        if _open(charge_id).resolution:
            raise Conflict("A refund of it was begun: finish that first.")
        grant_credits(
            organization_id=organization_id,
            amount=amount,
            key=f"unmatched:{charge_id}",
            kind=Kind.GRANT,
            feature="purchase",
            reference={"type": "unmatched_charge", "id": str(charge_id)},
            description=reason,
        )
        said = f"{credits_string(amount)} credits to organisation {organization_id}: {reason}"
        return _resolve(charge_id, actor, "unmatched.credit", reason, said)


@transaction.atomic
def close_unmatched(*, charge_id: uuid.UUID, actor: User, reason: str) -> UnmatchedCharge:
    """Only says that it is settled. Raises NotFound, Conflict where it is resolved."""
    return _resolve(charge_id, actor, "unmatched.close", reason, reason)


def _open(charge_id: uuid.UUID) -> UnmatchedCharge:
    charge = UnmatchedCharge.objects.select_for_update(no_key=True).filter(pk=charge_id).first()
    if charge is None:
        raise NotFound
    if charge.resolved_at:
        raise Conflict("This is resolved already.")
    return charge


@transaction.atomic
def _begin_refund(charge_id: uuid.UUID, actor: User, reason: str) -> UnmatchedCharge:
    charge = _open(charge_id)
    charge.resolution = f"A refund was begun: {reason}"[:LONGEST]
    charge.save()
    audit.record(actor=actor, action="unmatched.refund_begun", target=charge, reason=reason)
    return charge


@transaction.atomic
def _give_up_refund(charge_id: uuid.UUID) -> None:
    charge = _open(charge_id)
    charge.resolution = ""
    charge.save()


@transaction.atomic
def _resolve(charge_id: uuid.UUID, actor: User, action: str, reason: str, said: str) -> UnmatchedCharge:
    charge = _open(charge_id)
    charge.resolution, charge.resolved_at, charge.resolved_by = said[:LONGEST], timezone.now(), actor
    charge.save()
    audit.record(actor=actor, action=action, target=charge, reason=reason, data={"resolution": said[:LONGEST]})
    return charge
