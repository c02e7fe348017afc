"""Plans that run: how they begin, go on and end, and the credits that each paid month brings.

The functions that take a `Subscription` want it locked (`billing.services.following` does) and leave saving to the
caller, except where they say otherwise.
"""

import uuid
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing import notices, plans
from billing.models import (
    BillingPeriod,
    CheckoutSession,
    Entry,
    Kind,
    Payment,
    Plan,
    Price,
    Status,
    Subscription,
    Wallet,
)
from billing.providers.base import SubscriptionState
from billing.services import credits as ledger
from billing.services import ends

Live = Subscription.Status


def begin(session: CheckoutSession, state: SubscriptionState) -> Subscription | None:
    """The subscription that a checkout began, saved; None where it has not begun.

    Where another one runs, two were paid at once: the second is over from the start, and the finance desk sees its
    money.
    """
    rows = Subscription.objects.select_for_update(no_key=True)
    known = rows.filter(provider=session.provider, provider_subscription_id=state.subscription_id).first()
    if known:
        apply_state(known, state)
        return known
    if state.status in {"incomplete", "cancelled", "expired"}:
        return None
    running = live_for_update(session.organization_id)
    surplus = running is not None and running.renews
    if running and not surplus:
        end(running, Live.EXPIRED)
        running.save()
    assert session.plan
    subscription = Subscription(
        organization_id=session.organization_id,
        user_id=session.user_id,
        plan=session.plan,
        price=session.price,
        provider=session.provider,
        provider_subscription_id=state.subscription_id,
        status=Live.ACTIVE,
        renews=True,
        billing_period=session.billing_period,
        amount=state.amount,
        currency=state.currency,
        started_at=state.period_start,
        current_period_start=state.period_start,
        current_period_end=state.period_end,
        next_grant_at=state.period_start,
    )
    if surplus:
        subscription.status, subscription.ended_at = Live.CANCELLED, timezone.now()
        ends.tell_provider_later(subscription, ends.EndWanted.AT_ONCE)
        subscription.save()
        return subscription
    apply_state(subscription, state)
    subscription.save()
    notices.plan_changed(subscription)
    return subscription


def live_for_update(organization_id: uuid.UUID) -> Subscription | None:
    rows = Subscription.objects.select_for_update(no_key=True).filter(organization_id=organization_id)
    return rows.filter(status__in=Subscription.LIVE).first()


def apply_state(subscription: Subscription, state: SubscriptionState) -> None:
    """What the provider says, unless we have ended it ourselves: what is over stays over."""
    if subscription.status not in Subscription.LIVE:
        return
    now = timezone.now()
    subscription.current_period_start, subscription.current_period_end = state.period_start, state.period_end
    subscription.cancel_at_period_end = state.cancel_at_period_end or bool(subscription.end_wanted)
    if state.paid_until and (subscription.paid_until is None or state.paid_until > subscription.paid_until):
        subscription.paid_until = state.paid_until
    if state.status in {"cancelled", "expired"}:
        end(subscription, Live.CANCELLED if state.status == "cancelled" else Live.EXPIRED)
        return
    if state.status == "past_due":
        if subscription.status != Live.PAST_DUE:
            subscription.grace_until = now + timedelta(days=settings.GRACE_DAYS)
            notices.renewal_failed(subscription)
        subscription.status = Live.PAST_DUE
    elif state.status in {"active", "trialing"}:
        subscription.status, subscription.grace_until = Live(state.status), None
    _follow_price(subscription, state)
    plans.forget(subscription.organization_id)


def _follow_price(subscription: Subscription, state: SubscriptionState) -> None:
    """The plan may have been changed at the provider, by its portal or by our own request."""
    same = (state.amount, state.currency, state.every)
    if same == (subscription.amount, subscription.currency, subscription.billing_period):
        return
    price = _price_of(subscription, state)
    subscription.amount, subscription.currency = state.amount, state.currency
    subscription.billing_period = BillingPeriod(state.every)
    if price and price.plan:
        subscription.price = price
        if price.plan != subscription.plan:
            _go_over(subscription, price.plan)


def _price_of(subscription: Subscription, state: SubscriptionState) -> Price | None:
    prices = Price.objects.select_related("plan").filter(plan__isnull=False, recurring=True)
    if state.price_ref and (named := prices.filter(provider_ref=state.price_ref).first()):
        return named
    offered = prices.filter(amount=state.amount, currency=state.currency, billing_period=state.every)
    return offered.filter(provider__in=[subscription.provider, ""]).order_by("-is_active", "-provider", "id").first()


def _go_over(subscription: Subscription, plan: Plan) -> None:
    """To another plan in mid-month: its credits come at once for the days that are left, less what the old one gave."""
    amount = credits_of_going_over(subscription, plan)
    subscription.plan = plan
    if amount:
        _grant(subscription, amount, f"{plan.title}: the rest of this month", _over(subscription, plan))
    notices.plan_changed(subscription)


