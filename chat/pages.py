"""Chat in the web app: one's conversations, and the stage."""

import uuid
from datetime import datetime
from typing import Any

import orjson
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.selectors import is_member
from accounts.web_sessions import acting_organization
from chat import selectors, services
from chat.api import read_place
from chat.voices import voice_of
from common.errors import NotFound
from common.pagination import encode_cursor
from common.ratelimits import Gate
from common.rendering import to_json
from common.stage_text import stage_html, stage_plain

LISTED = 30
FIRST_MESSAGES = 50


@require_GET
@login_required
@never_cache
def chats(request: HttpRequest) -> HttpResponse:
    cursor = request.GET.get("cursor")
    items = selectors.conversations_of(request.claims.user_id, limit=LISTED + 1, before=read_place(cursor))  # type: ignore[attr-defined]
    last = items[LISTED - 1] if len(items) > LISTED else None
    context = {
        "conversations": [_row(item) for item in items[:LISTED]],
        "next": encode_cursor([last["last_message_at"], last["id"]]) if last else None,
    }
    partial = cursor and request.headers.get("HX-Request")
    return render(request, "chat/_rows.html" if partial else "chat/list.html", context)


def _row(conversation: dict[str, Any]) -> dict[str, Any]:
    return conversation | {
        "last_text": stage_plain(conversation["preview"]),
        "last_mine": conversation["preview_author"] == "user",
        "replying": conversation["replying"],
        "updated_at": conversation["last_message_at"],
    }


@require_POST
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """From a character's page to the stage: the newest conversation with it, or a new one with `new=1`."""
    claims = request.claims  # type: ignore[attr-defined]
    try:
        character_id = uuid.UUID(request.POST.get("character", ""))
    except ValueError as error:
        raise Http404 from error
    Gate(who=str(claims.user_id), preset="api", write=True).enter()
    if request.POST.get("new") != "1":
        known = selectors.conversations_of(claims.user_id, limit=1, character_id=character_id)
        if known:
            return redirect("chat", known[0]["id"])
    conversation = services.start_conversation(
        user_id=claims.user_id, organization_id=acting_organization(request), character_id=character_id
    )
    return redirect("chat", conversation.pk)


@require_GET
@login_required
@never_cache
def chat(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    claims = request.claims  # type: ignore[attr-defined]
    conversation = selectors.get_conversation_for(conversation_id, claims.user_id)
    if conversation["character"] is None:
        raise NotFound
    # the number is read before the messages: what happens in between is sent again rather than missed
    newest_first = selectors.messages_before(conversation_id, claims.user_id, before=None, limit=FIRST_MESSAGES + 1)
    shown = [line.data() for line in newest_first[:FIRST_MESSAGES][::-1]]
    voice = voice_of(conversation["model"])
    stage = {
        "conversation": conversation_id,
        "topic": f"conversation:{conversation_id}",
        "me": {"id": claims.user_id, "name": request.user.display_name or request.user.username},  # type: ignore[union-attr]
        "character": conversation["character"],
        "messages": shown,
        "next": encode_cursor([shown[0]["seq"]]) if len(newest_first) > FIRST_MESSAGES else None,
        "latest": conversation["last_seq"],
    }
    payer_id = conversation["organization"]
    context = {
        "conversation": conversation,
        "payer_lost": payer_id != claims.organization_id and not is_member(payer_id, claims.user_id),
        "greeting_html": "",
        "chat_messages": [_line(message, claims.user_id) for message in shown],
        "demo_voice": voice.demo,
        "stage": orjson.loads(to_json(stage)),
    }
    return render(request, "chat/stage.html", context)


@require_POST
@login_required
def change_payer(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Whoever pays for new things pays for this conversation too, from now on."""
    claims = request.claims  # type: ignore[attr-defined]
    Gate(who=str(claims.user_id), preset="api", write=True).enter()
    services.update_conversation(
        conversation_id=conversation_id, user_id=claims.user_id, organization_id=acting_organization(request)
    )
    return redirect("chat", conversation_id)


def _line(message: dict[str, Any], user_id: uuid.UUID) -> dict[str, Any]:
    return message | {
        "html": stage_html(message["text"]),
        "own": message["author"]["id"] == str(user_id),
        "created_at": datetime.fromisoformat(message["created_at"]),
    }
