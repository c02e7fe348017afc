"""Chat in the operators' console: read-only but for stopping a reply."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import Conversation, Member, Message, MessageTrace, Variant
from chat.services.replies import stop_message
from common import audit
from common.admin import FastModelAdmin, ReadOnlyAdmin


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
    actions = ("stop",)

    @admin.action(description="Stop these replies")
    def stop(self, request: HttpRequest, queryset: QuerySet[Variant]) -> None:
        for message_id in set(queryset.values_list("message_id", flat=True)):
            with transaction.atomic():
                message = Message.objects.select_for_update(no_key=True).get(pk=message_id)
                stop_message(message)
                audit.record(actor=request.user, action="reply_stopped", target=message)  # type: ignore[arg-type]
        messages.success(request, "They stop now.")


@admin.register(MessageTrace)
class MessageTraceAdmin(ReadOnlyAdmin, FastModelAdmin):
    list_display = ("message_id", "action", "editor", "created_at")
    list_select_related = ("editor",)
    search_fields = ("id",)
