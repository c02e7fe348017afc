"""Chat over REST: conversations and their messages."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from accounts.selectors import paying_organization
from accounts.tokens import Claims
from chat import inputs, outputs, selectors, services, topics
from common.api import TroupeView, no_content
from common.errors import ValidationProblem
from common.openapi import PAGE
from common.pagination import (
    Page,
    bad_cursor,
    decode_cursor,
    encode_cursor,
    read_flag,
    read_limit,
    read_moment,
    wants_total,
)
from common.rendering import Response

AFTER = OpenApiParameter(
    "after",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    description="A `seq`: later messages, oldest first.",
)
KINDS = ("character", "direct", "room", "event")


def send_windows(request: Request, conversation_id: uuid.UUID) -> Sequence[tuple[str, str]]:
    who = f"{request.user.pk}:{conversation_id}"
    return [("chat:dm:send", who), ("chat:dm:send:burst", who)]


def key_of(claims: Claims) -> services.ByKey | None:
    """Who pays, where a program calls with an API key."""
    return services.ByKey(claims.api_key_id, claims.organization_id) if claims.api_key_id else None


class ConversationsView(TroupeView):
    scope = "chat"
    idempotent = True

    @extend_schema(
        operation_id="conversations_list",
        parameters=[
            *PAGE,
            OpenApiParameter("kind", str, enum=KINDS),
            OpenApiParameter("character", OpenApiTypes.UUID),
            OpenApiParameter("archived", bool),
        ],
        responses=outputs.ConversationPage,
    )
    def get(self, request: Request) -> Response:
        """One's own conversations, the one with the newest message first."""
        limit, archived = read_limit(request), read_flag(request, "archived")
        items = selectors.conversations_of(
            self.user_id,
            limit=limit + 1,
            before=read_place(request.query_params.get("cursor")),
            kind=_read_kind(request.query_params.get("kind")),
            character_id=_read_uuid("character", request.query_params.get("character")),
            archived=archived,
        )
        total = selectors.count_conversations(self.user_id, archived=archived) if wants_total(request) else None
        last = items[limit - 1] if len(items) > limit else None
        cursor = encode_cursor([last["last_message_at"], last["id"]]) if last else None
        return Response(Page(items[:limit], cursor, total).data())

    @extend_schema(
        operation_id="conversations_create",
        request=inputs.ConversationInput,
        responses={201: outputs.ConversationOutput},
    )
    def post(self, request: Request) -> Response:
        """Starts a conversation with a character, opened by its greeting."""
        body = self.valid(inputs.ConversationInput, request)
        conversation = services.start_conversation(
            user_id=self.user_id,
            organization_id=paying_organization(self.claims, body["organization"]),
            character_id=body["character"],
            title=body["title"],
            model=body["model"] or "",
            persona_id=body["persona"],
        )
        return Response(selectors.get_conversation_for(conversation.pk, self.user_id), status=201)


class ConversationView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="conversations_read", responses=outputs.ConversationOutput)
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        return Response(selectors.get_conversation_for(conversation_id, self.user_id))

    @extend_schema(
        operation_id="conversations_update",
        request=inputs.ConversationChange,
        responses=outputs.ConversationOutput,
    )
    def patch(self, request: Request, conversation_id: uuid.UUID) -> Response:
        body = self.valid(inputs.ConversationChange, request)
        if "persona" in body:
            body["persona_id"] = body.pop("persona")
        if "model" in body:
            body["model"] = body["model"] or ""
        if "organization" in body:
            body["organization_id"] = paying_organization(self.claims, body.pop("organization"))
        services.update_conversation(conversation_id=conversation_id, user_id=self.user_id, **body)
        return Response(selectors.get_conversation_for(conversation_id, self.user_id))

    @extend_schema(operation_id="conversations_delete", responses={204: None})
    def delete(self, request: Request, conversation_id: uuid.UUID) -> HttpResponse:
        services.delete_conversation(conversation_id=conversation_id, user_id=self.user_id)
        return no_content()


