"""The operators' console of Stripe's own objects, as dj-stripe keeps them: to look at, and nothing else.

dj-stripe's own pages could resync, cancel and write without a reason, and show its keys; they are taken back here.
"""

import json
from typing import Any

import djstripe.admin  # noqa: F401  # registers what is taken back below
from django.apps import apps
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from djstripe import models

from billing import money
from billing.providers.stripe.amounts import from_stripe
from common.admin import ReadOnlyAdmin

SECRETS = {"client_secret", "confirmation_secret"}  # with one a payer's browser may act on a payment

for _model in apps.get_app_config("djstripe").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


def _own_id(row: Any) -> str:
    return str(row.id)


# dj-stripe names them by amounts, some of which are wrong by a factor of a hundred
for _model in (models.Charge, models.PaymentIntent, models.Invoice, models.Refund, models.Dispute, models.Price):
    _model.__str__ = _own_id


class StripeAdmin(ReadOnlyAdmin):
    """`shows` are dj-stripe's references; the rest stands in what Stripe said, as it said it."""

    shows: tuple[str, ...] = ()
    search_fields = ("id",)  # shows the search box; what is looked for is below
    search_help_text = "A whole id as Stripe writes it, the object's own or its customer's"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("id", "created", "livemode", *self.shows, "dashboard", "said")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(id=term)
        if any(field.name == "customer" for field in self.model._meta.fields):
            wanted |= Q(customer=term)
        return queryset.filter(wanted), False

    @admin.display(description="at Stripe")
    def dashboard(self, row: Any) -> SafeString | str:
        address = row.get_stripe_dashboard_url()
        return format_html('<a href="{}" rel="noopener noreferrer">Open its page</a>', address) if address else "–"

    @admin.display(description="what Stripe said")
    def said(self, row: Any) -> SafeString:
        return format_html(
            '<pre class="said">{}</pre>', json.dumps(_open(row.stripe_data), indent=2, ensure_ascii=False)
        )

    @admin.display(description="amount")
    def paid(self, row: Any) -> str:
        return _written(row, "amount")

    @admin.display(description="status")
    def state(self, row: Any) -> str:
        return str(row.stripe_data.get("status") or "–")


def _open(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: "…" if name in SECRETS and value else _open(value) for name, value in said.items()}
    return [_open(value) for value in said] if isinstance(said, list) else said


def _written(row: Model, name: str) -> str:
    """dj-stripe's own columns are hundredths in every currency, so that yen come out wrong."""
    said = row.stripe_data  # type: ignore[attr-defined]
    amount, currency = said.get(name), said.get("currency")
    return money.written(from_stripe(amount, currency), currency.upper()) if amount is not None and currency else "–"


@admin.register(models.Account)
class AccountAdmin(StripeAdmin):
    list_display = ("id", "business_url", "created")


@admin.register(models.Customer)
class CustomerAdmin(StripeAdmin):
    list_display = ("id", "email", "created", "livemode")
    shows = ("email",)


@admin.register(models.Subscription)
class SubscriptionAdmin(StripeAdmin):
    list_display = ("id", "state", "customer_id", "created", "livemode")
    shows = ("customer",)


@admin.register(models.Invoice)
class InvoiceAdmin(StripeAdmin):
    list_display = ("id", "total", "state", "customer_id", "created", "livemode")
    shows = ("customer",)

    @admin.display(description="total")
    def total(self, row: Any) -> str:
        return _written(row, "total")


@admin.register(models.PaymentIntent)
class PaymentIntentAdmin(StripeAdmin):
    list_display = ("id", "paid", "state", "customer_id", "created", "livemode")
    shows = ("customer",)


@admin.register(models.Charge)
class ChargeAdmin(StripeAdmin):
    list_display = ("id", "paid", "state", "payment_intent_id", "customer_id", "created", "livemode")
    shows = ("customer", "payment_intent")


@admin.register(models.Refund)
class RefundAdmin(StripeAdmin):
    list_display = ("id", "paid", "state", "charge_id", "created", "livemode")
    shows = ("charge",)


@admin.register(models.Dispute)
class DisputeAdmin(StripeAdmin):
    list_display = ("id", "paid", "state", "payment_intent_id", "created", "livemode")
    shows = ("charge", "payment_intent")


@admin.register(models.Price)
class PriceAdmin(StripeAdmin):
    list_display = ("id", "each", "active", "product_id", "created", "livemode")
    shows = ("product", "active")

    @admin.display(description="price")
    def each(self, row: Any) -> str:
        return _written(row, "unit_amount")


@admin.register(models.Product)
class ProductAdmin(StripeAdmin):
    list_display = ("id", "name", "active", "created", "livemode")
    shows = ("name", "active")


@admin.register(models.Event)
class EventAdmin(StripeAdmin):
    list_display = ("id", "type", "created", "livemode")
    shows = ("type",)


@admin.register(models.Session)
class SessionAdmin(StripeAdmin):
    list_display = ("id", "total", "state", "customer_id", "created", "livemode")
    shows = ("customer", "payment_intent", "subscription")

    @admin.display(description="total")
    def total(self, row: Any) -> str:
        return _written(row, "amount_total")
