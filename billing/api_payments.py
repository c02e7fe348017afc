"""Paying over REST: the catalogue, checkouts, what was paid, and money back."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.named import ORGANIZATION, named_organization
from billing import selectors, services
from billing.models import BillingPeriod, CheckoutSession, Payment, PaymentType, Refund
from common import shared_reads
from common.api import NUL, InputSerializer, TroupeView
from common.errors import NotFound, ValidationProblem
from common.fields import Choice, Id, Text
from common.models import new_id
from common.openapi import PAGE
from common.pagination import read_limit, wants_total
from common.rendering import Response

NAME: dict[str, Any] = {"max_length": 32, "required": False, "allow_blank": True, "default": ""}
ADDRESS: dict[str, Any] = {"max_length": 1500, "required": False, "allow_blank": True, "default": ""}


class MoneyOutput(serializers.Serializer):
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()


class PaymentOutput(serializers.Serializer):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    type = serializers.ChoiceField(choices=PaymentType.choices)
    status = serializers.ChoiceField(choices=Payment.Status.choices)
    amount = MoneyOutput()
    refunded = MoneyOutput()
    credits = serializers.CharField()
    description = serializers.CharField()
    session_id = serializers.UUIDField(allow_null=True)
    intent_id = serializers.CharField()
    organization = serializers.UUIDField()
    paid_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class PaymentPage(serializers.Serializer):
    items = PaymentOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class InvoiceOutput(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.CharField()
    payment = serializers.UUIDField()
    description = serializers.CharField()
    amount = MoneyOutput()
    status = serializers.ChoiceField(choices=Payment.Status.choices)
    billed_to = serializers.CharField()
    url = serializers.CharField(help_text="its page, to read and to print")
    created_at = serializers.DateTimeField()


class InvoicePage(serializers.Serializer):
    items = InvoiceOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class PriceOutput(serializers.Serializer):
    type = serializers.ChoiceField(choices=["one_time", "subscription"])
    billing_period = serializers.ChoiceField(choices=BillingPeriod.choices, allow_null=True)
    amount = MoneyOutput()
    providers = serializers.ListField(child=serializers.CharField(), help_text="those that take it")


class PlanOutput(serializers.Serializer):
    id = serializers.CharField(help_text="its name: the `plan_id` of a checkout")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    features = serializers.ListField(child=serializers.CharField())
    rank = serializers.IntegerField()
    is_premium = serializers.BooleanField()
    monthly_credits = serializers.CharField()
    carry_over = serializers.CharField(help_text="how many unspent credits of earlier months may stay")
    generations_per_day = serializers.IntegerField(allow_null=True)
    generations_in_all = serializers.IntegerField(allow_null=True)
    trial_days = serializers.IntegerField(allow_null=True)
    storage_mb = serializers.IntegerField(allow_null=True, help_text="files an organisation may keep")
    prices = PriceOutput(many=True)


class PackOutput(serializers.Serializer):
    id = serializers.CharField(help_text="its name: the `package_id` of a checkout")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    credits = serializers.CharField()
    bonus_credits = serializers.CharField()
    prices = PriceOutput(many=True)


class ProviderOutput(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    subscriptions = serializers.BooleanField()
    currencies = serializers.ListField(child=serializers.CharField(), allow_null=True)
    public_key = serializers.CharField(allow_null=True)


class CatalogueOutput(serializers.Serializer):
    plans = PlanOutput(many=True)
    packs = PackOutput(many=True)
    currencies = serializers.ListField(child=serializers.CharField())
    providers = ProviderOutput(many=True)


class CheckoutInput(InputSerializer):
    type = Choice(choices=PaymentType.choices)
    package_id = Text(**NAME, help_text="a pack's name")
    plan_id = Text(**NAME, help_text="a plan's name")
    event_id = Id(required=False, allow_null=True, default=None)
    billing_period = Choice(choices=BillingPeriod.choices, required=False, allow_blank=True, default="")
    provider = Text(max_length=16, required=False, allow_blank=True, default="", help_text="by default the first")
    currency = Text(max_length=3, required=False, allow_blank=True, default="", help_text="by default USD")
    success_url = Text(**ADDRESS, help_text="an address of this site or of its clients; gets `session_id`")
    cancel_url = Text(**ADDRESS)
    organization = Id(required=False, allow_null=True, default=None, help_text="by default the personal one")


class CheckoutOutput(serializers.Serializer):
    session_id = serializers.UUIDField()
    checkout_url = serializers.CharField()
    provider = serializers.CharField()
    amount = MoneyOutput()
    expires_at = serializers.DateTimeField()


class CheckoutStatusOutput(serializers.Serializer):
    session_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=CheckoutSession.Status.choices)


class CheckoutSessionOutput(CheckoutStatusOutput):
    payment = PaymentOutput(allow_null=True)


class RefundInput(InputSerializer):
    reason = Text(max_length=300)


class RefundOutput(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Refund.Status.choices)
    amount = MoneyOutput()
    payment = PaymentOutput()


class BillingView(TroupeView):
    """Money is not moved while limits can't be counted, and no API key moves it."""

    needs_redis = True


