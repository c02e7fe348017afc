"""What watches over wallets: who is told that one runs low, and packs that buy themselves with a kept card.

A charge is a row (`CheckoutSession`, `automatic`) before the provider is asked, and its id is the key of the asking.
One without an answer is asked again under the same key, so nothing is charged twice, whatever a time-out hid.
The row of the top-up is the lock: one charge at a time for a wallet, and never more in a month than its cap.
"""

import uuid
from datetime import timedelta
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from billing import providers, telling
from billing.amounts import checked_amount
from billing.models import (
    Budget,
    CheckoutSession,
    Customer,
    Pack,
    Payment,
    PaymentType,
    Price,
    TopUp,
    Wallet,
    period_start,
)
from billing.money import written
from billing.providers.base import Charge, KeptCharge, Provider, ProviderError
from billing.selectors.payers import require_payer
from billing.services import payments
from billing.services.checkouts import price_with, prices_of
from common import audit
from common.errors import Problem, ValidationProblem

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=120)  # longer than a provider may take to answer
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
PENDING_WAIT = timedelta(minutes=10)
FAILURES = 3
# Providers forget keys after a day: a charge that nobody answered for so long is not asked for again.
ASKED_FOR = timedelta(hours=20)
AT_ONCE = 200
Status = CheckoutSession.Status


# --- what people set --------------------------------------------------------------------------------------------------


@transaction.atomic
def set_top_up(
    *,
    organization_id: uuid.UUID,
    actor: User,
    enabled: bool,
    threshold: Decimal | int | str,
    low_balance_at: Decimal | int | str,
    pack: str = "",
    provider: str = "",
    monthly_cap: int = 0,
    currency: str = "",
) -> TopUp:
    """Buys `pack` whenever the wallet has less than `threshold`, for at most `monthly_cap` (minor units) a month of
    UTC's calendar; tells when it has less than `low_balance_at` (0: never).

    Raises NotFound and Forbidden where the person may not pay for the organisation, ValidationProblem.
    """
    require_payer(actor.pk, organization_id)
    TopUp.objects.get_or_create(organization_id=organization_id)
    row = TopUp.objects.select_for_update(no_key=True).get(organization_id=organization_id)
    row.threshold = checked_amount(threshold, zero=True)
    low = checked_amount(low_balance_at, zero=True)
    if row.low_balance_at != low:
        row.low_balance_at, row.told_low = low, False
    row.pack = _pack(pack) if pack else None
    row.provider, row.currency, row.monthly_cap = provider, currency, monthly_cap
    if enabled:
        _require_chargeable(row)
        row.user = actor
        row.failures, row.next_try_at = 0, row.next_try_at if row.enabled else None
    row.enabled = enabled
    row.save()
    data = {"enabled": enabled, "pack": pack, "provider": provider, "monthly_cap": monthly_cap, "currency": currency}
    audit.record(actor=actor, action="top_up.set", target=row, data=data)
    return row


def _pack(name: str) -> Pack:
    pack = Pack.objects.filter(name=name, is_active=True).first()
    if pack is None:
        raise ValidationProblem(errors={"package_id": ["There is no such pack for sale."]})
    return pack


def _require_chargeable(row: TopUp) -> None:
    if row.pack is None:
        raise ValidationProblem(errors={"package_id": ["Say which pack to buy."]})
    if row.threshold <= 0:
        raise ValidationProblem(errors={"threshold": ["Give a number of credits above zero."]})
    if not row.provider or row.provider not in [member.name for member in keepers(row.organization_id)]:
        raise ValidationProblem(
            errors={"provider": ["It has no card of yours. Buy a pack there once, and it keeps your card."]}
        )
    price = _price(row)
    if row.monthly_cap <= 0:
        raise ValidationProblem(errors={"monthly_cap": ["Say how much it may charge in a month."]})
    if price is None or not row.currency:
        raise ValidationProblem(errors={"currency": ["The pack is not sold in this currency with this provider."]})
    if row.monthly_cap < price.amount:
        at_least = written(price.amount, price.currency)
        raise ValidationProblem(errors={"monthly_cap": [f"The pack costs {at_least}: allow that much at least."]})


