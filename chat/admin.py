"""Chat in the operators' console: read-only but for stopping a reply."""

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from chat.models import Conversation, Member, Message, MessageTrace, Variant
from chat.services.replies import stop_message
from common import audit
from common.admin import FastModelAdmin, ReadOnlyAdmin, ReasonForm, done, reason_dialog


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("id", "kind", "character", "organization", "last_seq", "last_message_at", "deleted_at")
    list_filter = ("kind",)
    list_select_related = ("character", "organization")
    search_fields = ("id",)


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("conversation_id", "user", "role", "last_read_seq", "archived", "left_at")
    list_select_related = ("user",)
    search_fields = ("id",)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("id", "conversation_id", "seq", "author_kind", "status", "created_at", "deleted_at")
    list_filter = ("status", "author_kind")
    search_fields = ("id",)


@admin.register(Variant)
class VariantAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("id", "status", "provider", "model", "cost", "attempts", "error_code", "created_at", "finished_at")
    list_filter = ("status", "provider")
    search_fields = ("id",)
    actions_detail = ("stop",)

    def has_stop_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("chat.change_variant")

    @action(
        description="Stop this reply",
        permissions=["stop"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Stop this reply", "What is written stays; before the first word it costs nothing.", "Stop"
        ),
    )
    @transaction.atomic
    def stop(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        variant = self.get_object(request, object_id)
        message = Message.objects.select_for_update(no_key=True).get(pk=variant.message_id)
        stop_message(message)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action="reply_stopped",
            target=message,
            reason=form.cleaned_data["reason"],
        )
        return done(request, "It stops now.", reverse("admin:chat_variant_change", args=[variant.pk]))


@admin.register(MessageTrace)
class MessageTraceAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("message_id", "action", "editor", "created_at")
    list_select_related = ("editor",)
    search_fields = ("id",)
