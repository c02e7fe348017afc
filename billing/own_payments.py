"""A person's own copy of what they paid, and what becomes of plans and cards when they leave."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts import registry
from accounts.models import Organization, User
from accounts.registry import ExportFile, LongList
from accounts.selectors import personal_organization_id
from billing import plans
from billing.models import Customer, Invoice, Payment, Subscription, TopUp
from billing.money import money_fields
from billing.selectors import invoice_data, payment_data
from billing.services import ends
from common.database import by_key
from common.errors import Conflict


def register() -> None:
    registry.add_export_part("payments", read, size=size, says="What you paid, its papers, and the plans you had.")
    registry.on_account_deleted(end_plan)
    registry.on_account_anonymised(forget_cards)
    registry.before_organization_deleted(refuse_while_renewing)


def size(user: User) -> int:
    return _payments(user).count() + 1


def read(user: User) -> Iterator[ExportFile]:
    organization_id = personal_organization_id(user.pk)
    yield "payments.json", LongList({}, "payments", (payment_data(payment) for payment in by_key(_payments(user))))
    invoices = Invoice.objects.filter(organization_id=organization_id).select_related("payment")
    yield "invoices.json", LongList({}, "invoices", (invoice_data(invoice) for invoice in by_key(invoices)))
    subscriptions = Subscription.objects.filter(organization_id=organization_id).select_related("plan")
    yield "plans.json", [_plan(subscription) for subscription in subscriptions.order_by("pk")]
    if top_up := TopUp.objects.select_related("pack").filter(organization_id=organization_id).first():
        yield "top_up.json", _top_up(top_up)


def _payments(user: User) -> QuerySet[Payment]:
    """Of the personal organisation, and what they paid for teams."""
    return Payment.objects.filter(organization_id=personal_organization_id(user.pk)) | Payment.objects.filter(user=user)


def _plan(subscription: Subscription) -> dict[str, Any]:
    return {
        "plan": subscription.plan.name,
        "provider": subscription.provider or None,
        "status": subscription.status,
        "started_at": subscription.started_at,
        "current_period_end": subscription.current_period_end,
        "ended_at": subscription.ended_at,
        "price": money_fields(subscription.amount, subscription.currency) if subscription.amount else None,
    }


def _top_up(top_up: TopUp) -> dict[str, Any]:
    return {
        "enabled": top_up.enabled,
        "threshold": top_up.threshold,
        "pack": top_up.pack.name if top_up.pack else None,
        "monthly_cap": money_fields(top_up.monthly_cap, top_up.currency) if top_up.currency else None,
        "low_balance_at": top_up.low_balance_at,
    }


def end_plan(user: User) -> None:
    """Whoever leaves is not charged again: what renews ends with the period that is paid, and nothing tops up. Coming
    back within the thirty days, they find their plan until then, and may take the cancellation back."""
    organization_id = personal_organization_id(user.pk)
    TopUp.objects.filter(organization_id=organization_id).update(enabled=False)
    renewing = Subscription.objects.select_for_update(no_key=True).filter(
        organization_id=organization_id, status__in=Subscription.LIVE, renews=True, cancel_at_period_end=False
    )
    for subscription in renewing:
        subscription.cancel_at_period_end = True
        ends.tell_provider_later(subscription, ends.EndWanted.WITH_PERIOD)
        subscription.save()
        plans.forget(organization_id)


def forget_cards(user: User) -> None:
    """The papers of what was paid stay, as the law asks of whoever was paid; the kept card does not, nor what is
    mirrored of the provider's books."""
    organization_id = personal_organization_id(user.pk)
    customers = Customer.objects.filter(organization_id=organization_id)
    customers.update(method_id="")
    for customer_id in customers.filter(provider="stripe").values_list("customer_id", flat=True):
        _forget_mirrored(customer_id)
    TopUp.objects.filter(organization_id=organization_id).delete()


def _forget_mirrored(customer_id: str) -> None:
    from billing.stripe_sync import forget  # a large library, which no process needs at its start

    forget(customer_id)


def refuse_while_renewing(organization: Organization) -> None:
    """Raises Conflict while a plan of the team would be charged again."""
    live = Subscription.objects.filter(organization=organization, status__in=Subscription.LIVE, renews=True)
    if subscription := live.filter(cancel_at_period_end=False).select_related("plan").first():
        raise Conflict(f"“{organization.name}” has {subscription.plan.title}, which renews. Cancel that first.")
