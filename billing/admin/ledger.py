"""The operators' console of the ledger: everything to be read, and two actions that move credits, with a reason."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from billing import services
from billing.admin.tools import MoneyReasonForm
from billing.models import Budget, Entry, Reservation, Wallet
from common import audit
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog
from common.credits import LARGEST, PLACES
from common.errors import NoCredits
from common.models import new_id
from common.rendering import credits_string

BUCKETS = [("main", "Main"), ("bonus", "Bonus")]


class CreditsForm(MoneyReasonForm):
    """How many credits, into which bucket, and why. The key makes a form that is sent twice count once."""

    amount = forms.DecimalField(
        max_digits=20, decimal_places=PLACES, min_value=0, max_value=LARGEST, widget=UnfoldAdminDecimalFieldWidget
    )
    bucket = forms.ChoiceField(choices=BUCKETS, widget=UnfoldAdminSelectWidget)
    key = forms.UUIDField(initial=new_id, widget=forms.HiddenInput)

    field_order = ("amount", "bucket", "reason", "key")

    def clean_amount(self) -> Any:
        amount = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError("Give an amount other than zero.")
        return amount


class AdjustmentForm(CreditsForm):
    amount = forms.DecimalField(
        max_digits=20,
        decimal_places=PLACES,
        min_value=-LARGEST,
        max_value=LARGEST,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Below zero takes credits away.",
    )


class LedgerAdmin(ReadOnlyAdmin):
    """Rows of one wallet are found by its id, one row by its own or by its key."""

    search_help_text = "A wallet's id, a row's id, or its whole key"
    search_fields = ("key",)  # shows the search box; what is looked for is below

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            found = uuid.UUID(term)
        except ValueError:
            return queryset.filter(key=term.replace("\x00", "")), False
        return queryset.filter(Q(pk=found) | Q(wallet=found)), False


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ("organization", "balance", "bonus_balance", "reserved", "free_messages", "updated_at")
    list_select_related = ("organization",)
    search_fields = ("organization__memberships__user__username",)
    search_help_text = "The beginning of a person's name, the wallet's id, or the organisation's"
    readonly_fields = ("movements",)
    actions_detail = ("grant_credits", "adjust_credits")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower().replace("\x00", "")
        if not term:
            return queryset, False
        try:
            found = uuid.UUID(term)
        except ValueError:
            owned = {"organization__memberships__personal": True}  # one each, so that no wallet is found twice
            name = {"organization__memberships__user__username__startswith": term}
            return queryset.filter(**owned, **name), False
        return queryset.filter(Q(pk=found) | Q(organization=found)), False

    @admin.display(description="movements")
    def movements(self, wallet: Wallet) -> SafeString:
        links = [
            format_html('<a href="{}?q={}">{}</a>', reverse(f"admin:billing_{model}_changelist"), wallet.pk, model)
            for model in ("entry", "reservation")
        ]
        return format_html("{} · {}", *links)

    def has_move_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.change_wallet")

    @action(
        description="Grant credits",
        permissions=["move"],
        dialog={
            "title": "Grant credits",
            "description": "A gift of the house, or what a person should have got.",
            "form_class": CreditsForm,
            "form_submit_text": "Grant them",
        },
    )
    @transaction.atomic
    def grant_credits(self, request: HttpRequest, form: CreditsForm, object_id: str) -> HttpResponse:
        wallet, asked = self.get_object(request, object_id), form.cleaned_data
        if services.needs_second_person(asked["amount"]):
            return self._asked(request, wallet, asked)
        entry = services.grant_credits(
            organization_id=wallet.organization_id,
            amount=asked["amount"],
            bucket=asked["bucket"],
            key=f"admin:{asked['key']}",
            description=asked["reason"],
        )
        return self._moved(request, wallet, "wallet.grant", entry, asked["reason"])

    @action(
        description="Adjust",
        permissions=["move"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Adjust",
            "description": "Sets a bucket right by a number of credits. It can't go below zero.",
            "form_class": AdjustmentForm,
            "form_submit_text": "Adjust it",
        },
    )
    @transaction.atomic
    def adjust_credits(self, request: HttpRequest, form: AdjustmentForm, object_id: str) -> HttpResponse:
        wallet, asked = self.get_object(request, object_id), form.cleaned_data
        if services.needs_second_person(asked["amount"]):
            return self._asked(request, wallet, asked)
        try:
            entry = services.adjust_credits(
                organization_id=wallet.organization_id,
                amount=asked["amount"],
                bucket=asked["bucket"],
                key=f"admin:{asked['key']}",
                description=asked["reason"],
            )
        except NoCredits as error:
            has = credits_string(error.extra["remaining_credits"])
            return done(request, f"Nothing was changed: this bucket has {has} credits.", _address(wallet))
        return self._moved(request, wallet, "wallet.adjust", entry, asked["reason"])

    def _asked(self, request: HttpRequest, wallet: Wallet, asked: dict[str, Any]) -> HttpResponse:
        """So many credits wait for a second person."""
        made = services.request_adjustment(
            wallet_id=wallet.pk,
            amount=asked["amount"],
            bucket=asked["bucket"],
            actor=request.user,  # type: ignore[arg-type]
            reason=asked["reason"],
            key=asked["key"],
        )
        return done(
            request,
            f"Nothing was moved yet: more than {credits_string(settings.SECOND_PERSON_ABOVE)} credits need a second "
            "person, who finds this under Adjustment requests.",
            reverse("admin:billing_adjustmentrequest_change", args=[made.pk]),
        )

    def _moved(
        self, request: HttpRequest, wallet: Wallet, name: str, entry: dict[str, Any], reason: str
    ) -> HttpResponse:
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action=name,
            target=wallet,
            reason=reason,
            data={"entry": entry["id"], "amount": entry["amount"], "bucket": entry["bucket"]},
        )
        return done(request, f"{entry['amount']} credits were entered.", _address(wallet))


def _address(wallet: Wallet) -> str:
    return reverse("admin:billing_wallet_change", args=[wallet.pk])


@admin.register(Entry)
class EntryAdmin(LedgerAdmin):
    list_display = ("created_at", "wallet", "kind", "main", "bonus", "balance_after", "feature", "description")
    list_select_related = ("wallet",)


@admin.register(Reservation)
class ReservationAdmin(LedgerAdmin):
    list_display = ("created_at", "wallet", "status", "amount", "free_messages", "captured", "feature", "expires_at")
    list_select_related = ("wallet",)


class LimitForm(ReasonForm):
    """Another limit, and why."""

    limit = forms.DecimalField(
        max_digits=20, decimal_places=PLACES, min_value=0, max_value=LARGEST, widget=UnfoldAdminDecimalFieldWidget
    )

    field_order = ("limit", "reason")


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    list_display = ("organization", "scope", "member", "api_key", "period", "limit", "spent", "period_start")
    list_select_related = ("organization", "member", "api_key")
    search_fields = ("member__username",)
    search_help_text = "The beginning of a member's name, the budget's id, the organisation's, or the key's"
    actions_detail = ("change_limit", "remove")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            found = uuid.UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(Q(pk=found) | Q(organization=found) | Q(api_key=found)), False

    def has_set_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.change_budget")

    @action(
        description="Change the limit",
        permissions=["set"],
        dialog={
            "title": "Change the limit",
            "description": "It holds at once. Below what is spent already it refuses until the period is over.",
            "form_class": LimitForm,
            "form_submit_text": "Change it",
        },
    )
    @transaction.atomic
    def change_limit(self, request: HttpRequest, form: LimitForm, object_id: str) -> HttpResponse:
        budget, asked = self.get_object(request, object_id), form.cleaned_data
        services.change_budget(
            budget_id=budget.pk,
            limit=asked["limit"],
            actor=request.user,  # type: ignore[arg-type]
            reason=asked["reason"],
        )
        return done(request, "The limit is changed.", reverse("admin:billing_budget_change", args=[budget.pk]))

    @action(
        description="Remove this budget",
        permissions=["set"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("Remove this budget", "Nothing is counted or refused by it any more.", "Remove it"),
    )
    @transaction.atomic
    def remove(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        budget = self.get_object(request, object_id)
        services.delete_budget(
            budget_id=budget.pk,
            actor=request.user,  # type: ignore[arg-type]
            reason=form.cleaned_data["reason"],
        )
        return done(request, "The budget is gone.", reverse("admin:billing_budget_changelist"))
