"""Organisations and their members over REST."""

import uuid

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.models import Membership
from accounts.selectors import organizations as reads
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Choice, Id, Text
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response

Role = Membership.Role


class OrganizationInput(InputSerializer):
    name = Text(max_length=services.MAX_ORGANIZATION_NAME)


class OrganizationChange(InputSerializer):
    name = Text(max_length=services.MAX_ORGANIZATION_NAME, required=False)


class RoleInput(InputSerializer):
    role = Choice(choices=Role.choices)


class HeirInput(InputSerializer):
    user = Id(help_text="A member, who becomes an owner.")


class OrganizationOutput(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    personal = serializers.BooleanField()
    role = serializers.ChoiceField(choices=Role.choices, help_text="the caller's")
    members_count = serializers.IntegerField()
    total = serializers.CharField(allow_null=True, help_text="credits to spend")
    created_at = serializers.DateTimeField()


class OrganizationPage(serializers.Serializer):
    items = OrganizationOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class MemberUserOutput(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    avatar = serializers.URLField(allow_null=True)


class MemberOutput(serializers.Serializer):
    id = serializers.UUIDField()
    user = MemberUserOutput()
    role = serializers.ChoiceField(choices=Role.choices)
    email = serializers.EmailField(required=False, help_text="for owners and admins only")
    created_at = serializers.DateTimeField()


class MemberPage(serializers.Serializer):
    items = MemberOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def organization_response(organization_id: uuid.UUID, user_id: uuid.UUID, status: int = 200) -> Response:
    (data,) = selectors.with_totals([selectors.organization_data_for(organization_id, user_id)])
    return Response(data, status=status)


class OrganizationsView(TroupeView):
    idempotent = True

    @extend_schema(operation_id="organizations_list", parameters=PAGE, responses=OrganizationPage)
    def get(self, request: Request) -> Response:
        """Where I belong, the newest membership first; one's own personal organisation is the last."""
        page = page_by_id(reads.memberships_of(self.user_id), request, reads.organization_data)
        return Response(page.data() | {"items": selectors.with_totals(page.items)})

    @extend_schema(operation_id="organizations_create", request=OrganizationInput, responses={201: OrganizationOutput})
    def post(self, request: Request) -> Response:
        """Creates a team with an empty wallet; the caller is its owner."""
        organization = services.create_team(user_id=self.user_id, **self.valid(OrganizationInput, request))
        return organization_response(organization.pk, self.user_id, status=201)


class OrganizationView(TroupeView):
    @extend_schema(operation_id="organizations_read", responses=OrganizationOutput)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        return organization_response(organization_id, self.user_id)

    @extend_schema(operation_id="organizations_update", request=OrganizationChange, responses=OrganizationOutput)
    def patch(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Owners and admins may rename it."""
        if body := self.valid(OrganizationChange, request):
            services.rename_organization(organization_id=organization_id, actor_id=self.user_id, **body)
        return organization_response(organization_id, self.user_id)

    @extend_schema(operation_id="organizations_delete", responses={204: None})
    def delete(self, request: Request, organization_id: uuid.UUID) -> HttpResponse:
        """Ends a team for everybody; an owner's to do, once its wallet is empty."""
        services.delete_team(organization_id=organization_id, actor_id=self.user_id)
        return no_content()


class TransferView(TroupeView):
    @extend_schema(operation_id="organizations_transfer", request=HeirInput, responses=OrganizationOutput)
    def post(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Hands one's ownership to another member; the caller becomes an admin."""
        heir_id = self.valid(HeirInput, request)["user"]
        services.transfer_team(organization_id=organization_id, actor_id=self.user_id, user_id=heir_id)
        return organization_response(organization_id, self.user_id)


class LeaveView(TroupeView):
    @extend_schema(operation_id="organizations_leave", request=None, responses={204: None})
    def post(self, request: Request, organization_id: uuid.UUID) -> HttpResponse:
        """Ends one's own membership. 409 for the only owner."""
        services.leave_team(organization_id=organization_id, user_id=self.user_id)
        return no_content()


class MembersView(TroupeView):
    @extend_schema(operation_id="organization_members_list", parameters=PAGE, responses=MemberPage)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Everybody in it, who joined last first."""
        manages = selectors.place_of(organization_id, self.user_id).role in reads.MANAGERS
        page = page_by_id(
            reads.members_of(organization_id), request, lambda member: reads.member_data(member, with_email=manages)
        )
        return Response(page.data())


class MemberView(TroupeView):
    @extend_schema(operation_id="organization_members_read", responses=MemberOutput)
    def get(self, request: Request, organization_id: uuid.UUID, member_id: uuid.UUID) -> Response:
        return self.member_response(organization_id, member_id)

    @extend_schema(operation_id="organization_members_update", request=RoleInput, responses=MemberOutput)
    def patch(self, request: Request, organization_id: uuid.UUID, member_id: uuid.UUID) -> Response:
        """Gives a role. Owners give any; admins make members admins, and admins members. 409 for the only owner's."""
        role = self.valid(RoleInput, request)["role"]
        services.change_role(organization_id=organization_id, actor_id=self.user_id, membership_id=member_id, role=role)
        return self.member_response(organization_id, member_id)

    @extend_schema(operation_id="organization_members_delete", responses={204: None})
    def delete(self, request: Request, organization_id: uuid.UUID, member_id: uuid.UUID) -> HttpResponse:
        """Removes a member; with one's own membership, leaves. 409 for the only owner."""
        services.remove_member(organization_id=organization_id, actor_id=self.user_id, membership_id=member_id)
        return no_content()

    def member_response(self, organization_id: uuid.UUID, member_id: uuid.UUID) -> Response:
        manages = selectors.place_of(organization_id, self.user_id).role in reads.MANAGERS
        member = reads.member_of(organization_id, member_id)
        return Response(reads.member_data(member, with_email=manages))
