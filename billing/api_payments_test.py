"""Paying without paying, for those who build against a site of their own: the sandbox, by program.

In development and test alone; elsewhere these addresses are not there.
"""

import uuid

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from billing import plans, selectors, services
from billing.api_payments import BillingWriteView, CheckoutSessionOutput, idempotency_key
from billing.api_plans import SubscriptionOutput
from billing.models import BillingPeriod, CheckoutSession, Payment, PaymentType
from billing.providers.base import ProviderError
from billing.sandbox import is_open
from billing.sandbox import services as sandbox
from common.api import NUL, InputSerializer, TroupeView
from common.errors import Conflict, NotFound
from common.fields import Choice, Text
from common.rendering import Response


class ManualSubscriptionInput(InputSerializer):
    plan = Text(max_length=32, help_text="a plan's name")
    billing_period = Choice(choices=BillingPeriod.choices, required=False, allow_blank=True, default="")


class UrlConfigOutput(serializers.Serializer):
    environment = serializers.CharField()
    public_url = serializers.CharField()
    frontend_url = serializers.CharField()
    success_url = serializers.CharField(help_text="where a checkout leads back to if it named no address")
    cancel_url = serializers.CharField()
    webhook_urls = serializers.DictField(child=serializers.CharField(), help_text="by provider")


class OnlyInRehearsal(TroupeView):
    """Where there is no sandbox, there is nothing at this address, for nobody."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        if not is_open():
            raise NotFound
        super().initial(request, *args, **kwargs)


class CompletePaymentView(OnlyInRehearsal, BillingWriteView):
    @extend_schema(operation_id="test_complete_payment", request=None, responses=CheckoutSessionOutput)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """Pays one's own checkout in the sandbox. Paying twice pays once."""
        return Response(selectors.session_data(complete(services.session_for(session_id, self.user_id))))


class CompleteByIntentView(OnlyInRehearsal, BillingWriteView):
    @extend_schema(operation_id="test_complete_by_intent", request=None, responses=CheckoutSessionOutput)
    def post(self, request: Request, intent_id: str) -> Response:
        """The same, by what the provider calls the payment, or before there is one, its checkout."""
        if NUL in intent_id:
            raise NotFound
        found = Payment.objects.filter(provider="sandbox", intent_id=intent_id, session__isnull=False).first()
        begun = CheckoutSession.objects.filter(provider="sandbox", provider_session_id=intent_id).first()
        session_id = found.session_id if found else begun.pk if begun else None
        if session_id is None:
            raise NotFound
        return Response(selectors.session_data(complete(services.session_for(session_id, self.user_id))))


class ManualSubscriptionView(OnlyInRehearsal, BillingWriteView):
    idempotent = True

    @extend_schema(
        operation_id="test_create_manual_subscription", request=ManualSubscriptionInput, responses=SubscriptionOutput
    )
    def post(self, request: Request) -> Response:
        """A plan for the caller's personal organisation, bought in the sandbox as a checkout would."""
        body = self.valid(ManualSubscriptionInput, request)
        session = services.start_checkout(
            user=self.person,
            organization_id=self.claims.organization_id,
            type=PaymentType.SUBSCRIPTION,
            key=idempotency_key(request),
            plan=body["plan"],
            billing_period=body["billing_period"],
            provider="sandbox",
        )
        complete(session)
        return Response(plans.subscription_data(self.claims.organization_id))


class UrlConfigView(OnlyInRehearsal):
    public = True

    @extend_schema(operation_id="test_url_config", auth=[], responses=UrlConfigOutput)
    def get(self, request: Request) -> Response:
        """Where this site believes it stands: what providers are told to send people and notifications to."""
        back = f"{settings.PUBLIC_URL}{reverse('checkout_return')}"
        webhooks = {name: f"{settings.PUBLIC_URL}/webhooks/{name}" for name in settings.PAYMENT_PROVIDERS}
        return Response(
            {
                "environment": settings.ENVIRONMENT,
                "public_url": settings.PUBLIC_URL,
                "frontend_url": settings.FRONTEND_URL,
                "success_url": back,
                "cancel_url": back,
                "webhook_urls": webhooks,
            }
        )


def complete(session: CheckoutSession) -> CheckoutSession:
    """The session once it was paid in the sandbox and our books know. Raises Conflict where that can't be."""
    if session.provider != "sandbox":
        raise Conflict("Only a checkout of the sandbox can be paid like this.")
    if not session.provider_session_id:
        session = services.open_at_provider(session)
    try:
        sandbox.pay(uuid.UUID(session.provider_session_id))
    except ProviderError as error:
        raise Conflict(error.public) from error
    services.follow_root(session)
    session.refresh_from_db()
    return session
