"""The operators' console of organisations: who is in them, and who was asked to be."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts import services
from accounts.models import Invitation, Membership, Organization
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog
from common.errors import Problem


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def refused(request: HttpRequest, problem: Problem, address: str) -> HttpResponse:
    """Ends a dialog whose action could not be done."""
    messages.error(request, problem.detail)
    return HttpResponse(headers={"HX-Redirect": address})


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ("name", "personal", "created_at", "deleted_at")
    list_filter = ("personal",)
    search_fields = ("name_lower",)
    search_help_text = "The beginning of a name, or an id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        return super().get_queryset(request).alias(name_lower=Lower("name"))


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "organization", "role", "personal", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, the membership's id, or the organisation's"
    actions_detail = ("make_owner",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if key := as_uuid(search_term.strip()):
            return queryset.filter(Q(pk=key) | Q(organization=key)), False
        return super().get_search_results(request, queryset, search_term)

    def has_appoint_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_membership")

    @action(
        description="Make them an owner",
        permissions=["appoint"],
        dialog=reason_dialog("Make them an owner", "For a team whose owner is lost. The others stay.", "Make owner"),
    )
    def make_owner(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        membership = self.get_object(request, object_id)
        address = reverse("admin:accounts_membership_change", args=[membership.pk])
        try:
            services.appoint_owner(
                membership_id=membership.pk,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            )
        except Problem as problem:
            return refused(request, problem, address)
        return done(request, "They are an owner now.", address)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "organization", "role", "invited_by", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("organization", "invited_by")
    search_fields = ("email_lower",)
    search_help_text = "The whole address of an open invitation, its id, or the organisation's"
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        return super().get_queryset(request).alias(email_lower=Lower("email"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower().replace("\x00", "")
        if not term:
            return queryset, False
        if key := as_uuid(term):
            return queryset.filter(Q(pk=key) | Q(organization=key)), False
        return queryset.filter(email_lower=term, accepted_at=None, revoked_at=None), False

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_invitation")

    @action(
        description="Take it back",
        permissions=["revoke"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("Take it back", "Its link stops working at once.", "Take it back"),
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        invitation = self.get_object(request, object_id)
        address = reverse("admin:accounts_invitation_change", args=[invitation.pk])
        try:
            services.revoke_invitation_as_staff(
                invitation_id=invitation.pk,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            )
        except Problem as problem:
            return refused(request, problem, address)
        return done(request, "The invitation was taken back.", address)
