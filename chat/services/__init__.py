"""Every write of chat, one function per use case."""

from chat.services.conversations import delete_conversation, start_conversation, update_conversation
from chat.services.messages import delete_message, edit_message, mark_read, send_message
from chat.services.replies import ByKey, continue_reply, regenerate_reply, select_variant, stop_reply

__all__ = [
    "ByKey",
    "continue_reply",
    "delete_conversation",
    "delete_message",
    "edit_message",
    "mark_read",
    "regenerate_reply",
    "select_variant",
    "send_message",
    "start_conversation",
    "stop_reply",
    "update_conversation",
]
