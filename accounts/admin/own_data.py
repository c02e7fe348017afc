"""The operators' console of people's own data: that a copy was made, never the copy."""

from django.contrib import admin

from accounts.models import Consent, DataExport
from common.admin import ReadOnlyAdmin


@admin.register(DataExport)
class DataExportAdmin(ReadOnlyAdmin):
    list_display = ("user", "status", "progress", "attempts", "size", "created_at", "ready_at", "expires_at")
    list_select_related = ("user",)
    list_filter = ("status",)
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("user", "purpose", "version", "given", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"
