"""A mail's subject, text and HTML, from its row.

A kind's file is trusted and its values are not: the file's Markdown is made into HTML while the values are still
names, and they are put in last, escaped. So nothing that a person wrote is ever read as Markdown, HTML or a header.
"""

import functools
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.template import Context, Engine, Template
from django.template.base import tag_re
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation
from django.utils.formats import date_format
from markdown_it import MarkdownIt

from common import keys
from common.mail.kinds import KINDS, Form
from common.mail.words import DAYS, ENGLISH, MINUTES, NAMES, WORDS, counted, language_of
from common.models import OutgoingMail

VALUE_LENGTH = 200
SUBJECT_LENGTH = 200
ELLIPSIS = "…"
NON_JOINER = "\u200c"  # not seen, and it ends what a mail program takes for an address

BUTTON = re.compile(r"^\[([^\]\"]+)\]\(\{\{ link \}\}\)$", re.MULTILINE)
MARK = re.compile(r"mailtag([0-9]+)end")
BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they could turn our own words round
ADDRESS_LIKE = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2})|(?<=:)(?=//)")


@dataclass(frozen=True)
class Rendered:
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Source:
    """A kind's file in one language, compiled."""

    subject: Template
    text: Template
    html: Template


def render(mail: OutgoingMail) -> Rendered:
    """What is sent. Raises KeyError or ValueError where the row's context is not what its kind asks for."""
    language = language_of(mail.locale)
    source = load(mail.kind, language)
    with translation.override(_formats_of(mail.locale, language)), timezone.override(_zone(mail.timezone)):
        values = {name: _shown(form, mail.context[name], language) for name, form in KINDS[mail.kind].context.items()}
    values |= {"link": link_of(mail), "language": language, "words": WORDS[language]}
    plain = Context(values, autoescape=False)
    return Rendered(
        subject=_at_most(BREAKS.sub(" ", source.subject.render(plain)).strip(), SUBJECT_LENGTH),
        text=source.text.render(plain),
        html=source.html.render(Context(values)),
    )


def link_of(mail: OutgoingMail) -> str:
    """The address behind the button, with its secret; "" for a kind without one."""
    if not mail.link:
        return ""
    if "url" in mail.link:
        return mail.link["url"]
    key = keys.seal(mail.link["purpose"], uuid.UUID(mail.link["row_id"]))
    return f"{settings.PUBLIC_URL}{mail.link['path']}?key={key}"


# --- values -----------------------------------------------------------------------------------------------------------


def _shown(form: Form, value: Any, language: str) -> Any:
    match form:
        case Form.FLAG:
            return bool(value)
        case Form.WORD:
            return NAMES.get(value) or WORDS[language].get(value) or harmless(str(value))
        case Form.TIME:
            zone = timezone.get_current_timezone_name().replace("_", " ")
            return f"{date_format(_local(value), 'DATETIME_FORMAT')} ({zone})"
        case Form.DATE:
            return date_format(_local(value), "DATE_FORMAT")
        case Form.SIZE:
            return filesizeformat(value)
        case Form.MINUTES:
            return counted(int(value), MINUTES, language)
        case Form.DAYS:
            return counted(int(value), DAYS, language)
        case _:
            return harmless(str(value))


def harmless(text: str) -> str:
    """Somebody's words on one line, of at most 200 characters, with nothing that a mail program makes a link of."""
    text = DIRECTIONS.sub("", BREAKS.sub(" ", text)).strip()
    return ADDRESS_LIKE.sub(lambda found: f"{found[0]}{NON_JOINER}", _at_most(text, VALUE_LENGTH))


def _at_most(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + ELLIPSIS


def _local(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return timezone.localtime(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("UTC")))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _formats_of(locale: str, language: str) -> str:
    """Whose way of writing dates: the locale's own where Django knows it and we speak its language."""
    try:
        found = translation.get_supported_language_variant(locale.replace("_", "-").lower())
    except (LookupError, ValueError):
        return language
    return found if found.split("-")[0] == language else language


# --- files ------------------------------------------------------------------------------------------------------------


@functools.cache
def load(kind: str, language: str) -> Source:
    """The kind's text in this language; in English where there is none."""
    files = [folder / "mail" / each / f"{kind}.md" for each in (language, ENGLISH) for folder in _folders()]
    file = next(file for file in files if file.exists())
    return compiled(file.read_text(encoding="utf-8"))


def compiled(text: str) -> Source:
    """From `Subject: …`, an empty line, and Markdown. A line `[Label]({{ link }})` alone is the button."""
    first, _, body = text.partition("\n")
    if not first.startswith("Subject: "):
        raise ValueError("the first line of a mail's text is its subject")
    plain = BUTTON.sub(r"\1:\n{{ link }}", body.strip().replace("**", ""))
    return Source(
        subject=_engine().from_string(first.removeprefix("Subject: ")),
        text=_engine().from_string(_inside("mail/layout.txt", plain)),
        html=_engine().from_string(_inside("mail/layout.html", _html(body.strip()))),
    )


def _inside(layout: str, body: str) -> str:
    return f'{{% extends "{layout}" %}}{{% block body %}}{body}{{% endblock %}}'


def _html(body: str) -> str:
    """The file's Markdown as the source of an HTML template: its tags are kept from Markdown and put back."""
    tags: list[str] = []

    def keep(make: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
        def mark(found: re.Match[str]) -> str:
            tags.append(make(found[1]))
            return f"mailtag{len(tags) - 1}end"

        return mark

    body = BUTTON.sub(keep(lambda label: f'{{% include "mail/button.html" with label="{label}" %}}'), body)
    body = tag_re.sub(keep(str), body)
    html = MarkdownIt("commonmark", {"html": False, "breaks": True}).render(body)
    return MARK.sub(lambda found: tags[int(found[1])], html)


@functools.cache
def _engine() -> Engine:
    return Engine(dirs=[str(folder) for folder in _folders()])


def _folders() -> list[Path]:
    """Those of the pages' templates: a site's own texts go before ours."""
    folders: Any = settings.TEMPLATES[0]["DIRS"]
    return [Path(folder) for folder in folders]
