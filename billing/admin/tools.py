"""What the finance desk's lists share: searching by whole ids, filters that cost nothing, and how an action ends."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import User
from billing import money, providers
from billing.models import Price
from billing.providers.base import ProviderError
from common.admin import ReadOnlyAdmin, ReasonForm, done
from common.errors import Problem

LONGEST_REASON = 300  # what the rows of refunds and requests keep


class MoneyReasonForm(ReasonForm):
    """A reason that a row of money keeps, too."""

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if len(reason) > LONGEST_REASON:
            raise forms.ValidationError(f"Say it in at most {LONGEST_REASON} characters.")
        return reason


class ProviderFilter(admin.SimpleListFilter):
    """Every provider there is, without asking a large table which of them it holds."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in providers.MEMBERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


class CurrencyFilter(admin.SimpleListFilter):
    """The currencies of the catalogue."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Price.objects.order_by("currency").values_list("currency", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class MoneyAdmin(ReadOnlyAdmin):
    """Rows are found by whole ids: ours, those of what they belong to (`ids`), and the provider's own (`texts`)."""

    ids: ClassVar[tuple[str, ...]] = ()
    texts: ClassVar[tuple[str, ...]] = ()
    search_fields = ("pk",)  # shows the search box; what is looked for is below
    search_help_text = "A whole id: the row's own, its organisation's, or the provider's"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        # with the provider's name, so that the unique index of both serves
        wanted = Q(pk__in=[])
        for name in self.texts:
            wanted |= Q(provider__in=list(providers.MEMBERS), **{name: term})
        try:
            found = uuid.UUID(term)
        except ValueError:
            return queryset.filter(wanted), False
        for name in ("pk", *self.ids):
            wanted |= Q(**{name: found})
        return queryset.filter(wanted), False

    @admin.display(description="amount")
    def costs(self, row: Any) -> str:
        return money.written(row.amount, row.currency)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def address(self, object_id: Any = None) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{name}_change", args=[object_id]) if object_id else reverse(f"{name}_changelist")

    def acted(self, request: HttpRequest, act: Callable[[], str], object_id: Any = None) -> HttpResponse:
        """Does it and says what it said; or says why it could not be done."""
        try:
            said = act()
        except (Problem, ProviderError) as error:
            messages.error(request, f"Nothing was done: {_why(error)}")
            return HttpResponse(headers={"HX-Redirect": self.address(object_id)})
        return done(request, said, self.address(object_id))


def _why(error: Problem | ProviderError) -> str:
    if isinstance(error, ProviderError):
        return error.public
    return " ".join(message for messages_ in (error.errors or {}).values() for message in messages_) or error.detail


def actor_of(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def as_minor(amount: Decimal, currency: str) -> int | None:
    """None where the currency has no such small coin."""
    minor = money.from_major(amount, currency)
    return minor if money.to_major(minor, currency) == amount else None
