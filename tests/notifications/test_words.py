"""What is said, in five languages."""

import string
from datetime import UTC, datetime

import pytest

from common.mail.words import WORDS as LANGUAGES
from notifications.accounts_parts import KINDS, WORDS
from notifications.words import moment, read

NOON = datetime(2031, 5, 9, 12, 0, tzinfo=UTC)


def holes(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_all_that_english_says(language):
    english, other = read(WORDS.folder, "en"), read(WORDS.folder, language)
    assert (WORDS.folder / f"{language}.yaml").is_file()
    assert {group: parts.keys() for group, parts in other.items()} == {
        group: parts.keys() for group, parts in english.items()
    }
    for kind in KINDS:
        for part in ("title", "body"):
            assert holes(other[kind.name][part]) == holes(english[kind.name][part])


def test_a_language_we_do_not_speak_is_english():
    assert WORDS.phrase("roles", "admin", "xx-YY") == WORDS.phrase("roles", "admin", "en") == "an admin"


def test_a_locale_finds_its_language():
    assert WORDS.phrase("people", "other", "de-AT") == "Jemand"


def test_what_a_phrase_does_not_know_is_its_other():
    assert WORDS.phrase("methods", "telepathy", "en") == "in another way"


def test_a_value_is_never_read_as_a_sentence():
    evil = "{organization.__class__} {} %s"
    title, _ = WORDS.say(
        "organization_invited", "en", inviter=evil, organization="The {inviter}", role="a member", until="soon"
    )
    assert title == f"{evil} invites you to The {{inviter}}"


def test_a_value_that_is_missing_is_an_error_of_the_program():
    with pytest.raises(KeyError):
        WORDS.say("new_sign_in", "en", device="Firefox")


@pytest.mark.parametrize(
    ("locale", "zone", "text"),
    [
        ("de", "Europe/Berlin", "9. Mai 2031 14:00 (Europe/Berlin)"),
        ("fr", "Europe/Paris", "9 mai 2031 14:00 (Europe/Paris)"),
        ("en", "America/New_York", "May 9, 2031, 8 a.m. (America/New York)"),
        ("xx", "Nowhere/Land", "May 9, 2031, noon (UTC)"),
        ("en", "../../etc/passwd", "May 9, 2031, noon (UTC)"),
        ("en", "", "May 9, 2031, noon (UTC)"),
    ],
)
def test_a_time_is_said_in_the_persons_zone_and_language(locale, zone, text):
    assert moment(NOON, locale, zone) == text
