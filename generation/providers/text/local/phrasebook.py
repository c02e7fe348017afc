"""What the demo voice can say by itself, and how it hears what is said to it, one book a language."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from generation.providers.text.local.words import folded, stem, stems, words

_OPTIONAL_NAME = re.compile(r"\{([^{}]*?)name([^{}]*?)\}")
_SLOT = re.compile(r"\{(\w+)\}")
_ANY_SLOT = re.compile(r"\{[^{}]*\}")
_BY_SCRIPT = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u4e00-\u9fff]"), "zh"),
)
_ARABIC, _NOT_ARABIC = re.compile(r"[\u0621-\u064a]"), re.compile(r"[پچژگکیںےٹڈ]")
_CYRILLIC, _NOT_RUSSIAN = re.compile(r"[\u0400-\u04ff]"), re.compile(r"[іїєґўјљњћђџңғқөүһәѓќѕ]", re.IGNORECASE)
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[^\W\d_A-Za-zÀ-ɏ]")
_HEARD = 600  # characters; what is longer is no greeting


@dataclass(frozen=True, slots=True)
class Phrase:
    """`mark` is how the phrase is known again, whatever stands in its slots; nothing for a very short one."""

    text: str
    mark: str


@dataclass(frozen=True)
class Phrasebook:
    """`say` has lines by purpose, `hear` patterns by intent; both are empty for a language without a book."""

    language: str
    friend: str
    hear: Mapping[str, re.Pattern[str]]
    names: tuple[re.Pattern[str], ...]
    say: Mapping[str, tuple[str, ...]]
    means: Mapping[str, frozenset[str]]

    def hears(self, intent: str, text: str, *, at_start: bool = False) -> bool:
        pattern = self.hear.get(intent)
        if pattern is None:
            return False
        return bool((pattern.match if at_start else pattern.search)(text[:_HEARD]))

    def name_in(self, text: str) -> str:
        """The name somebody gives themselves in a text, or nothing."""
        for pattern in self.names:
            match = pattern.search(text[:_HEARD])
            if match and match["name"].lower() not in _NOT_NAMES:
                return match["name"][0].upper() + match["name"][1:]
        return ""

    def lines(self, purpose: str, **slots: str) -> list[Phrase]:
        """The lines for a purpose with their slots filled; those with an empty slot are left out."""
        filled = [Phrase(_fill(line, slots), _mark(line)) for line in self.say.get(purpose, ())]
        return [phrase for phrase in filled if phrase.text]


# "I'm Late" in a title-cased message is not an introduction.
_NOT_NAMES = frozenset(
    "a an the not so just here fine good ok okay sorry sure tired back done late lost sad happy glad afraid your you "  # noqa: SIM905
    "in on at from still very really going english american german french british".split()
)


@functools.cache
def phrasebook(language: str) -> Phrasebook:
    """The book of a language; an empty one where there is none."""
    book = _books().get(language, {})
    hear = {str(key): value for key, value in book.get("hear", {}).items() if key != "name"}
    names = book.get("hear", {}).get("name", ())
    return Phrasebook(
        language=language,
        friend=book.get("friend", ""),
        hear={intent: re.compile(pattern, re.IGNORECASE) for intent, pattern in hear.items()},
        names=tuple(re.compile(rf"(?i:{pattern})" if "[A-Z]" not in pattern else pattern) for pattern in names),
        say={purpose: tuple(lines) for purpose, lines in book.get("say", {}).items()},
        means={stem(topic): stems(others) for topic, others in book.get("means", {}).items()},
    )


def language_of(text: str) -> str:
    """The language of a text: a key of the phrase books, or nothing for one that has no book."""
    for script, language in _BY_SCRIPT:
        if script.search(text):
            return language
    if _ARABIC.search(text):
        return "" if _NOT_ARABIC.search(text) else "ar"
    if _CYRILLIC.search(text):
        return "" if _NOT_RUSSIAN.search(text) else "ru"
    if not words(text):
        return "en"
    if not _LATIN.search(text) or len(_OTHER.findall(text)) > len(_LATIN.findall(text)):
        return ""
    spoken = [word.lower() for word in words(text)]
    scores = {language: sum(word in common for word in spoken) for language, common in _common_words().items()}
    best = max(scores, key=lambda language: (scores[language], language == "en"))
    if scores[best] >= len(spoken) * 0.15:
        return best if scores[best] else "en"
    return "en" if scores[best] == 0 and all(word.isascii() for word in spoken) else ""


@functools.cache
def _mark(line: str) -> str:
    longest = max(map(folded, _ANY_SLOT.split(line)), key=len)
    return longest if len(longest) > 7 else ""


def _fill(line: str, slots: Mapping[str, str]) -> str:
    name = slots.get("name", "")
    if "{name}" not in line:
        line = _OPTIONAL_NAME.sub(lambda part: f"{part[1]}{name}{part[2]}" if name else "", line)
    values = {**slots, **{key.capitalize(): value[:1].upper() + value[1:] for key, value in slots.items()}}
    if any(not values.get(slot) for slot in _SLOT.findall(line)):
        return ""
    return _SLOT.sub(lambda slot: values[slot[1]], line)


@functools.cache
def _books() -> dict[str, dict]:
    books: dict[str, dict] = yaml.safe_load((Path(__file__).parent / "phrases.yaml").read_text(encoding="utf-8"))
    return books


@functools.cache
def _common_words() -> dict[str, frozenset[str]]:
    books = {language: frozenset(book.get("common", "").split()) for language, book in _books().items()}
    return {language: common for language, common in books.items() if common and language != "ru"}