class MessagesView(TroupeView):
    scope = "chat"
    idempotent = True

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return send_windows(request, self.kwargs["conversation_id"]) if request.method == "POST" else ()

    @extend_schema(
        operation_id="messages_list",
        parameters=[*PAGE, AFTER],
        responses=outputs.MessagePage,
    )
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Newest first; with `after`, oldest first from there."""
        limit, cursor = read_limit(request), request.query_params.get("cursor")
        after = _read_seq("after", request.query_params.get("after"))
        place = _read_cursor_seq(cursor) if cursor else None
        if after is not None:
            lines = selectors.messages_after(
                conversation_id, self.user_id, after=after if place is None else place, limit=limit + 1
            )
        else:
            lines = selectors.messages_before(conversation_id, self.user_id, before=place, limit=limit + 1)
        total = selectors.count_messages(conversation_id) if wants_total(request) else None
        following = encode_cursor([lines[limit - 1].seq]) if len(lines) > limit else None
        return Response(Page([line.content for line in lines[:limit]], following, total).data())

    @extend_schema(operation_id="messages_create", request=inputs.MessageInput, responses={201: outputs.SentOutput})
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Says something; a character that is there begins its reply (`status: "pending"`)."""
        body = self.valid(inputs.MessageInput, request)
        sent = services.send_message(
            conversation_id=conversation_id,
            user_id=self.user_id,
            text=body["text"],
            client_id=body["client_id"],
            reply_to=body["reply_to"],
            answer=body["reply"],
            key=key_of(self.claims),
        )
        return Response({"message": sent.message, "reply": sent.reply}, status=201)


class MessageView(TroupeView):
    scope = "chat"

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        name = {"PATCH": "chat:edit", "DELETE": "chat:delete"}.get(request.method or "")
        return [(name, str(self.user_id))] if name else ()

    @extend_schema(operation_id="messages_update", request=inputs.MessageChange, responses=outputs.MessageOutput)
    def patch(self, request: Request, message_id: uuid.UUID) -> Response:
        """One's own message, within 15 minutes."""
        body = self.valid(inputs.MessageChange, request)
        return Response(services.edit_message(message_id=message_id, user_id=self.user_id, text=body["text"]))

    @extend_schema(operation_id="messages_delete", responses={204: None})
    def delete(self, request: Request, message_id: uuid.UUID) -> HttpResponse:
        services.delete_message(message_id=message_id, user_id=self.user_id)
        return no_content()


class ReplyView(TroupeView):
    """A base for what is asked of a character's message."""

    scope = "chat"
    idempotent = True

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return [("chat:dm:send", f"{self.user_id}:replies"), ("chat:dm:send:burst", f"{self.user_id}:replies")]


class RegenerateView(ReplyView):
    @extend_schema(operation_id="messages_regenerate", request=None, responses=outputs.MessageOutput)
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Another variant of the reply; the others are kept."""
        return Response(services.regenerate_reply(message_id=message_id, user_id=self.user_id, key=key_of(self.claims)))


class ContinueView(ReplyView):
    @extend_schema(operation_id="messages_continue", request=None, responses=outputs.MessageOutput)
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """The selected variant goes on from where it ends."""
        return Response(services.continue_reply(message_id=message_id, user_id=self.user_id, key=key_of(self.claims)))


class StopView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="messages_stop", request=None, responses=outputs.MessageOutput)
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Ends a reply in progress. Before its first token it costs nothing."""
        return Response(services.stop_reply(message_id=message_id, user_id=self.user_id))


class SelectView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="messages_select", request=inputs.VariantChoice, responses=outputs.MessageOutput)
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Shows another of the kept variants, by its index."""
        variant = self.valid(inputs.VariantChoice, request)["variant"]
        return Response(services.select_variant(message_id=message_id, user_id=self.user_id, variant=variant))


class ReadView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="conversations_mark_read", request=inputs.ReadInput, responses=outputs.ReadOutput)
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Moves one's mark forward, never back."""
        seq = self.valid(inputs.ReadInput, request)["seq"]
        mark = services.mark_read(conversation_id=conversation_id, user_id=self.user_id, seq=seq)
        return Response({"last_read_seq": mark})


class TypingView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="conversations_typing", request=inputs.TypingInput, responses={204: None})
    def post(self, request: Request, conversation_id: uuid.UUID) -> HttpResponse:
        active = self.valid(inputs.TypingInput, request)["active"]
        selectors.seat_of(conversation_id, self.user_id)
        topics.typing(conversation_id, self.user_id, active=active)
        return no_content()


def _read_seq(name: str, text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ValidationProblem(errors={name: ["Give a message's seq."]})
    return int(text)


def _read_cursor_seq(cursor: str) -> int:
    (seq,) = decode_cursor(cursor, 1)
    if type(seq) is not int or not 0 <= seq < 2**62:
        raise bad_cursor()
    return seq


def read_place(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    """The place in the list of conversations that a cursor names. Raises ValidationProblem."""
    if not cursor:
        return None
    at, conversation_id = decode_cursor(cursor, 2)
    try:
        return read_moment(at), uuid.UUID(conversation_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_cursor() from error


def _read_uuid(name: str, text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as error:
        raise ValidationProblem(errors={name: ["Give an id."]}) from error


def _read_kind(text: str | None) -> str | None:
    if text and text not in KINDS:
        raise ValidationProblem(errors={"kind": [f"Choose one of: {', '.join(KINDS)}."]})
    return text or None
