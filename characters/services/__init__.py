"""Every write of characters."""

from characters.services.characters import (
    create_character,
    delete_character,
    restore_character,
    take_down_character,
    update_character,
)
from characters.services.counters import count_messages, fold_counters, like, unlike
from characters.services.lorebooks import put_lorebook
from characters.services.memories import forget, forget_all, remember
from characters.services.personas import create_persona, delete_persona, update_persona
from characters.services.scores import refresh_scores

__all__ = [
    "count_messages",
    "create_character",
    "create_persona",
    "delete_character",
    "delete_persona",
    "fold_counters",
    "forget",
    "forget_all",
    "like",
    "put_lorebook",
    "refresh_scores",
    "remember",
    "restore_character",
    "take_down_character",
    "unlike",
    "update_character",
    "update_persona",
]
