"""The placeholders of character cards: `{{char}}` and `{{user}}`, in any case of letters."""

import re

CHAR = re.compile(r"\{\{\s*char\s*\}\}|<BOT>", re.IGNORECASE)
USER = re.compile(r"\{\{\s*user\s*\}\}|<USER>", re.IGNORECASE)


def fill(text: str, *, char: str, user: str) -> str:
    return USER.sub(lambda _: user, CHAR.sub(lambda _: char, text))