def keepers(organization_id: uuid.UUID) -> list[Provider]:
    """The providers that keep a card of this organisation, and charge it when nobody is there."""
    customers = Customer.objects.filter(organization_id=organization_id).exclude(method_id="")
    kept = set(customers.values_list("provider", flat=True))
    return [member for member in providers.configured() if member.name in kept and "keep" in member.abilities]


def _price(row: TopUp) -> Price | None:
    if row.pack is None or not row.pack.is_active or row.provider not in providers.names():
        return None
    return price_with(prices_of(row.pack, "", recurring=False), providers.get(row.provider), row.currency)


def charged_this_month(organization_id: uuid.UUID, currency: str) -> int:
    """What automatic top-up has charged in this month of UTC's calendar, or may have; minor units."""
    since = period_start(Budget.Period.MONTH, timezone.now())
    sessions = _automatic(organization_id).filter(currency=currency, created_at__gte=since)
    total = sessions.filter(status__in=[Status.OPEN, Status.PAID]).aggregate(total=Sum("amount"))["total"]
    return total or 0


def _automatic(organization_id: uuid.UUID) -> QuerySet[CheckoutSession]:
    return CheckoutSession.objects.filter(organization_id=organization_id, automatic=True)


# --- the watch --------------------------------------------------------------------------------------------------------


def watch_wallets() -> int:
    """Tells whose wallets run low, and fills up those that ask for it. Returns how many charges were asked for.

    For the scheduler; any number may run at once, and be killed anywhere.
    """
    _tell_low()
    due = TopUp.objects.exclude(next_try_at__gt=timezone.now())
    unanswered = due.filter(organization__checkouts__automatic=True, organization__checkouts__status=Status.OPEN)
    asked = sum(_ask_again(pk) for pk in unanswered.order_by("next_try_at").values_list("pk", flat=True)[:AT_ONCE])
    low = due.filter(_total_below("threshold"), enabled=True).order_by("next_try_at")
    return asked + sum(_fill_up(pk) for pk in low.values_list("pk", flat=True)[:AT_ONCE])


def _total_below(field: str) -> Q:
    return Q(organization__wallet__balance__lt=F(field) - F("organization__wallet__bonus_balance"))


def _tell_low() -> None:
    wallets = TopUp.objects.filter(low_balance_at__gt=0)
    wallets.filter(~_total_below("low_balance_at"), told_low=True).update(told_low=False, updated_at=timezone.now())
    for pk in wallets.filter(_total_below("low_balance_at"), told_low=False).values_list("pk", flat=True)[:AT_ONCE]:
        _tell(pk)


@transaction.atomic
def _tell(pk: uuid.UUID) -> None:
    row = TopUp.objects.select_for_update(no_key=True).get(pk=pk)
    wallet = Wallet.objects.get(organization_id=row.organization_id)
    if row.told_low or wallet.total >= row.low_balance_at:
        return
    row.told_low = True
    row.save(update_fields=["told_low", "updated_at"])
    telling.tell_of_low_balance(wallet)


def _fill_up(pk: uuid.UUID) -> bool:
    """Begins a charge where one is due, and asks for it."""
    session = _begin(pk)
    return session is not None and _charge(session)


@transaction.atomic
def _begin(pk: uuid.UUID) -> CheckoutSession | None:
    row = TopUp.objects.select_for_update(of=("self",), no_key=True).select_related("pack").get(pk=pk)
    now = timezone.now()
    wallet = Wallet.objects.get(organization_id=row.organization_id)
    running = _automatic(row.organization_id).filter(status=Status.OPEN).exists()
    if not row.enabled or running or wallet.total >= row.threshold or (row.next_try_at and row.next_try_at > now):
        return None
    price, customer = _price(row), _customer(row)
    if price is None or customer is None:
        _count_failure(row, f"{row.pack} pack", row.monthly_cap)
        return None
    if charged_this_month(row.organization_id, price.currency) + price.amount > row.monthly_cap:
        return None
    last = _automatic(row.organization_id).order_by("-id").first()
    if last and last.status == Status.PAID:
        row.failures = 0
    row.charges += 1
    row.next_try_at = now + LEASE
    row.save()
    return _new_session(row, price)