def credits_of_going_over(subscription: Subscription, plan: Plan) -> Decimal:
    """What another plan would bring now: for the days that are left, what it has more than the best plan of this month.
    So going to and fro brings nothing."""
    if not subscription.months_granted:
        return Decimal(0)
    key = f"subscription:{subscription.pk}"
    others = {f"{key}:{_over(subscription, other)}": other.monthly_credits for other in Plan.objects.all()}
    begun = f"{key}:month:{subscription.months_granted - 1}"
    given = Entry.objects.filter(key__in=[begun, *others]).values_list("key", "bonus")
    best = max([subscription.plan.monthly_credits, *(others.get(key, amount) for key, amount in given)])
    more = (plan.monthly_credits - best) * left_of_month(subscription)
    return max(Decimal(0), more.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _over(subscription: Subscription, plan: Plan) -> str:
    return f"over:{subscription.months_granted}:{plan.name}"


def left_of_month(subscription: Subscription) -> Decimal:
    """Which part of the present month of credits is still to come, from 0 to 1."""
    now, until = timezone.now(), subscription.next_grant_at
    if until is None or until <= now:
        return Decimal(0)
    month = until - (until - relativedelta(months=1))
    return min(Decimal(1), Decimal((until - now).total_seconds()) / Decimal(month.total_seconds()))


def record_payment(subscription: Subscription, payment: Payment) -> None:
    """A period was paid."""
    if payment.period_end and (subscription.paid_until is None or payment.period_end > subscription.paid_until):
        subscription.paid_until = payment.period_end
    if subscription.status == Live.PAST_DUE and subscription.paid_until and subscription.paid_until > timezone.now():
        subscription.status, subscription.grace_until = Live.ACTIVE, None
    plans.forget(subscription.organization_id)


# --- the credits of each month ----------------------------------------------------------------------------------------


def grant_due_months(subscription: Subscription) -> int:
    """Gives the credits of every paid month that has begun; returns how many months."""
    now, granted = timezone.now(), 0
    while _is_due(subscription, now):
        _expire_what_does_not_carry_over(subscription)
        if subscription.plan.monthly_credits:
            said = f"{subscription.plan.title}: credits of the month"
            _grant(subscription, subscription.plan.monthly_credits, said, f"month:{subscription.months_granted}")
        subscription.months_granted += 1
        subscription.next_grant_at = subscription.started_at + relativedelta(months=subscription.months_granted)
        granted += 1
    return granted


def _is_due(subscription: Subscription, now: datetime) -> bool:
    due, paid = subscription.next_grant_at, subscription.paid_until
    return (
        subscription.status in Subscription.LIVE and due is not None and paid is not None and due <= now and due < paid
    )


def _grant(subscription: Subscription, amount: Decimal, description: str, what: str) -> None:
    ledger.grant_credits(
        organization_id=subscription.organization_id,
        amount=amount,
        key=f"subscription:{subscription.pk}:{what}",
        bucket="bonus",
        kind=Kind.GRANT,
        feature="plan",
        reference={"type": "subscription", "id": str(subscription.pk)},
        description=description,
    )
    subscription.unspent += amount
    payments = subscription.payments.filter(paid_at__isnull=False, gone_back_at=None).order_by("-period_end", "-id")
    if payment := payments.first():  # a refund of the period takes them back
        payment.bonus_credits += amount
        payment.save(update_fields=["bonus_credits", "updated_at"])


def _expire_what_does_not_carry_over(subscription: Subscription) -> None:
    """Credits of earlier months stay up to the plan's `carry_over`. Gifts count as spent before them, so at most what a
    plan gave runs out."""
    wallet = Wallet.objects.select_for_update(no_key=True).get(organization_id=subscription.organization_id)
    left = min(wallet.bonus_balance, subscription.unspent)
    over = left - subscription.plan.carry_over
    if over > 0:
        ledger.expire(
            organization_id=subscription.organization_id,
            amount=over,
            key=f"subscription:{subscription.pk}:expiry:{subscription.months_granted}",
            feature="plan",
            description=f"{subscription.plan.title}: more than what carries over",
        )
        left -= over
    subscription.unspent = left


# --- time bought once, and trials -------------------------------------------------------------------------------------


def begin_bought_period(session: CheckoutSession, payment: Payment) -> None:
    """A month or a year of a plan, paid once. It goes on top of what is left of the same plan. Saves both rows."""
    assert session.plan
    now, length = timezone.now(), _length(session)
    running = live_for_update(session.organization_id)
    if running and running.plan_id == session.plan_id and not running.renews and running.status == Live.ACTIVE:
        running.current_period_end += length
        subscription = running
    else:
        if running:
            # what renews by itself was bought while the checkout was open: both were paid, and the later one holds
            end(running, Live.EXPIRED)
            ends.tell_provider_later(running, ends.EndWanted.AT_ONCE)
            running.save()
        subscription = Subscription(
            organization_id=session.organization_id,
            user_id=session.user_id,
            plan=session.plan,
            price=session.price,
            provider=session.provider,
            status=Live.ACTIVE,
            billing_period=session.billing_period,
            amount=session.amount,
            currency=session.currency,
            started_at=now,
            current_period_start=now,
            current_period_end=now + length,
            next_grant_at=now,
        )
    subscription.paid_until = subscription.current_period_end
    subscription.save()
    payment.subscription, payment.period_end = subscription, subscription.current_period_end
    payment.save()
    grant_due_months(subscription)
    subscription.save()
    payment.refresh_from_db()
    notices.plan_changed(subscription)
    plans.forget(session.organization_id)


def _length(session: CheckoutSession) -> relativedelta:
    return relativedelta(years=1) if session.billing_period == BillingPeriod.YEAR else relativedelta(months=1)


def end(subscription: Subscription, status: Status | str) -> None:
    """It holds no more; whoever had it is on the free plan again. Credits that came with it stay."""
    subscription.status = Live(status)
    subscription.ended_at = timezone.now()
    subscription.grace_until = None
    plans.forget(subscription.organization_id)
    notices.plan_ended(subscription)


def end_what_was_paid_back(payment: Payment, locked: Subscription | None) -> None:
    """The money of a plan went back: it ends at once, if it was the present period's. Saves it. Time that was bought
    more than once is shorter by what went back.

    `locked` is its row, where the caller has it: two objects of one row would undo each other.
    """
    if payment.subscription_id is None:
        return
    if locked and locked.pk == payment.subscription_id:
        subscription = locked
    else:
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=payment.subscription_id)
    is_present = payment.period_end is None or payment.period_end > timezone.now()
    if subscription.status not in Subscription.LIVE or not is_present:
        return
    if payment.session and not subscription.renews and _shorten(subscription, payment, payment.session):
        subscription.save()
        return
    end(subscription, Live.CANCELLED)
    ends.tell_provider_later(subscription, ends.EndWanted.AT_ONCE)
    subscription.save()


