"""News of money: who pays is told what came of it, in their language, in the app and by mail."""

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.urls import reverse

from accounts.models import Membership, Organization, User
from billing import notices
from billing.models import Payment, Subscription, TopUp, Wallet
from billing.money import written
from common.rendering import credits_string
from notifications import kinds, services
from notifications.kinds import Kind
from notifications.words import Words, moment

WORDS = Words(Path(__file__).parent / "words")


def _page(name: str) -> Any:
    return lambda _: reverse(name)


PAYMENT_RECEIVED = Kind(
    name="payment_received",
    about="A payment that came in, and what it brought",
    can_be_muted=False,
    mail="payment_received",
    icon="ticket",
    address=_page("payments"),
)
PAYMENT_FAILED = Kind(
    name="payment_failed",
    about="A payment that failed",
    can_be_muted=False,
    mail="payment_failed",
    icon="exclamation-circle",
    address=_page("payments"),
)
TOP_UP_OFF = Kind(
    name="top_up_off",
    about="Automatic top-up that has switched itself off",
    can_be_muted=False,
    mail="payment_failed",
    icon="exclamation-circle",
    address=_page("top_up"),
)
RENEWAL_FAILED = Kind(
    name="renewal_failed",
    about="A plan whose renewal was not paid",
    can_be_muted=False,
    mail="renewal_failed",
    icon="exclamation-circle",
    address=_page("plan"),
)
PLAN_CHANGED = Kind(
    name="plan_changed",
    about="A plan that began, changed or ended",
    mail="plan_changed",
    icon="ticket",
    address=_page("plan"),
)
LOW_BALANCE = Kind(
    name="low_balance",
    about="A wallet that runs low",
    mail="low_balance",
    icon="ticket",
    address=_page("top_up"),
)
KINDS = (PAYMENT_RECEIVED, PAYMENT_FAILED, TOP_UP_OFF, RENEWAL_FAILED, PLAN_CHANGED, LOW_BALANCE)


def register() -> None:
    for kind in KINDS:
        kinds.register(kind)
    notices.payment_received.add(tell_of_payment)
    notices.payment_failed.add(tell_of_failure)
    notices.renewal_failed.add(tell_of_renewal)
    notices.plan_changed.add(tell_of_plan)
    notices.plan_ended.add(tell_of_end)


def tell_of_payment(payment: Payment) -> None:
    for user in _payers(payment.organization_id, payment.user_id):
        amount = written(payment.amount, payment.currency, user.locale or "en")
        _tell(
            user,
            PAYMENT_RECEIVED,
            reference=("payment", payment.pk),
            key=f"payment_received:{payment.pk}",
            mail={"description": payment.description, "amount": amount},
            description=payment.description,
            amount=amount,
        )


def tell_of_failure(payment: Payment) -> None:
    for user in _payers(payment.organization_id, payment.user_id):
        amount = written(payment.amount, payment.currency, user.locale or "en")
        _tell(
            user,
            PAYMENT_FAILED,
            reference=("payment", payment.pk),
            key=f"payment_failed:{payment.pk}",
            mail={"description": payment.description, "amount": amount, "top_up_off": False},
            description=payment.description,
            amount=amount,
        )


def tell_of_top_up_off(top_up: TopUp, description: str, amount: int) -> None:
    """Automatic top-up has switched itself off, as its charges keep failing."""
    for user in _payers(top_up.organization_id, top_up.user_id):
        price = written(amount, top_up.currency, user.locale or "en")
        _tell(
            user,
            TOP_UP_OFF,
            reference=("top_up", top_up.pk),
            key=f"top_up_off:{top_up.pk}:{top_up.charges}",
            mail={"description": description, "amount": price, "top_up_off": True},
            description=description,
            amount=price,
        )


def tell_of_renewal(subscription: Subscription) -> None:
    until = subscription.grace_until or subscription.current_period_end
    for user in _payers(subscription.organization_id, subscription.user_id):
        _tell(
            user,
            RENEWAL_FAILED,
            reference=("subscription", subscription.pk),
            key=f"renewal_failed:{subscription.pk}:{subscription.current_period_end:%Y%m%d}",
            mail={"plan": subscription.plan.title, "until": until.isoformat()},
            plan=subscription.plan.title,
            until=moment(until, user.locale, user.timezone),
        )


def tell_of_plan(subscription: Subscription) -> None:
    _tell_of_plan(subscription, "plan_changed", ended=False)


def tell_of_end(subscription: Subscription) -> None:
    _tell_of_plan(subscription, "plan_ended", ended=True)


def _tell_of_plan(subscription: Subscription, words: str, *, ended: bool) -> None:
    team = _team(subscription.organization_id)
    for user in _payers(subscription.organization_id, subscription.user_id):
        _tell(
            user,
            PLAN_CHANGED,
            words=words,
            reference=("subscription", subscription.pk),
            mail={"plan": subscription.plan.title, "organization": team, "ended": ended},
            plan=subscription.plan.title,
            where=f" ({team})" if team else "",
        )


def tell_of_low_balance(wallet: Wallet) -> None:
    """Once, until the balance was above again: that is the caller's to count."""
    team, left = _team(wallet.organization_id), credits_string(wallet.total)
    for user in _payers(wallet.organization_id, None):
        _tell(
            user,
            LOW_BALANCE,
            reference=("wallet", wallet.pk),
            mail={"left": left, "organization": team},
            left=left,
            where=f" ({team})" if team else "",
        )


def _tell(
    user: User,
    kind: Kind,
    *,
    mail: dict[str, Any],
    reference: tuple[str, uuid.UUID],
    words: str = "",
    key: str | None = None,
    **values: Any,
) -> None:
    title, body = WORDS.say(words or kind.name, user.locale, **values)
    services.notify(
        user_id=user.pk, kind=kind.name, title=title, body=body, reference=reference, key=key, mail_context=mail
    )


def _payers(organization_id: uuid.UUID, user_id: uuid.UUID | None) -> Iterable[User]:
    """The organisation's owners, and who paid, while they belong to it."""
    places = Membership.objects.filter(organization_id=organization_id).select_related("user").order_by("user_id")
    return [place.user for place in places if place.role == Membership.Role.OWNER or place.user_id == user_id]


def _team(organization_id: uuid.UUID) -> str:
    """The name of a team; nothing for somebody's own purse."""
    teams = Organization.objects.filter(pk=organization_id).exclude(memberships__personal=True)
    return teams.values_list("name", flat=True).first() or ""
