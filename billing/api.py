"""The wallet over REST."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.named import ORGANIZATION, named_organization
from accounts.authentication import ApiKeyAuthentication, TokenAuthentication, WebSessionAuthentication
from accounts.selectors import paying_organization
from accounts.tokens import Claims
from billing import selectors, services
from billing.authentication import InternalCaller, InternalKeyAuthentication
from billing.models import Kind
from common.api import InputSerializer, TroupeView, checked
from common.errors import Forbidden, ValidationProblem
from common.fields import Credits, Id, Text
from common.openapi import PAGE
from common.pagination import read_limit, wants_total
from common.rendering import Response


class ReferenceObject(serializers.Serializer):
    type = Text(max_length=80)
    id = Text(max_length=200)


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "object",
                "required": ["type", "id"],
                "additionalProperties": False,
                "properties": {
                    "type": {"type": "string", "minLength": 1, "maxLength": 80},
                    "id": {"type": "string", "minLength": 1, "maxLength": 200},
                },
            },
            {"type": "string", "minLength": 1, "maxLength": 200},
        ]
    }
)
class ReferenceField(serializers.Field):
    """What is paid for: `{type, id}`, or one's own name for it."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if isinstance(data, dict) and (unknown := data.keys() - {"type", "id"}):
            raise serializers.ValidationError({name: ["This field is not known."] for name in unknown})
        return checked(ReferenceObject, {"type": "external", "id": data} if isinstance(data, str) else data)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


class SpendInput(InputSerializer):
    amount = Credits()
    feature = Text(max_length=80)
    reference = ReferenceField(required=False, allow_null=True, default=None)
    organization = Id(
        required=False,
        allow_null=True,
        default=None,
        help_text="A must with the internal key. An API key knows only its own.",
    )


class WalletOutput(serializers.Serializer):
    organization = serializers.UUIDField()
    balance = serializers.CharField()
    bonus_balance = serializers.CharField()
    reserved = serializers.CharField()
    total = serializers.CharField()
    free_messages = serializers.IntegerField(min_value=0)


class ReferenceOutput(serializers.Serializer):
    type = serializers.CharField(allow_blank=True)
    id = serializers.CharField(allow_blank=True)


class EntryOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    amount = serializers.CharField()
    bucket = serializers.ChoiceField(choices=["main", "bonus", "both"])
    balance_after = serializers.CharField()
    feature = serializers.CharField(allow_blank=True)
    reference = ReferenceOutput(allow_null=True)
    description = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class EntryPage(serializers.Serializer):
    items = EntryOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class SpendOutput(serializers.Serializer):
    success = serializers.BooleanField()
    credits_used = serializers.CharField()
    remaining_credits = serializers.CharField()
    entry = EntryOutput()


class WalletView(TroupeView):
    scope = "spend"
    needs_redis = True

    @extend_schema(operation_id="wallet_read", parameters=[ORGANIZATION], responses=WalletOutput)
    def get(self, request: Request) -> Response:
        """What an organisation of the caller's has to spend."""
        return Response(selectors.wallet_data(named_organization(request)))


class EntriesView(TroupeView):
    scope = "spend"
    needs_redis = True

    @extend_schema(operation_id="wallet_entries", parameters=[ORGANIZATION, *PAGE], responses=EntryPage)
    def get(self, request: Request) -> Response:
        """Every movement of the wallet, the newest first; the amounts add up to `total`."""
        page = selectors.entries_page(
            named_organization(request),
            cursor=request.query_params.get("cursor"),
            limit=read_limit(request),
            count=wants_total(request),
        )
        return Response(page.data())


class SpendView(TroupeView):
    authentication_classes = [
        InternalKeyAuthentication,
        ApiKeyAuthentication,
        TokenAuthentication,
        WebSessionAuthentication,
    ]
    scope = "spend"
    idempotent = True
    needs_redis = True

    @extend_schema(operation_id="credits_spend", request=SpendInput, responses=SpendOutput)
    def post(self, request: Request) -> Response:
        """Takes credits at once, bonus first.

        A person's own sign-in spends from the personal wallet only, an API key from that of its organisation.
        """
        body = self.valid(SpendInput, request)
        spent = services.spend(
            organization_id=_payer(request, body["organization"]),
            amount=body["amount"],
            feature=body["feature"],
            reference=body["reference"],
            key=_ledger_key(request),
            member_id=getattr(request.auth, "user_id", None),
            api_key_id=getattr(request.auth, "api_key_id", None),
        )
        return Response(
            {
                "success": True,
                "credits_used": body["amount"],
                "remaining_credits": spent.remaining,
                "entry": spent.entry,
            }
        )


def _payer(request: Request, organization_id: uuid.UUID | None) -> uuid.UUID:
    if isinstance(request.user, InternalCaller):
        if organization_id is None:
            raise ValidationProblem(errors={"organization": ["Say whose credits to spend."]})
        return organization_id
    claims = _claims(request)
    payer = paying_organization(claims, organization_id)
    if payer != claims.organization_id:
        raise Forbidden("Your own sign-in spends from your own wallet only.")
    return payer


def _claims(request: Request) -> Claims:
    assert isinstance(request.auth, Claims)
    return request.auth


def _ledger_key(request: Request) -> str | None:
    """The caller's `Idempotency-Key` is the entry's too, so that it holds for longer than the answer is kept."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    caller = getattr(request.auth, "api_key_id", None) or request.user.pk
    return f"api:{caller}:{key}" if key else None