def _new_session(row: TopUp, price: Price) -> CheckoutSession:
    assert row.pack
    return CheckoutSession.objects.create(
        organization_id=row.organization_id,
        user_id=row.user_id,
        provider=row.provider,
        type=PaymentType.ONE_TIME,
        price=price,
        pack=row.pack,
        description=f"{row.pack.title} pack, automatic top-up",
        amount=price.amount,
        currency=price.currency,
        credits=row.pack.credits,
        bonus_credits=row.pack.bonus_credits,
        expires_at=timezone.now() + ASKED_FOR,
        key=f"topup:{row.organization_id}:{row.charges}",
        automatic=True,
    )


def _customer(row: TopUp) -> Customer | None:
    kept = Customer.objects.filter(organization_id=row.organization_id, provider=row.provider)
    return kept.exclude(method_id="").first()


def _ask_again(pk: uuid.UUID) -> bool:
    """Asks once more for a charge whose answer nobody has: the process died, or the provider did not answer."""
    now = timezone.now()
    claimed = TopUp.objects.filter(pk=pk).exclude(next_try_at__gt=now).update(next_try_at=now + LEASE)
    if not claimed:
        return False
    row = TopUp.objects.get(pk=pk)
    session = _automatic(row.organization_id).filter(status=Status.OPEN).order_by("id").first()
    if session is None:
        return False
    if session.expires_at < now:
        _end_failed(session, "no answer within a day")
        return False
    return _charge(session)


def _charge(session: CheckoutSession) -> bool:
    """Asks the provider, outside of any transaction, and brings our rows in line with its answer."""
    customer = Customer.objects.filter(organization_id=session.organization_id, provider=session.provider).first()
    try:
        member = providers.get(session.provider)
        charge = member.charge_kept(
            KeptCharge(
                reference=str(session.pk),
                description=session.description,
                amount=session.amount,
                currency=session.currency,
                customer_id=customer.customer_id if customer else "",
                method_id=customer.method_id if customer else "",
            )
        )
    except ProviderError as error:
        log.warning("top-up not charged", session=str(session.pk), provider=session.provider, why=str(error))
        _end_failed(session, str(error)) if error.permanent else _wait(session)
        return False
    except Problem:  # the provider is no longer set up here
        _wait(session)
        return False
    _record(session, charge)
    return True


@transaction.atomic
def _record(session: CheckoutSession, charge: Charge) -> None:
    locked = CheckoutSession.objects.select_for_update(no_key=True).get(pk=session.pk)
    payment = payments.record_charge(charge, session=locked)
    locked.read_at = timezone.now()
    locked.save()
    if locked.status == Status.PAID:
        TopUp.objects.filter(organization_id=locked.organization_id).update(
            failures=0, next_try_at=None, updated_at=timezone.now()
        )
    elif payment and payment.status == Payment.Status.PENDING:
        _postpone(locked.organization_id, PENDING_WAIT)
    else:
        _end_failed(locked, "refused")


@transaction.atomic
def _end_failed(session: CheckoutSession, why: str) -> None:
    """This charge is over, and a failure. Should it turn out paid after all, its credits come all the same."""
    over = CheckoutSession.objects.filter(pk=session.pk, status=Status.OPEN)
    if not over.update(status=Status.FAILED, updated_at=timezone.now()):
        return
    log.warning("top-up failed", session=str(session.pk), provider=session.provider, why=why)
    row = TopUp.objects.select_for_update(no_key=True).get(organization_id=session.organization_id)
    _count_failure(row, session.description, session.amount)


def _count_failure(row: TopUp, description: str, amount: int) -> None:
    """After three in a row it switches itself off and says so. Wants the row locked, and saves it."""
    row.failures += 1
    row.next_try_at = timezone.now() + min(LONGEST_WAIT, timedelta(hours=1) * 2 ** (row.failures - 1))
    if row.failures >= FAILURES and row.enabled:
        row.enabled = False
        telling.tell_of_top_up_off(row, description, amount)
    row.save()


def _wait(session: CheckoutSession) -> None:
    """The longer nobody answers, the rarer it is asked."""
    _postpone(session.organization_id, min(LONGEST_WAIT, max(FIRST_WAIT, timezone.now() - session.created_at)))


def _postpone(organization_id: uuid.UUID, wait: timedelta) -> None:
    now = timezone.now()
    TopUp.objects.filter(organization_id=organization_id).update(next_try_at=now + wait, updated_at=now)