class BillingWriteView(BillingView):
    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return [("gql:billing", str(request.user.pk))]


class CatalogueView(TroupeView):
    public = True

    @extend_schema(operation_id="subscription_plans", auth=[], responses=CatalogueOutput)
    def get(self, request: Request) -> HttpResponse:
        """What is for sale: plans, packs, and what they cost with whom. Served by ETag."""
        return shared_reads.shared_response(request, selectors.catalogue_body())


class PublicConfigView(CatalogueView):
    @extend_schema(operation_id="public_payment_config", auth=[], responses=CatalogueOutput)
    def get(self, request: Request) -> HttpResponse:
        """The same, with the providers' public keys: what a checkout of one's own needs to know."""
        return super().get(request)


class CheckoutView(BillingWriteView):
    @extend_schema(
        operation_id="create_checkout",
        request=CheckoutInput,
        responses=CheckoutOutput,
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> Response:
        """A page of the provider to pay on. The same `Idempotency-Key` leads to the same one, for good."""
        body = self.valid(CheckoutInput, request)
        session = services.start_checkout(
            user=self.person,
            organization_id=body["organization"] or self.claims.organization_id,
            type=body["type"],
            key=idempotency_key(request),
            pack=body["package_id"],
            plan=body["plan_id"],
            billing_period=body["billing_period"],
            purchase_id=str(body["event_id"] or ""),
            provider=body["provider"],
            currency=body["currency"],
            success_url=body["success_url"],
            cancel_url=body["cancel_url"],
        )
        return Response(
            {
                "session_id": session.pk,
                "checkout_url": session.checkout_url,
                "provider": session.provider,
                "amount": {"amount_minor": session.amount, "currency": session.currency},
                "expires_at": session.expires_at,
            }
        )


class HistoryView(BillingView):
    @extend_schema(operation_id="payment_history", parameters=[ORGANIZATION, *PAGE], responses=PaymentPage)
    def get(self, request: Request) -> Response:
        """What was paid, the newest first."""
        return Response(_paid_by(request, selectors.payments_page))


class InvoicesView(BillingView):
    @extend_schema(operation_id="invoices", parameters=[ORGANIZATION, *PAGE], responses=InvoicePage)
    def get(self, request: Request) -> Response:
        """The papers of what was paid, the newest first."""
        return Response(_paid_by(request, selectors.invoices_page))


class SessionView(BillingView):
    @extend_schema(operation_id="checkout_session", responses=CheckoutSessionOutput)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """What became of a checkout; the provider is asked, if it has not told us yet."""
        session = services.session_for(session_id, self.user_id)
        return Response(selectors.session_data(services.follow_session(session)))


class PublicSessionView(TroupeView):
    public = True

    @extend_schema(operation_id="public_checkout_session", auth=[], responses=CheckoutStatusOutput)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """Only whether it is paid, for whoever comes back without being signed in."""
        session = CheckoutSession.objects.filter(pk=session_id).first()
        if session is None:
            raise NotFound
        return Response(selectors.session_status(session))


class IntentView(BillingView):
    @extend_schema(operation_id="find_payment_by_intent", responses=PaymentOutput)
    def get(self, request: Request, intent_id: str) -> Response:
        """The payment that a provider calls by this id."""
        for payment in Payment.objects.filter(intent_id=intent_id) if NUL not in intent_id else ():
            if payment.user_id == self.user_id or selectors.may_pay_for(self.user_id, payment.organization_id):
                return Response(selectors.payment_data(payment))
        raise NotFound


class RefundView(BillingWriteView):
    idempotent = False  # the refund is a row of its own: one at a time, and none beyond what was paid

    @extend_schema(operation_id="refund_payment", request=RefundInput, responses=RefundOutput)
    def post(self, request: Request, payment_id: uuid.UUID) -> Response:
        """Gives back what was bought, within 14 days and with its credits unspent. (Staff do it in the console.)"""
        body = self.valid(RefundInput, request)
        payment = Payment.objects.filter(pk=payment_id).first()
        if payment is None or not selectors.may_pay_for(self.user_id, payment.organization_id):
            raise NotFound
        refund = services.request_refund(payment_id=payment_id, actor=self.person, reason=body["reason"])
        payment.refresh_from_db()
        return Response(
            {
                "id": refund.pk,
                "status": refund.status,
                "amount": {"amount_minor": refund.amount, "currency": payment.currency},
                "payment": selectors.payment_data(payment),
            }
        )


def idempotency_key(request: Request) -> str:
    """The caller's own, or one that is nobody's else. Raises ValidationProblem."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return str(new_id())
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise ValidationProblem(errors={"Idempotency-Key": ["Give 1 to 255 printable characters."]})
    return key


def _paid_by(request: Request, page: Any) -> Any:
    """For who pays for the organisation. Raises NotFound, Forbidden, ValidationProblem."""
    organization_id = named_organization(request)
    selectors.require_payer(request.auth.user_id, organization_id)  # type: ignore[union-attr]
    found = page(
        organization_id,
        cursor=request.query_params.get("cursor"),
        limit=read_limit(request),
        count=wants_total(request),
    )
    return found.data()
