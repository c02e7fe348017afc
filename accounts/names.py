"""Usernames: what one may look like, and which are not for people."""

import re
import unicodedata
import uuid

SHAPE = re.compile(r"[a-z0-9][a-z0-9_.-]{2,29}")
STAND_IN = re.compile(r"guest-[0-9a-f]{12}")
SHAPE_SQL = r"^[a-z0-9][a-z0-9_.-]{2,29}$"

# `/api/users/<name>` shares its place with these paths, and the rest would let a person pass for the house.
RESERVED_WORDS = """
me balances admin administrator api auth account accounts billing blocks export favourites health help login logout
moderator null official operator organization organizations owner preferences profile root search security settings
signin signout signup staff support system troupe undefined user users wallet webhook webhooks
"""
RESERVED = frozenset(RESERVED_WORDS.split())
# direction marks: what follows such a sign in a page would be written the other way round
TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_username(text: str) -> str:
    """`text` as it is stored: trimmed, lower case. Raises ValueError with a message for the person."""
    name = text.strip().lower()
    if not SHAPE.fullmatch(name):
        raise ValueError(
            "Use 3 to 30 letters, digits, dots, dashes or underscores, beginning with a letter or a digit."
        )
    if name in RESERVED:
        raise ValueError("This name is reserved. Please choose another.")
    return name


def is_stand_in(name: str) -> bool:
    return STAND_IN.fullmatch(name) is not None


def stand_in_username(user_id: uuid.UUID) -> str:
    """A name for who gave none. It tells nothing of the person: an address is private, a username is not."""
    return f"guest-{user_id.hex[-12:]}"


def masked_address(email: str) -> str:
    """`a…@example.org`: enough for its owner to recognise it."""
    name, _, host = email.rpartition("@")
    return f"{name[:1]}…@{host}"


def clean_display_name(text: str) -> str:
    """`text` on one line, with single spaces. Raises ValueError for what can't be seen, or turns other text around."""
    name = " ".join(text.split())
    if any(unicodedata.category(sign) in {"Cc", "Cs", "Co"} or sign in TURNING for sign in name):
        raise ValueError("Use letters, digits and signs that can be seen.")
    return unicodedata.normalize("NFC", name)
