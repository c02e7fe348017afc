"""One's plan over REST: what it is, ending it, taking that back, going over to another, and the trial."""

import uuid

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.named import ORGANIZATION, named_organization
from accounts.services.social import check_redirect
from billing import plans, selectors, services
from billing.api_payments import BillingView, BillingWriteView, MoneyOutput, idempotency_key
from billing.models import BillingPeriod, Subscription
from common.api import InputSerializer
from common.fields import Choice, Flag, Id, Text
from common.rendering import Response


class SubscriptionOutput(serializers.Serializer):
    plan = serializers.CharField()
    provider = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=[("none", "none"), *Subscription.Status.choices])
    current_period_end = serializers.DateTimeField(allow_null=True)
    cancel_at_period_end = serializers.BooleanField()
    organization = serializers.UUIDField()
    id = serializers.UUIDField(required=False)
    renews = serializers.BooleanField(required=False)
    billing_period = serializers.CharField(required=False, allow_null=True)
    grace_until = serializers.DateTimeField(required=False, allow_null=True)


class PayerInput(InputSerializer):
    organization = Id(required=False, allow_null=True, default=None, help_text="by default the personal one")


class CancelInput(PayerInput):
    at_once = Flag(required=False, default=False, help_text="by default it ends with the period that is paid")


class UpgradeInput(PayerInput):
    plan_id = Text(max_length=32, help_text="the name of another plan")
    billing_period = Choice(choices=BillingPeriod.choices, required=False, allow_blank=True, default="")


class ProrationOutput(serializers.Serializer):
    plan = serializers.CharField()
    billing_period = serializers.CharField()
    due_now = MoneyOutput(help_text="below zero it is credited to the next period")
    next_amount = MoneyOutput()
    next_at = serializers.DateTimeField()
    credits_now = serializers.CharField()
    monthly_credits = serializers.CharField()


class UpgradeOutput(serializers.Serializer):
    """With `?preview=true` a proration instead."""

    subscription = SubscriptionOutput()
    checkout_url = serializers.CharField(allow_null=True, help_text="where the payer must agree first")


class PortalInput(PayerInput):
    return_url = Text(max_length=1500, required=False, allow_blank=True, default="")


class PortalOutput(serializers.Serializer):
    url = serializers.CharField()


class SubscriptionView(BillingView):
    @extend_schema(operation_id="subscription_read", parameters=[ORGANIZATION], responses=SubscriptionOutput)
    def get(self, request: Request) -> Response:
        """The plan of an organisation of the caller's; `free` where none runs."""
        return Response(plans.subscription_data(named_organization(request)))


class CancelView(BillingWriteView):
    @extend_schema(operation_id="subscription_cancel", request=CancelInput, responses=SubscriptionOutput)
    def post(self, request: Request) -> Response:
        """Lets the plan end with its period, or at once. A repeat changes nothing."""
        body = self.valid(CancelInput, request)
        organization_id = _organization(self, body)
        services.cancel_subscription(organization_id=organization_id, actor=self.person, at_once=body["at_once"])
        return Response(plans.subscription_data(organization_id))


class ResumeView(BillingWriteView):
    @extend_schema(operation_id="subscription_resume", request=PayerInput, responses=SubscriptionOutput)
    def post(self, request: Request) -> Response:
        """Takes a cancellation back while the period lasts."""
        organization_id = _organization(self, self.valid(PayerInput, request))
        services.resume_subscription(organization_id=organization_id, actor=self.person)
        return Response(plans.subscription_data(organization_id))


class UpgradeView(BillingWriteView):
    @extend_schema(
        operation_id="subscription_upgrade",
        request=UpgradeInput,
        responses=UpgradeOutput,
        parameters=[
            OpenApiParameter("preview", bool, description="only say what it would cost: a proration"),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
        ],
    )
    def post(self, request: Request) -> Response:
        """Goes over to another plan now; with `?preview=true` nothing is changed."""
        body = self.valid(UpgradeInput, request)
        organization_id = _organization(self, body)
        wish = {"plan": body["plan_id"], "billing_period": body["billing_period"]}
        if request.query_params.get("preview") == "true":
            return Response(services.preview_change(organization_id=organization_id, actor=self.person, **wish))
        change = services.change_plan(
            organization_id=organization_id, actor=self.person, key=idempotency_key(request), **wish
        )
        return Response(
            {
                "subscription": plans.subscription_data(organization_id),
                "checkout_url": change.checkout_url or None,
            }
        )


class PortalView(BillingWriteView):
    @extend_schema(operation_id="payment_portal", request=PortalInput, responses=PortalOutput)
    def post(self, request: Request) -> Response:
        """Where the provider lets people look after their cards. 404 where none has such a place."""
        body = self.valid(PortalInput, request)
        if body["return_url"]:
            check_redirect(body["return_url"], "return_url")
        url = services.portal_url(
            organization_id=_organization(self, body), actor=self.person, return_url=body["return_url"]
        )
        return Response({"url": url})


class TrialView(BillingWriteView):
    @extend_schema(operation_id="subscription_trial", request=None, responses=SubscriptionOutput)
    def post(self, request: Request) -> Response:
        """Begins the trial: once a person, for their personal organisation."""
        subscription = services.start_trial(user=self.person)
        return Response(selectors.subscription_data(subscription.organization_id))


def _organization(view: BillingView, body: dict[str, object]) -> uuid.UUID:
    named = body["organization"]
    return named if isinstance(named, uuid.UUID) else view.claims.organization_id
