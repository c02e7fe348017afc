"""The finance desk's lists of plans that run, of top-ups, and of what counts to a tier's limits."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.enums import ActionVariant

from billing import services
from billing.admin.payments import ASK_DIALOG
from billing.admin.tools import CurrencyFilter, MoneyAdmin, ProviderFilter, actor_of
from billing.models import Subscription, TierUse, TopUp
from common import audit
from common.admin import ReasonForm, reason_dialog
from common.errors import Conflict


@admin.register(Subscription)
class SubscriptionAdmin(MoneyAdmin):
    list_display = ("started_at", "organization", "plan", "status", "costs_a_period", "provider", "renews", "ends")
    list_select_related = ("organization", "plan")
    list_filter = ("status", "plan", ProviderFilter, CurrencyFilter, "renews")
    ids = ("organization",)
    texts = ("provider_subscription_id",)
    actions_detail = ("ask", "cancel")

    @admin.display(description="costs")
    def costs_a_period(self, subscription: Subscription) -> str:
        return f"{self.costs(subscription)} a {subscription.billing_period}" if subscription.currency else "–"

    @admin.display(description="until")
    def ends(self, subscription: Subscription) -> object:
        return subscription.ended_at or subscription.current_period_end

    @action(description="Ask the provider", permissions=["act"], dialog=ASK_DIALOG)
    def ask(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        subscription = self.get_object(request, object_id)

        def ask() -> str:
            if not subscription.provider_subscription_id:
                raise Conflict("It was bought for a time, or is a trial: no provider knows of it.")
            audit.record(
                actor=actor_of(request),
                action="subscription.ask",
                target=subscription,
                reason=form.cleaned_data["reason"],
            )
            services.follow_root(subscription)
            subscription.refresh_from_db()
            return f"The plan is {subscription.status}."

        return self.acted(request, ask, object_id)

    @action(
        description="Cancel at once",
        permissions=["act"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Cancel at once",
            "The plan ends now, here and at the provider. Money is given back by a refund.",
            "Cancel it",
        ),
    )
    def cancel(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        subscription = self.get_object(request, object_id)

        def cancel() -> str:
            if subscription.status not in Subscription.LIVE:
                raise Conflict("It has ended already.")
            services.cancel_subscription(
                organization_id=subscription.organization_id,
                actor=actor_of(request),
                at_once=True,
                by_staff=True,
                reason=form.cleaned_data["reason"],
            )
            return "The plan has ended."

        return self.acted(request, cancel, object_id)


@admin.register(TopUp)
class TopUpAdmin(MoneyAdmin):
    list_display = ("organization", "enabled", "pack", "threshold", "provider", "monthly_cap", "currency", "failures")
    list_select_related = ("organization", "pack")
    list_filter = ("enabled", ProviderFilter)
    ids = ("organization",)
    search_help_text = "A top-up's id, or its organisation's"


@admin.register(TierUse)
class TierUseAdmin(MoneyAdmin):
    list_display = ("created_at", "user_id", "organization_id", "count", "status", "on_trial")
    list_filter = ("status", "on_trial")
    ids = ("user_id", "organization_id")
    search_help_text = "An id: the row's, the person's or the organisation's"
