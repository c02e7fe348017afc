"""What people keep, in the operators' console: to look at, never to change. Blocks stand beside people."""

from django.contrib import admin

from accounts.models import Favourite
from common.admin import ReadOnlyAdmin


@admin.register(Favourite)
class FavouriteAdmin(ReadOnlyAdmin):
    list_display = ("user", "target_type", "target_id", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"
