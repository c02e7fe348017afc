"""Languages and time zones that a person may choose."""

import functools
import re
from zoneinfo import ZoneInfo, available_timezones

from django.conf.locale import LANG_INFO

SHAPE = re.compile(r"([a-zA-Z]{2,3})(?:-([a-zA-Z]{4}))?(?:-([a-zA-Z]{2}|\d{3}))?")
# In these our mails are written; in the others they come in English.
WITH_MAILS = ("en", "de", "fr", "es", "pt")
BROWSERS_OWN = "UTC"  # what an account begins with: pages then follow the browser (who wants UTC itself takes Etc/UTC)
NOT_ZONES = {"Factory", "localtime"}
AT_HOME = "en-GB"  # how this house writes dates for who said no more than "English"


@functools.cache
def _languages() -> frozenset[str]:
    return frozenset(code.partition("-")[0] for code in LANG_INFO)


def clean_locale(text: str) -> str:
    """`text` as BCP 47 writes it: `de`, `pt-BR`, `zh-Hant-TW`. Raises ValueError for a language we don't know."""
    match = SHAPE.fullmatch(text.strip().replace("_", "-"))
    if not match or match[1].lower() not in _languages():
        raise ValueError("Give a language like en, de or pt-BR.")
    language, script, region = match.groups()
    parts = [language.lower(), script and script.title(), region and region.upper()]
    return "-".join(part for part in parts if part)


@functools.cache
def timezones() -> tuple[str, ...]:
    """Every IANA name, in order."""
    return tuple(sorted(available_timezones() - NOT_ZONES))


@functools.cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in timezones()}


def clean_timezone(text: str) -> str:
    """The IANA name, in its own case of letters. Raises ValueError."""
    name = _by_lower_case().get(text.strip().lower())
    if name is None:
        raise ValueError("Give a time zone like Europe/Berlin.")
    return name


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of a name from outside, or None."""
    known = _by_lower_case().get(name.lower()) if name else None
    return ZoneInfo(known) if known else None


def date_locale(locale: str) -> str:
    """In which locale dates are written for a person of this one."""
    return AT_HOME if locale == "en" else locale
