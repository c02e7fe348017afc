"""What a model is given to write a reply: the character's material, then as much history as fits, newest first."""

import uuid
from dataclasses import dataclass
from typing import Any

from characters.macros import fill
from characters.models import Character
from characters.selectors import prompt_material, voice_material
from chat.models import Conversation, Message
from common.database import fetch_all, fetch_one
from common.tokens import count_tokens
from generation.models import AIModel
from generation.providers.text.base import TextMessage, TextRequest, Voice

# Never more messages than this, however short they are: one query, bounded.
HISTORY_MESSAGES = 400
MESSAGE_OVERHEAD = 4  # tokens a message costs beside its text, in every chat format we know of

DEFAULT_SYSTEM_PROMPT = (
    "You are {{char}}. Stay in character and write {{char}}'s next reply in this conversation with {{user}}. "
    "Put actions between *asterisks*. Never speak for {{user}}."
)


@dataclass(frozen=True)
class Scene:
    """Who is speaking with whom: the material of a prompt, without its history."""

    character: Character
    user_name: str
    persona_description: str

    def fill(self, text: str) -> str:
        return fill(text, char=self.character.name, user=self.user_name)


def build_request(
    conversation: Conversation, message: Message, model: AIModel, *, base_text: str, continuation: bool, seed: str
) -> TextRequest:
    """The request that asks `model` for the reply `message`."""
    scene = _scene(conversation)
    opening = _opening(scene)
    closing = [TextMessage("assistant", base_text)] if continuation else []
    closing_prompt = _after_history(scene)
    budget = model.context_tokens - model.max_output_tokens
    budget -= sum(_cost(part) for part in (*opening, *closing, *closing_prompt))
    history = _history(conversation.pk, message.seq, scene, budget)
    return TextRequest(
        model=model.name,
        messages=(*opening, *history, *closing_prompt, *closing),
        max_output_tokens=model.max_output_tokens,
        voice=Voice(**voice_material(scene.character)),
        seed=seed,
        continuation=continuation,
    )


def _scene(conversation: Conversation) -> Scene:
    assert conversation.character is not None
    if conversation.persona:
        return Scene(conversation.character, conversation.persona.name, conversation.persona.description)
    owner = fetch_one(
        """
        SELECT COALESCE(NULLIF(u.display_name, ''), u.username)
        FROM chat_member mb JOIN accounts_user u ON u.id = mb.user_id
        WHERE mb.conversation_id = %s AND mb.role = 'owner' LIMIT 1
        """,
        [conversation.pk],
        prepared=True,
    )
    return Scene(conversation.character, owner[0] if owner else "User", "")


def _opening(scene: Scene) -> list[TextMessage]:
    material: dict[str, Any] = prompt_material(scene.character)
    parts = [
        material["system_prompt"] or DEFAULT_SYSTEM_PROMPT,
        material["description"],
        _titled("Personality", material["personality"]),
        _titled("Scenario", material["scenario"]),
        _titled("About {{user}}", scene.persona_description),
        _titled("How {{char}} speaks", material["example_dialogue"]),
    ]
    return [TextMessage("system", scene.fill("\n\n".join(part for part in parts if part.strip())))]


def _after_history(scene: Scene) -> list[TextMessage]:
    text = prompt_material(scene.character)["post_history_instructions"]
    return [TextMessage("system", scene.fill(text))] if text.strip() else []


def _titled(title: str, text: str) -> str:
    return f"{title}:\n{text}" if text.strip() else ""


def _history(conversation_id: uuid.UUID, before_seq: int, scene: Scene, budget: int) -> list[TextMessage]:
    rows = fetch_all(
        """
        SELECT author_kind, text, tokens FROM chat_message
        WHERE conversation_id = %s AND seq < %s AND deleted_at IS NULL AND text <> ''
          AND status IN ('complete', 'stopped')
        ORDER BY seq DESC LIMIT %s
        """,
        [conversation_id, before_seq, HISTORY_MESSAGES],
        prepared=True,
    )
    kept: list[TextMessage] = []
    for kind, text, tokens in rows:
        budget -= (tokens or count_tokens(text)) + MESSAGE_OVERHEAD
        if budget < 0 and kept:
            break
        kept.append(TextMessage("user" if kind == Message.AuthorKind.USER else "assistant", text))
    return kept[::-1]


def _cost(message: TextMessage) -> int:
    return count_tokens(message.content) + MESSAGE_OVERHEAD
