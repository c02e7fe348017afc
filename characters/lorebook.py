"""The lorebook document of character cards (V2 and V3): what we know of it is checked, the rest is kept as it came."""

from typing import Any

from characters import limits
from common.errors import ValidationProblem

Errors = dict[str, list[str]]
TEXT, NUMBER, FLAG, OBJECT, ID = "a text", "a number", "true or false", "an object", "a number or a text"

BOOK = {
    "name": TEXT,
    "description": TEXT,
    "scan_depth": NUMBER,
    "token_budget": NUMBER,
    "recursive_scanning": FLAG,
    "extensions": OBJECT,
}
ENTRY = {
    "content": TEXT,
    "extensions": OBJECT,
    "enabled": FLAG,
    "insertion_order": NUMBER,
    "case_sensitive": FLAG,
    "use_regex": FLAG,
    "constant": FLAG,
    "name": TEXT,
    "priority": NUMBER,
    "id": ID,
    "comment": TEXT,
    "selective": FLAG,
}
DEEPEST = 50
POSITIONS = ("before_char", "after_char")
# Other programs write null where they mean "not set"; the format itself leaves the key out.
NULLABLE = {"name", "description", "scan_depth", "token_budget", "recursive_scanning", "case_sensitive", "constant",
            "priority", "id", "comment", "selective", "position", "secondary_keys"}  # fmt: skip


def empty_lorebook() -> dict[str, Any]:
    return {"extensions": {}, "entries": []}


def clean_lorebook(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what the format demands filled in: `extensions`, and each entry's `keys`, `content`, `enabled`,
    `insertion_order`, `use_regex`. Raises ValidationProblem, naming every wrong field (`entries.3.keys`).
    """
    errors: Errors = {}
    _check(document, BOOK, "", errors)
    entries = document.get("entries")
    if not isinstance(entries, list):
        errors["entries"] = ["Give a list of entries."]
    elif len(entries) > limits.LOREBOOK_ENTRIES:
        errors["entries"] = [f"A book has at most {limits.LOREBOOK_ENTRIES} entries."]
    else:
        for index, entry in enumerate(entries):
            _check_entry(entry, f"entries.{index}", errors)
    if not errors and not _is_storable(document):
        errors["__all__"] = [f"NUL characters, and more than {DEEPEST} levels, are not allowed."]
    if errors:
        raise ValidationProblem(errors=errors)
    return {"extensions": {}} | document | {"entries": [_filled(i, e) for i, e in enumerate(document["entries"])]}


def _check_entry(entry: Any, path: str, errors: Errors) -> None:
    if not isinstance(entry, dict):
        errors[path] = ["Give an object."]
        return
    _check(entry, ENTRY, f"{path}.", errors)
    for name in ("keys", "secondary_keys"):
        if name in entry and not (entry[name] is None and name in NULLABLE) and not _is_keys(entry[name]):
            errors[f"{path}.{name}"] = [f"Give a list of at most {limits.LOREBOOK_KEYS} texts."]
    if entry.get("position") not in (None, "", *POSITIONS):
        errors[f"{path}.position"] = [f"Give {' or '.join(POSITIONS)}."]


def _check(part: dict[str, Any], shape: dict[str, str], path: str, errors: Errors) -> None:
    for name, kind in shape.items():
        if name not in part or (part[name] is None and name in NULLABLE):
            continue
        if not _is(kind, part[name]):
            errors[f"{path}{name}"] = [f"Give {kind}."]
        elif isinstance(part[name], str) and len(part[name]) > limits.LOREBOOK_TEXT:
            errors[f"{path}{name}"] = [f"Give at most {limits.LOREBOOK_TEXT} characters."]


def _is(kind: str, value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        TEXT: isinstance(value, str),
        NUMBER: is_number,
        FLAG: isinstance(value, bool),
        OBJECT: isinstance(value, dict),
        ID: is_number or isinstance(value, str),
    }[kind]


def _is_keys(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= limits.LOREBOOK_KEYS
        and all(isinstance(key, str) and len(key) <= limits.LOREBOOK_TEXT for key in value)
    )


def _is_storable(value: Any, depth: int = DEEPEST) -> bool:
    """Whether it can be kept and given back: PostgreSQL takes no NUL, and encoders give up on endless nesting."""
    if isinstance(value, str):
        return "\x00" not in value
    if not isinstance(value, (dict, list)):
        return True
    parts = (*value, *value.values()) if isinstance(value, dict) else value
    return depth > 0 and all(_is_storable(part, depth - 1) for part in parts)


def _filled(index: int, entry: dict[str, Any]) -> dict[str, Any]:
    demanded = {
        "keys": [],
        "content": "",
        "extensions": {},
        "enabled": True,
        "insertion_order": index,
        "use_regex": False,
    }
    return demanded | entry
