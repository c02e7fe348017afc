"""What people were told, in the operators' console: to be read only."""

from django.contrib import admin

from common.admin import ReadOnlyAdmin
from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "kind", "title", "actor", "read_at", "deleted_at")
    list_select_related = ("user", "actor")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a person's name, or a notification's id"
