from django.contrib import admin

from common.admin import ReasonAdmin
from generation.models import AIModel


@admin.register(AIModel)
class AIModelAdmin(ReasonAdmin):
    list_display = (
        "label",
        "kind",
        "provider",
        "name",
        "price",
        "input_price",
        "output_price",
        "enabled",
        "is_default",
    )
    list_filter = ("kind", "provider", "enabled")
    search_fields = ("label", "name", "provider")
    readonly_fields = ("id", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("kind", "provider", "name", "label", "enabled", "is_default", "retired_on")}),
        ("Size", {"fields": ("context_tokens", "max_output_tokens")}),
        ("Price", {"fields": ("price", "input_price", "output_price")}),
        ("Record", {"fields": ("id", "created_at", "updated_at")}),
    )
