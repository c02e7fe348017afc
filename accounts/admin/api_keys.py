"""The operators' console of API keys: whose they are, when they were used, and how to end one."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts import services
from accounts.admin.organizations import as_uuid
from accounts.models import ApiKey
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("prefix", "name", "user", "organization", "last_used_at", "expires_at", "revoked_at", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, the key's id, or the organisation's"
    exclude = ("digest",)
    actions_detail = ("revoke",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if found := as_uuid(search_term.strip()):
            return queryset.filter(Q(pk=found) | Q(organization=found)), False
        return super().get_search_results(request, queryset, search_term)

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @action(
        description="Revoke this key",
        permissions=["revoke"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("Revoke this key", "Programs that use it are refused at once, for good.", "Revoke it"),
    )
    @transaction.atomic
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        key = self.get_object(request, object_id)
        ended = services.revoke_api_key_as_staff(
            key_id=key.pk,
            actor=request.user,  # type: ignore[arg-type]
            reason=form.cleaned_data["reason"],
        )
        message = "The key has ended." if ended else "It had ended before."
        return done(request, message, reverse("admin:accounts_apikey_change", args=[key.pk]))
