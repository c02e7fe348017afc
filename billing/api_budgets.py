"""Budgets over REST."""

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.named import ORGANIZATION, named_organization
from billing import budgets, services
from billing.models import Budget
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Choice, CreditsLimit, Id
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response


class BudgetInput(InputSerializer):
    organization = Id(required=False, allow_null=True, default=None, help_text="By default the personal one.")
    scope = Choice(choices=Budget.Scope.choices)
    member = Id(required=False, allow_null=True, default=None, help_text="With the scope `member`: a person's id.")
    api_key = Id(required=False, allow_null=True, default=None, help_text="With the scope `key`.")
    period = Choice(choices=Budget.Period.choices, help_text="A day or a month of UTC's calendar.")
    limit = CreditsLimit()


class BudgetChange(InputSerializer):
    limit = CreditsLimit()


class BudgetMember(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    avatar = serializers.URLField(allow_null=True)


class BudgetKey(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    revoked = serializers.BooleanField()


class BudgetOutput(serializers.Serializer):
    id = serializers.UUIDField()
    organization = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=Budget.Scope.choices)
    member = BudgetMember(allow_null=True)
    api_key = BudgetKey(allow_null=True)
    period = serializers.ChoiceField(choices=Budget.Period.choices)
    limit = serializers.CharField()
    spent = serializers.CharField(help_text="in the present period")
    resets_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()


class BudgetPage(serializers.Serializer):
    items = BudgetOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class BudgetsView(TroupeView):
    idempotent = True
    needs_redis = True

    @extend_schema(operation_id="budgets_list", parameters=[ORGANIZATION, *PAGE], responses=BudgetPage)
    def get(self, request: Request) -> Response:
        """The newest first. Owners and admins see all of their organisation's, a member those that bind them."""
        found = budgets.budgets_for(named_organization(request), self.user_id)
        return Response(page_by_id(found, request, budgets.budget_data).data())

    @extend_schema(operation_id="budgets_create", request=BudgetInput, responses={201: BudgetOutput})
    def post(self, request: Request) -> Response:
        """Limits what a member, a key or everybody spends of an organisation's credits, from now on.

        What the present day or month has seen already counts. What goes over is refused: 403 `BUDGET_EXCEEDED`.
        """
        body = self.valid(BudgetInput, request)
        organization_id = body["organization"] or self.claims.organization_id
        budgets.require_manager(organization_id, self.user_id)
        budget = services.create_budget(
            organization_id=organization_id,
            scope=body["scope"],
            member_id=body["member"],
            api_key_id=body["api_key"],
            period=body["period"],
            limit=body["limit"],
            actor=self.person,
        )
        return Response(_read(budget.pk), status=201)


class BudgetView(TroupeView):
    needs_redis = True

    @extend_schema(operation_id="budgets_update", request=BudgetChange, responses=BudgetOutput)
    def patch(self, request: Request, budget_id: uuid.UUID) -> Response:
        """Sets another limit. Below what is spent already it refuses until the period is over."""
        budgets.budget_to_change(budget_id, self.user_id)
        limit = self.valid(BudgetChange, request)["limit"]
        services.change_budget(budget_id=budget_id, limit=limit, actor=self.person)
        return Response(_read(budget_id))

    @extend_schema(operation_id="budgets_delete", responses={204: None})
    def delete(self, request: Request, budget_id: uuid.UUID) -> HttpResponse:
        """Nothing is refused by it any more."""
        budgets.budget_to_change(budget_id, self.user_id)
        services.delete_budget(budget_id=budget_id, actor=self.person)
        return no_content()


def _read(budget_id: uuid.UUID) -> dict[str, Any]:
    return budgets.budget_data(Budget.objects.select_related("member", "api_key").get(pk=budget_id))
