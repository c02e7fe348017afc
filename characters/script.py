"""Example dialogue as a script: scenes of lines, each with its speaker."""

import re
from typing import TypedDict

from django.utils.safestring import SafeString

from characters.macros import fill
from common.stage_text import stage_html

SCENE = re.compile(r"^\s*<START>\s*$", re.IGNORECASE | re.MULTILINE)
SPEAKER = re.compile(r"^\s*(\{\{\s*(?:char|user)\s*\}\}|<BOT>|<USER>|[^\n:]{1,60}?)\s*:\s?", re.IGNORECASE)
LONGEST = 40  # lines shown


class Line(TypedDict):
    speaker: str
    is_character: bool
    html: SafeString


def scenes(dialogue: str, *, char: str, user: str) -> list[list[Line]]:
    """The dialogue's scenes. A line without a speaker goes on with the one before it."""
    shown, left = [], LONGEST
    for part in SCENE.split(dialogue):
        if lines := _lines(part, char, user)[:left]:
            shown.append(lines)
            left -= len(lines)
    return shown


def _lines(scene: str, char: str, user: str) -> list[Line]:
    spoken: list[tuple[str, list[str]]] = []
    for row in scene.splitlines():
        match = SPEAKER.match(row)
        speaker = fill(match[1], char=char, user=user) if match else ""
        if match and speaker in (char, user):
            spoken.append((speaker, [row[match.end() :]]))
        elif spoken:
            spoken[-1][1].append(row)
        elif row.strip():
            spoken.append((char, [row]))
    return [
        Line(
            speaker=speaker,
            is_character=speaker == char,
            html=stage_html(fill("\n".join(rows), char=char, user=user)),
        )
        for speaker, rows in spoken
    ]
