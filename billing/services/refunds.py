"""Money back. The wish is a row first; its id is the key under which the provider is asked, as often as it takes."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from billing import providers
from billing.models import Payment, Refund, Wallet
from billing.providers.base import About, ProviderError, RefundOrder, RefundState
from billing.selectors.payers import require_payer
from billing.services.following import follow
from common import audit
from common.errors import Conflict, NotFound, Problem, ValidationProblem

LEASE = timedelta(seconds=90)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
TRIES = 20
REFUNDABLE = {Payment.Status.PAID, Payment.Status.PARTIALLY_REFUNDED}
Status = Refund.Status


def request_refund(
    *, payment_id: uuid.UUID, actor: User, reason: str, amount: int | None = None, by_staff: bool = False
) -> Refund:
    """Gives the rest of a payment back, or of it `amount` (minor units; staff only). Never call it in a transaction.

    People take back what they bought within `REFUND_DAYS`, as long as its credits are not spent. What the provider did
    not answer is asked again by a sweep; the refund says `pending` until then.

    Raises NotFound, Forbidden, Conflict, ValidationProblem.
    """
    refund = _request(payment_id, actor, reason, amount, by_staff)
    send_refund(refund.pk)
    refund.refresh_from_db()
    return refund


@transaction.atomic
def _request(payment_id: uuid.UUID, actor: User, reason: str, amount: int | None, by_staff: bool) -> Refund:
    payment = Payment.objects.select_for_update(no_key=True).filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    if not by_staff:
        _require_own(payment, actor)
    if payment.status not in REFUNDABLE:
        raise Conflict("Only a payment that was received, and is not contested, can go back.")
    done = sum(payment.refunds.filter(status=Status.SUCCEEDED).values_list("amount", flat=True))
    rest = payment.amount - max(payment.refunded_amount, done)
    if rest <= 0:
        raise Conflict("All of it went back already.")
    amount = rest if amount is None else amount
    if not 0 < amount <= rest:
        raise ValidationProblem(errors={"amount": [f"At most {rest} can go back."]})
    if amount < rest and "partial_refund" not in providers.get(payment.provider).abilities:
        raise ValidationProblem(errors={"amount": ["This payment service gives back all or nothing."]})
    try:
        with transaction.atomic():
            refund = Refund.objects.create(payment=payment, amount=amount, reason=reason, requested_by=actor)
    except IntegrityError as error:
        raise Conflict("A refund of this payment is on its way already.") from error
    audit.record(actor=actor, action="payment.refund", target=payment, reason=reason, data={"amount": amount})
    return refund


def _require_own(payment: Payment, actor: User) -> None:
    if payment.user_id != actor.pk:
        require_payer(actor.pk, payment.organization_id)
    if why_not := why_not_refundable(payment):
        raise Conflict(why_not)


def why_not_refundable(payment: Payment) -> str:
    """Why its owner can't take a payment back themselves; empty where they can."""
    if payment.status != Payment.Status.PAID or payment.paid_at is None:
        return "Only a payment that was received, and is not contested, can go back."
    if payment.paid_at < timezone.now() - timedelta(days=settings.REFUND_DAYS):
        return f"It is more than {settings.REFUND_DAYS} days old. Please write to us."
    wallet = Wallet.objects.filter(organization_id=payment.organization_id).first()
    main, bonus = (wallet.balance, wallet.bonus_balance) if wallet else (0, 0)
    if main < payment.credits or bonus < payment.bonus_credits:
        return "Some of its credits are spent. Please write to us."
    return ""


def send_refund(refund_id: uuid.UUID) -> bool:
    """Asks the provider, at most one at a time; True where it has answered for good. Safe to run twice."""
    refund = _claim(refund_id)
    if refund is None:
        return False
    payment = refund.payment
    try:
        state = providers.get(payment.provider).refund(
            RefundOrder(
                key=str(refund.pk),
                intent_id=payment.intent_id,
                amount=refund.amount,
                currency=payment.currency,
                total=payment.amount,
                already=sum(payment.refunds.filter(status=Status.SUCCEEDED).values_list("amount", flat=True)),
                reason=refund.reason,
            )
        )
    except ProviderError as error:
        _postpone(refund, str(error), permanent=error.permanent)
        return False
    _answered(refund, state)
    try:
        follow(payment.provider, About("charge", payment.intent_id))
    except (ProviderError, Problem):
        return True  # the sweep will see what became of the payment
    return True


def _claim(refund_id: uuid.UUID) -> Refund | None:
    now = timezone.now()
    due = Refund.objects.filter(pk=refund_id, status=Status.PENDING).exclude(next_try_at__gt=now)
    if not due.update(attempts=F("attempts") + 1, next_try_at=now + LEASE, updated_at=now):
        return None
    return Refund.objects.select_related("payment").get(pk=refund_id)


def _answered(refund: Refund, state: RefundState) -> None:
    still = Refund.objects.filter(pk=refund.pk, status=Status.PENDING)
    if state.status == "pending":
        still.update(provider_refund_id=state.refund_id, next_try_at=timezone.now() + LONGEST_WAIT)
    else:
        still.update(
            provider_refund_id=state.refund_id,
            status=Status.SUCCEEDED if state.status == "succeeded" else Status.FAILED,
            next_try_at=None,
            error="" if state.status == "succeeded" else "The payment service could not give it back.",
            updated_at=timezone.now(),
        )


def _postpone(refund: Refund, error: str, *, permanent: bool) -> None:
    gives_up = permanent or refund.attempts >= TRIES
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(refund.attempts, 10))
    Refund.objects.filter(pk=refund.pk, status=Status.PENDING).update(
        status=Status.FAILED if gives_up else Status.PENDING,
        next_try_at=None if gives_up else timezone.now() + wait,
        error=error[:500],
        updated_at=timezone.now(),
    )


def send_due_refunds() -> int:
    """What was not answered, and what nobody has asked for since a process died."""
    due = Refund.objects.filter(status=Status.PENDING).exclude(next_try_at__gt=timezone.now())
    old = due.filter(created_at__lt=timezone.now() - timedelta(seconds=30))
    return sum(send_refund(pk) for pk in old.order_by("created_at").values_list("pk", flat=True)[:200])
