"""The finance desk's lists: what was to be paid, what was paid, and what went back."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from billing import money, services
from billing.admin import finance
from billing.admin.tools import CurrencyFilter, MoneyAdmin, MoneyReasonForm, ProviderFilter, actor_of, as_minor
from billing.models import CheckoutSession, Customer, Invoice, Payment, Refund, UnmatchedCharge
from billing.providers.base import About
from common import audit
from common.admin import ReasonForm, reason_dialog
from common.credits import LARGEST, PLACES
from common.errors import ValidationProblem

ASK_DIALOG = reason_dialog("Ask the provider", "Reads what is true there, and brings our rows in line.", "Ask")


class RefundForm(MoneyReasonForm):
    """How much goes back, in the currency's own units, and why."""

    amount = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=18,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="As people write it, 9.99; empty: all that is left.",
    )

    field_order = ("amount", "reason")


class CreditForm(MoneyReasonForm):
    """Who gets how many credits for it, and why."""

    organization = forms.UUIDField(widget=UnfoldAdminTextInputWidget, help_text="The organisation's id.")
    credits = forms.DecimalField(
        max_digits=20, decimal_places=PLACES, min_value=0, max_value=LARGEST, widget=UnfoldAdminDecimalFieldWidget
    )

    field_order = ("organization", "credits", "reason")

    def clean_credits(self) -> Any:
        if not self.cleaned_data["credits"]:
            raise forms.ValidationError("Give an amount other than zero.")
        return self.cleaned_data["credits"]


