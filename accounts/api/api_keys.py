"""API keys over REST: one's own, and an organisation's."""

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.api.organizations import MemberUserOutput
from accounts.api.sessions import EndedOutput
from accounts.models import Scope
from accounts.services import api_keys
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Choice, CreditsLimit, Moment, Text
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response


class ApiKeyInput(InputSerializer):
    name = Text(max_length=api_keys.MAX_KEY_NAME)
    scopes = serializers.ListField(
        child=Choice(choices=Scope.choices),
        min_length=1,
        max_length=len(Scope),
        required=False,
        default=list(api_keys.DEFAULT_SCOPES),
        help_text="What it may do; by default `chat` and `images`.",
    )
    budget = CreditsLimit(required=False, allow_null=True, default=None, help_text="Credits it may spend a month.")
    expires_at = Moment(required=False, allow_null=True, default=None)


class ApiKeyOutput(serializers.Serializer):
    id = serializers.UUIDField()
    organization = serializers.UUIDField(help_text="pays for what the key does")
    user = MemberUserOutput(help_text="as whom it acts")
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="how the key begins")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    budget = serializers.CharField(allow_null=True, help_text="credits it may spend a month")
    spent = serializers.CharField(allow_null=True, help_text="of the budget, this month")
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="to the minute")
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewApiKeyOutput(ApiKeyOutput):
    key = serializers.CharField(help_text="shown this once")


class ApiKeyPage(serializers.Serializer):
    items = ApiKeyOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class KeysView(TroupeView):
    """A base: what is done with the keys of one organisation."""

    def list_keys(self, request: Request, organization_id: uuid.UUID) -> Response:
        keys = selectors.api_keys_for(organization_id, self.user_id)
        page = page_by_id(keys, request, selectors.api_key_data)
        return Response(page.data() | {"items": selectors.with_budgets(page.items)})

    def create_key(self, request: Request, organization_id: uuid.UUID) -> Response:
        body = self.valid(ApiKeyInput, request)
        made = services.create_api_key(organization_id=organization_id, user_id=self.user_id, **body)
        (data,) = selectors.with_budgets([selectors.api_key_data(made.row)])
        return Response({**data, "key": made.key}, status=201, headers={"Cache-Control": "no-store"})

    def revoke_keys(self, organization_id: uuid.UUID) -> Response:
        return Response({"ended": services.revoke_api_keys(organization_id=organization_id, actor_id=self.user_id)})

    def revoke_key(self, organization_id: uuid.UUID, key_id: uuid.UUID) -> HttpResponse:
        services.revoke_api_key(organization_id=organization_id, actor_id=self.user_id, key_id=key_id)
        return no_content()

    @property
    def own_organization(self) -> Any:
        return self.claims.organization_id


class OwnKeysView(KeysView):
    @extend_schema(operation_id="api_keys_list", parameters=PAGE, responses=ApiKeyPage)
    def get(self, request: Request) -> Response:
        """One's own keys that were not revoked, the newest first; they pay from the personal organisation."""
        return self.list_keys(request, self.own_organization)

    @extend_schema(operation_id="api_keys_create", request=ApiKeyInput, responses={201: NewApiKeyOutput})
    def post(self, request: Request) -> Response:
        """Makes a key for programs of one's own. It is shown this once."""
        return self.create_key(request, self.own_organization)

    @extend_schema(operation_id="api_keys_delete_all", responses={200: EndedOutput})
    def delete(self, request: Request) -> Response:
        """Ends all of them, for good and at once."""
        return self.revoke_keys(self.own_organization)


class OwnKeyView(KeysView):
    @extend_schema(operation_id="api_keys_delete", responses={204: None})
    def delete(self, request: Request, key_id: uuid.UUID) -> HttpResponse:
        """Ends the key, for good and at once."""
        return self.revoke_key(self.own_organization, key_id)


class OrganizationKeysView(KeysView):
    @extend_schema(operation_id="organization_api_keys_list", parameters=PAGE, responses=ApiKeyPage)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Owners and admins see all keys of the organisation that were not revoked, a member their own."""
        return self.list_keys(request, organization_id)

    @extend_schema(operation_id="organization_api_keys_create", request=ApiKeyInput, responses={201: NewApiKeyOutput})
    def post(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Makes a key that acts as the caller and pays from the organisation. It is shown this once.

        It ends with the caller's membership. Only owners and admins may give it the scope `spend`.
        """
        return self.create_key(request, organization_id)

    @extend_schema(operation_id="organization_api_keys_delete_all", responses={200: EndedOutput})
    def delete(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Ends all keys that the caller sees, for good and at once."""
        return self.revoke_keys(organization_id)


class OrganizationKeyView(KeysView):
    @extend_schema(operation_id="organization_api_keys_delete", responses={204: None})
    def delete(self, request: Request, organization_id: uuid.UUID, key_id: uuid.UUID) -> HttpResponse:
        """Ends the key, for good and at once."""
        return self.revoke_key(organization_id, key_id)
