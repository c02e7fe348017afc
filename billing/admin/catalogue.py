"""The operators' console of what is for sale. Nothing is deleted here: what is no longer sold is switched off."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from billing import money, plans, providers
from billing.models import CheckoutSession, Pack, Plan, Price
from billing.selectors.catalogue import CATALOGUE
from common.admin import ReasonAdmin
from common.shared_reads import drop_on_commit

LONGEST_LINE, MOST_LINES = 120, 12
# what a payment was made by: another amount is another row
SETTLED = ("plan", "pack", "billing_period", "recurring", "currency", "amount", "provider", "provider_ref")


class LinesField(forms.CharField):
    """A list of short texts, one a line."""

    widget = UnfoldAdminTextareaWidget({"rows": 5})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
            raise forms.ValidationError(f"Give at most {MOST_LINES} lines of at most {LONGEST_LINE} characters.")
        return lines

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial or []) != "\n".join(self.clean(data))


class PlanForm(forms.ModelForm):
    features = LinesField(required=False, help_text="What the price list says of it, one a line.")


class PriceForm(forms.ModelForm):
    provider = forms.ChoiceField(
        required=False, widget=UnfoldAdminSelectWidget, help_text="Empty: every provider without a row of its own."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:  # not where the row is settled
            self.fields["provider"].choices = [("", "—"), *((name, name) for name in providers.MEMBERS)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "plan" not in self.fields:
            return data
        if bool(data.get("plan")) == bool(data.get("pack")):
            raise forms.ValidationError("A price is of a plan or of a pack: choose one of the two.")
        if data.get("plan") and not data.get("billing_period"):
            self.add_error("billing_period", "A plan is sold by the month or by the year.")
        if data.get("pack") and (data.get("billing_period") or data.get("recurring")):
            self.add_error("pack", "A pack is bought once: it has no period, and does not renew.")
        return data


class CatalogueAdmin(ReasonAdmin):
    """Whatever is written here is on the price lists at once."""

    readonly_fields: tuple[str, ...] = ("id", "created_at", "updated_at")
    settled: tuple[str, ...] = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        settled = self.settled if obj and self.is_settled(obj) else ()
        return (*self.readonly_fields, *settled)

    def is_settled(self, obj: Any) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        drop_on_commit(CATALOGUE)
        plans.forget_all()


@admin.register(Plan)
class PlanAdmin(CatalogueAdmin):
    form = PlanForm
    list_display = ("title", "name", "rank", "monthly_credits", "generations_per_day", "is_premium", "is_active")
    search_fields = ("name", "title")
    fieldsets = (
        (None, {"fields": ("name", "title", "description", "features", "rank", "is_active")}),
        ("What comes with it", {"fields": ("monthly_credits", "carry_over", "is_premium")}),
        ("What it allows", {"fields": ("generations_per_day", "generations_in_all", "storage_mb", "trial_days")}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )


@admin.register(Pack)
class PackAdmin(CatalogueAdmin):
    list_display = ("title", "name", "credits", "bonus_credits", "position", "is_active")
    search_fields = ("name", "title")
    fieldsets = (
        (None, {"fields": ("name", "title", "description", "position", "is_active")}),
        ("What is in it", {"fields": ("credits", "bonus_credits")}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )


@admin.register(Price)
class PriceAdmin(CatalogueAdmin):
    form = PriceForm
    list_display = ("thing", "billing_period", "recurring", "costs", "provider", "provider_ref", "is_active")
    list_filter = ("plan", "pack", "currency", "provider", "recurring", "is_active")
    list_select_related = ("plan", "pack")
    search_fields = ("provider_ref",)
    settled = SETTLED
    fieldsets = (
        ("What it is the price of", {"fields": ("plan", "pack", "billing_period", "recurring")}),
        ("Price", {"fields": ("currency", "amount", "provider", "provider_ref", "is_active")}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )

    @admin.display(description="of")
    def thing(self, price: Price) -> str:
        return str(price.plan or price.pack)

    @admin.display(description="costs", ordering="amount")
    def costs(self, price: Price) -> str:
        return money.written(price.amount, price.currency)

    def is_settled(self, obj: Price) -> bool:
        """Somebody paid it, or may just now: then another amount is another row."""
        begun = (CheckoutSession.Status.PAID, CheckoutSession.Status.OPEN)
        return obj.checkouts.filter(status__in=begun).exists() or obj.subscriptions.exists()
