"""Invitations over REST: who sends them, and who gets them."""

import uuid
from collections.abc import Sequence

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.api.organizations import OrganizationOutput, organization_response
from accounts.models import Membership
from accounts.selectors import invitations as reads
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Choice, Text
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response

INVITED_AS = (Membership.Role.ADMIN, Membership.Role.MEMBER)


class AddressField(serializers.EmailField, Text):
    pass


class InvitationInput(InputSerializer):
    email = AddressField(max_length=254)
    role = Choice(choices=[(role.value, role.label) for role in INVITED_AS], default=Membership.Role.MEMBER.value)


class InvitationOutput(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    inviter = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()


class InvitationPage(serializers.Serializer):
    items = InvitationOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class InvitationPreview(serializers.Serializer):
    organization = serializers.CharField()
    inviter = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    email = serializers.CharField(help_text="masked")
    expires_at = serializers.DateTimeField()


class MyInvitationOutput(InvitationPreview):
    id = serializers.UUIDField()
    token = serializers.CharField(help_text="for `POST /api/invitations/{token}/accept`")
    created_at = serializers.DateTimeField()


class MyInvitationList(serializers.Serializer):
    items = MyInvitationOutput(many=True)
    next = serializers.CharField(allow_null=True)


def mailing_windows(request: Request) -> Sequence[tuple[str, str]]:
    """Each of these sends a mail to somebody who may not have asked for it."""
    return [("gql:auth", f"{request.user.pk}:invitations")] if request.method == "POST" else ()


class InvitationsView(TroupeView):
    idempotent = True
    needs_redis = True

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return mailing_windows(request)

    @extend_schema(operation_id="organization_invitations_list", parameters=PAGE, responses=InvitationPage)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Those that wait for an answer, expired ones among them; for owners and admins."""
        selectors.place_of_manager(organization_id, self.user_id)
        return Response(page_by_id(reads.invitations_of(organization_id), request, reads.invitation_data).data())

    @extend_schema(
        operation_id="organization_invitations_create", request=InvitationInput, responses={201: InvitationOutput}
    )
    def post(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Mails an invitation for seven days. 409 for a member, and for an address that has an open one."""
        body = self.valid(InvitationInput, request)
        invitation = services.invite(organization_id=organization_id, actor_id=self.user_id, **body)
        return Response(reads.invitation_data(invitation), status=201)


class InvitationView(TroupeView):
    @extend_schema(operation_id="organization_invitations_delete", responses={204: None})
    def delete(self, request: Request, organization_id: uuid.UUID, invitation_id: uuid.UUID) -> HttpResponse:
        """Takes it back: its link stops working."""
        services.revoke_invitation(organization_id=organization_id, actor_id=self.user_id, invitation_id=invitation_id)
        return no_content()


class ResendInvitationView(TroupeView):
    needs_redis = True

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return mailing_windows(request)

    @extend_schema(operation_id="organization_invitations_resend", request=None, responses=InvitationOutput)
    def post(self, request: Request, organization_id: uuid.UUID, invitation_id: uuid.UUID) -> Response:
        """Mails it once more, for another seven days."""
        invitation = services.resend_invitation(
            organization_id=organization_id, actor_id=self.user_id, invitation_id=invitation_id
        )
        return Response(reads.invitation_data(invitation))


class MyInvitationsView(TroupeView):
    @extend_schema(operation_id="my_invitations_list", responses=MyInvitationList)
    def get(self, request: Request) -> Response:
        """Open invitations to one's confirmed address."""
        return Response({"items": selectors.invitations_to(self.user_id), "next": None})


class InvitationLinkView(TroupeView):
    public = True

    @extend_schema(operation_id="invitations_read", responses=InvitationPreview)
    def get(self, request: Request, token: str) -> Response:
        """Who invites to what. Uses nothing up. 410 for one that was used, taken back, or is too old."""
        return Response(reads.preview_data(reads.invitation_behind(token)), headers={"Cache-Control": "no-store"})


class AcceptInvitationView(TroupeView):
    @extend_schema(operation_id="invitations_accept", request=None, responses=OrganizationOutput)
    def post(self, request: Request, token: str) -> Response:
        """Joins, as the account of the address it was sent to (403 for another); that confirms the address."""
        organization = services.accept_invitation(token=token, user_id=self.user_id)
        return organization_response(organization.pk, self.user_id)