def _shorten(subscription: Subscription, payment: Payment, session: CheckoutSession) -> bool:
    """False where nothing is left of the time. What goes on was paid by the others, and the credits that it has come
    with are theirs."""
    others = subscription.payments.filter(paid_at__isnull=False, gone_back_at=None).exclude(pk=payment.pk)
    until = subscription.current_period_end - _length(session)
    if until <= timezone.now() or not others.exists():
        return False
    subscription.current_period_end = subscription.paid_until = until
    for other in others.filter(period_end__gt=payment.period_end):
        assert other.period_end
        other.period_end -= _length(session)
        other.save(update_fields=["period_end", "updated_at"])
    subscription.unspent = max(Decimal(0), subscription.unspent - payment.taken_back)
    if payment.taken_back:
        said = f"{subscription.plan.title}: credits of what is still paid"
        _grant(subscription, payment.taken_back, said, f"kept:{payment.pk}")
    plans.forget(subscription.organization_id)
    notices.plan_changed(subscription)
    return True


# --- what time does ---------------------------------------------------------------------------------------------------


def end_lapsed() -> int:
    """Ends what ran out: bought time and trials at their end, what was not renewed after its grace.

    Returns how many.
    """
    now, ended = timezone.now(), 0
    live = Subscription.objects.filter(status__in=Subscription.LIVE)
    lapsed = live.filter(renews=False, current_period_end__lte=now).values_list("pk", flat=True)
    ungraced = live.filter(status=Live.PAST_DUE, grace_until__lte=now).values_list("pk", flat=True)
    cancelled = live.filter(renews=True, cancel_at_period_end=True, current_period_end__lte=now - timedelta(hours=2))
    for pk in [*lapsed, *ungraced, *cancelled.values_list("pk", flat=True)]:
        ended += _end_lapsed(pk)
    return ended


@transaction.atomic
def _end_lapsed(pk: uuid.UUID) -> bool:
    now = timezone.now()
    subscription = Subscription.objects.select_for_update(no_key=True).get(pk=pk)
    if subscription.status not in Subscription.LIVE:
        return False
    graced = subscription.status == Live.PAST_DUE and subscription.grace_until and subscription.grace_until <= now
    if not graced and subscription.current_period_end > now:
        return False
    end(subscription, Live.EXPIRED)
    if graced:
        ends.tell_provider_later(subscription, ends.EndWanted.AT_ONCE)
    subscription.save()
    return True


def grant_all_due() -> int:
    """Gives the months that began without anything else happening: of years, and of time bought once."""
    due = Subscription.objects.filter(status__in=Subscription.LIVE, next_grant_at__lte=timezone.now())
    return sum(_grant_due(pk) for pk in due.values_list("pk", flat=True)[:1000])


@transaction.atomic
def _grant_due(pk: uuid.UUID) -> int:
    subscription = Subscription.objects.select_for_update(no_key=True).select_related("plan").get(pk=pk)
    granted = grant_due_months(subscription)
    if granted:
        subscription.save()
    return granted
