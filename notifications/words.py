"""Sentences of notifications: a small YAML file for each language, `<folder>/<language>.yaml`.

Each app with kinds of its own has such a folder. What is said is stored as it was said, so it is said once, in the
language and the time zone of who will read it.
"""

import functools
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from django.utils import timezone, translation
from django.utils.formats import date_format

from common.mail.words import ENGLISH, language_of


class Words:
    """`Words(folder).say("new_sign_in", "de-AT", device="Firefox")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, kind: str, locale: str, **values: Any) -> tuple[str, str]:
        """Title and body. Raises KeyError where a sentence or one of its values is missing."""
        sentences = read(self.folder, language_of(locale))[kind]
        return sentences["title"].format_map(values), sentences["body"].format_map(values)

    def phrase(self, group: str, name: str, locale: str) -> str:
        """A part of a sentence; the group's `other` for a name that it does not have."""
        phrases = read(self.folder, language_of(locale))[group]
        return phrases.get(name, phrases["other"])


@functools.cache
def read(folder: Path, language: str) -> dict[str, Any]:
    file = folder / f"{language}.yaml"
    if not file.exists():
        file = folder / f"{ENGLISH}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def moment(at: datetime, locale: str, zone_name: str) -> str:
    """`5 May 2031, 14:03 (Europe/Berlin)`, as the language writes it."""
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    with translation.override(language_of(locale)):
        text = date_format(timezone.localtime(at, zone), "DATETIME_FORMAT")
    return f"{text} ({zone.key.replace('_', ' ')})"