class MissingFilter(admin.SimpleListFilter):
    """Those whose credits were spent before they went back."""

    title = "credits missing"
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(missing__gt=0) if self.value() == "yes" else queryset


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    list_display = ("created_at", "organization", "description", "costs", "status", "provider", "given_back", "paid_at")
    list_select_related = ("organization",)
    list_filter = ("status", ProviderFilter, "type", CurrencyFilter, MissingFilter)
    readonly_fields = ("costs", "given_back", "belongings")
    ids = ("organization",)
    texts = ("intent_id",)
    actions_detail = ("refund", "ask")

    def get_urls(self) -> list[Any]:
        return [*finance.addresses(), *super().get_urls()]

    @admin.display(description="given back")
    def given_back(self, payment: Payment) -> str:
        return money.written(payment.refunded_amount, payment.currency) if payment.refunded_amount else "–"

    @admin.display(description="belongs to")
    def belongings(self, payment: Payment) -> SafeString:
        return format_html(
            '<a href="{}?q={}">refunds</a> · <a href="{}?q={}">invoice</a> · <a href="{}?q={}">wallet</a>',
            reverse("admin:billing_refund_changelist"),
            payment.pk,
            reverse("admin:billing_invoice_changelist"),
            payment.pk,
            reverse("admin:billing_wallet_changelist"),
            payment.organization_id,
        )

    @action(
        description="Refund",
        permissions=["act"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Refund",
            "description": "Gives the money back and takes its credits, as far as they are not spent.",
            "form_class": RefundForm,
            "form_submit_text": "Give it back",
        },
    )
    def refund(self, request: HttpRequest, form: RefundForm, object_id: str) -> HttpResponse:
        payment, asked = self.get_object(request, object_id), form.cleaned_data

        def refund() -> str:
            amount = None
            if asked["amount"] is not None:
                amount = as_minor(asked["amount"], payment.currency)
                if amount is None:
                    raise ValidationProblem(f"{payment.currency} has no such small coin.")
            made = services.request_refund(
                payment_id=payment.pk, actor=actor_of(request), reason=asked["reason"], amount=amount, by_staff=True
            )
            return f"The refund of {money.written(made.amount, payment.currency)} is {made.status}."

        return self.acted(request, refund, object_id)

    @action(description="Ask the provider", permissions=["act"], dialog=ASK_DIALOG)
    def ask(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        payment = self.get_object(request, object_id)

        def ask() -> str:
            audit.record(
                actor=actor_of(request), action="payment.ask", target=payment, reason=form.cleaned_data["reason"]
            )
            services.follow(payment.provider, About("charge", payment.intent_id))
            payment.refresh_from_db()
            return f"The payment is {payment.status}."

        return self.acted(request, ask, object_id)


@admin.register(CheckoutSession)
class CheckoutSessionAdmin(MoneyAdmin):
    list_display = ("created_at", "organization", "description", "costs", "status", "provider", "read_at")
    list_select_related = ("organization",)
    list_filter = ("status", ProviderFilter, "type", CurrencyFilter, "automatic")
    ids = ("organization",)
    texts = ("provider_session_id",)
    exclude = ("key", "body_hash", "checkout_url")
    actions_detail = ("ask",)

    @action(description="Ask the provider", permissions=["act"], dialog=ASK_DIALOG)
    def ask(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        session = self.get_object(request, object_id)

        def ask() -> str:
            audit.record(
                actor=actor_of(request), action="checkout.ask", target=session, reason=form.cleaned_data["reason"]
            )
            services.follow(session.provider, About("reference", str(session.pk)))
            session.refresh_from_db()
            return f"The checkout is {session.status}."

        return self.acted(request, ask, object_id)


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    list_display = ("created_at", "payment", "costs", "status", "reason", "attempts", "next_try_at", "error")
    list_select_related = ("payment",)
    list_filter = ("status",)
    ids = ("payment",)
    search_help_text = "A refund's id, or its payment's"

    @admin.display(description="amount")
    def costs(self, refund: Refund) -> str:
        return money.written(refund.amount, refund.payment.currency)


@admin.register(Invoice)
class InvoiceAdmin(MoneyAdmin):
    list_display = ("number", "created_at", "organization", "billed_to", "costs")
    list_select_related = ("organization", "payment")
    list_filter = ("year",)
    ids = ("organization", "payment")
    search_help_text = "An invoice's number (2026-000012), its id, its payment's or its organisation's"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        year, dash, serial = search_term.strip().partition("-")
        if dash and year.isdecimal() and serial.isdecimal() and len(year) == 4 and len(serial) <= 9:
            return queryset.filter(year=int(year), serial=int(serial)), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="number")
    def number(self, invoice: Invoice) -> str:
        return invoice.number

    @admin.display(description="amount")
    def costs(self, invoice: Invoice) -> str:
        return money.written(invoice.payment.amount, invoice.payment.currency)


@admin.register(Customer)
class CustomerAdmin(MoneyAdmin):
    list_display = ("created_at", "organization", "provider", "customer_id", "keeps_a_card")
    list_select_related = ("organization",)
    list_filter = (ProviderFilter,)
    exclude = ("method_id",)
    ids = ("organization",)
    texts = ("customer_id",)

    @admin.display(description="kept card", boolean=True)
    def keeps_a_card(self, customer: Customer) -> bool:
        return bool(customer.method_id)


class OpenFilter(admin.SimpleListFilter):
    """Those that somebody still has to look at."""

    title = "resolved"
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() is None else queryset.filter(resolved_at__isnull=self.value() == "no")


@admin.register(UnmatchedCharge)
class UnmatchedChargeAdmin(MoneyAdmin):
    list_display = ("created_at", "provider", "intent_id", "costs", "reason_given", "resolved_at", "resolution")
    list_filter = (OpenFilter, ProviderFilter)
    texts = ("intent_id",)
    actions_detail = ("refund", "credit", "close")

    @admin.display(description="why it is here")
    def reason_given(self, charge: UnmatchedCharge) -> str:
        return charge.reason

    @action(
        description="Give it back",
        permissions=["act"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Give it back",
            "description": "All of it, at the provider.",
            "form_class": MoneyReasonForm,
            "form_submit_text": "Give it back",
        },
    )
    def refund(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def refund() -> str:
            charge = services.refund_unmatched(
                charge_id=uuid.UUID(object_id), actor=actor_of(request), reason=form.cleaned_data["reason"]
            )
            return charge.resolution

        return self.acted(request, refund, object_id)

    @action(
        description="Give credits for it",
        permissions=["act"],
        dialog={
            "title": "Give credits for it",
            "description": "Somebody paid and got nothing: their organisation gets the credits.",
            "form_class": CreditForm,
            "form_submit_text": "Give them",
        },
    )
    def credit(self, request: HttpRequest, form: CreditForm, object_id: str) -> HttpResponse:
        asked = form.cleaned_data

        def credit() -> str:
            charge = services.credit_unmatched(
                charge_id=uuid.UUID(object_id),
                organization_id=asked["organization"],
                amount=asked["credits"],
                actor=actor_of(request),
                reason=asked["reason"],
            )
            return charge.resolution

        return self.acted(request, credit, object_id)

    @action(
        description="Close it",
        permissions=["act"],
        dialog=reason_dialog("Close it", "Nothing moves; the note says why it is settled.", "Close it"),
    )
    def close(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def close() -> str:
            services.close_unmatched(
                charge_id=uuid.UUID(object_id), actor=actor_of(request), reason=form.cleaned_data["reason"]
            )
            return "It is closed."

        return self.acted(request, close, object_id)
