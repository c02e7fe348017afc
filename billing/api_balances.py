"""Every wallet, over REST, for staff."""

import uuid

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import Role
from billing.balances import MAX_SEARCH, balances_page
from common.api import TroupeView
from common.errors import Forbidden, ValidationProblem
from common.openapi import PAGE
from common.pagination import bad_cursor, decode_cursor, read_limit, wants_total
from common.rendering import Response

ROLES = (Role.FINANCE, Role.SUPPORT, Role.ADMIN)


class PayerOutput(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    personal = serializers.BooleanField()


class BalanceOutput(serializers.Serializer):
    id = serializers.UUIDField()
    organization = PayerOutput()
    owner = serializers.CharField(allow_null=True, help_text="The username of its owner, the first of several.")
    balance = serializers.CharField()
    bonus_balance = serializers.CharField()
    reserved = serializers.CharField()
    total = serializers.CharField()
    free_messages = serializers.IntegerField(min_value=0)


class BalancesPage(serializers.Serializer):
    items = BalanceOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class BalancesView(TroupeView):
    preset = "expensive"
    needs_redis = True

    @extend_schema(
        operation_id="users_balances",
        parameters=[
            OpenApiParameter(
                "search", OpenApiTypes.STR, description="the beginning of a name, a username or an address"
            ),
            *PAGE,
        ],
        responses=BalancesPage,
    )
    def get(self, request: Request) -> Response:
        """Every wallet, the newest first. For staff of finance and support, and administrators."""
        if self.claims.role not in ROLES:
            raise Forbidden
        page = balances_page(
            search=_search(request),
            before=_before(request),
            limit=read_limit(request),
            count=wants_total(request),
        )
        return Response(page.data(), headers={"Cache-Control": "no-store"})


def _search(request: Request) -> str:
    text = request.query_params.get("search", "")
    if len(text) > MAX_SEARCH or "\x00" in text:
        raise ValidationProblem(errors={"search": [f"Give at most {MAX_SEARCH} characters, without NUL."]})
    return text


def _before(request: Request) -> uuid.UUID | None:
    cursor = request.query_params.get("cursor")
    if not cursor:
        return None
    (last,) = decode_cursor(cursor, 1)
    try:
        return uuid.UUID(str(last))
    except ValueError as error:
        raise bad_cursor() from error
