"""Automatic top-up, and when to be told that a wallet runs low, over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.named import ORGANIZATION, named_organization
from billing import services
from billing.api_payments import MoneyOutput
from billing.models import TopUp
from billing.selectors.payers import require_payer
from billing.selectors.top_ups import top_up_data
from common.api import InputSerializer, TroupeView
from common.fields import CreditsLimit, Flag, Text, Whole
from common.rendering import Response

MOST = 2**53  # beyond it JavaScript's numbers are no longer whole
BLANK: dict[str, Any] = {"required": False, "allow_blank": True, "default": ""}


class CapInput(InputSerializer):
    amount_minor = Whole(min_value=0, max_value=MOST)
    currency = Text(max_length=3)


class TopUpInput(InputSerializer):
    enabled = Flag()
    threshold = CreditsLimit(required=False, help_text="buy when fewer are left")
    package_id = Text(max_length=32, **BLANK)
    provider = Text(max_length=16, **BLANK, help_text="one that keeps a card: see `providers`")
    monthly_cap = CapInput(required=False, allow_null=True, default=None)
    low_balance_at = CreditsLimit(required=False, help_text="tell when fewer are left; 0: never")


class KeeperOutput(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()


class TopUpOutput(serializers.Serializer):
    organization = serializers.UUIDField()
    enabled = serializers.BooleanField()
    threshold = serializers.CharField()
    package_id = serializers.CharField(allow_null=True)
    provider = serializers.CharField(allow_null=True)
    monthly_cap = MoneyOutput(allow_null=True)
    charged_this_month = MoneyOutput(allow_null=True, help_text="by automatic top-up, in this month of UTC")
    failures = serializers.IntegerField(min_value=0, help_text="in a row; after three it switches itself off")
    low_balance_at = serializers.CharField()
    providers = KeeperOutput(many=True, help_text="those that keep a card of the organisation's")


class TopUpView(TroupeView):
    needs_redis = True

    @extend_schema(operation_id="top_up_read", parameters=[ORGANIZATION], responses=TopUpOutput)
    def get(self, request: Request) -> Response:
        """When a wallet fills itself up, and when its people are told that it runs low. For who may pay."""
        organization_id = named_organization(request)
        require_payer(self.user_id, organization_id)
        return Response(top_up_data(organization_id))

    @extend_schema(operation_id="top_up_write", parameters=[ORGANIZATION], request=TopUpInput, responses=TopUpOutput)
    def put(self, request: Request) -> Response:
        """Sets all of it. Off by default; what may be charged in a month is capped."""
        organization_id, body = named_organization(request), self.valid(TopUpInput, request)
        cap = body["monthly_cap"] or {"amount_minor": 0, "currency": ""}
        services.set_top_up(
            organization_id=organization_id,
            actor=self.person,
            enabled=body["enabled"],
            threshold=body.get("threshold", TopUp._meta.get_field("threshold").default),
            low_balance_at=body.get("low_balance_at", TopUp._meta.get_field("low_balance_at").default),
            pack=body["package_id"],
            provider=body["provider"],
            monthly_cap=cap["amount_minor"],
            currency=cap["currency"],
        )
        return Response(top_up_data(organization_id))
