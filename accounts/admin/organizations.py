"""The operators' console of organisations."""

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import Membership, Organization
from common.admin import ReadOnlyAdmin


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ("name", "personal", "created_at", "deleted_at")
    search_fields = ("name_lower",)
    search_help_text = "The beginning of a name, or an id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        return super().get_queryset(request).alias(name_lower=Lower("name"))


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "organization", "role", "personal", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"
