"""What the demo voice makes of a conversation so far: what is meant, who is there, what has been said already."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from generation.providers.text.base import TextRequest, Voice
from generation.providers.text.local.material import Line, Material, material_of
from generation.providers.text.local.person import mirrored
from generation.providers.text.local.phrasebook import Phrasebook, language_of, phrasebook
from generation.providers.text.local.words import STOP_WORDS, folded, sentences, stems, words

REMEMBERED = 60  # messages
LONGEST_READ = 1_000  # characters of one message

_NOISE = re.compile(r"https?://\S+|\*[^*\n]*\*|[*_`#>|<\[\]{}]")
_QUESTION_MARK = re.compile(r"[?？؟;]\s*[\"”’»)]*\s*$")
_VARIANT = re.compile(r"[:/](\d{1,3})$")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")

# In this order: the first that is heard is what is meant.
_ANYWHERE = ("how", "who", "work", "where", "real", "story")
_AT_START = ("goodbye", "thanks")
_FEELINGS = ("sad", "glad")
_SHORT = ("laugh", "no", "yes")
_TELLING = {"statement", *_FEELINGS}


@dataclass
class Scene:
    """`heard` is the person's last message without a greeting before it; `intent` is what it is."""

    material: Material
    book: Phrasebook
    rng: random.Random
    heard: str
    intent: str
    greeted: bool
    name: str
    new_name: bool
    variant: int  # which variant of the reply this is, where the seed tells
    asked: tuple[str, ...]  # what the person said before, oldest first
    answered: tuple[str, ...]  # what the character said, oldest first

    def __post_init__(self) -> None:
        self.said = " | ".join(folded(text) for text in self.answered)
        self.about = stems(self.heard)
        self.before = stems(self.asked[-1]) if self.asked else frozenset()
        self.told = [text for text in self.asked if _intent(_clean(text), False, False, self.book) in _TELLING]

    def fresh(self, lines: Sequence[Line]) -> list[Line]:
        """Those of the lines that have not been said."""
        return [line for line in lines if line.key not in self.said]

    def one_of(self, lines: Sequence[Line]) -> Line | None:
        """A line that was not said yet, or the one said longest ago."""
        fresh = self.fresh(lines)
        if fresh:
            return self.rng.choice(fresh)
        return min(lines, key=lambda line: self.said.rfind(line.key)) if lines else None

    def phrase(self, purpose: str, *, only_fresh: bool = False, **slots: str) -> str:
        """A connecting phrase of the language's book, a new one if there is one; nothing without a book."""
        phrases = self.book.lines(purpose, name=self.name, char=self.material.name, **slots)
        fresh = [phrase for phrase in phrases if not phrase.mark or phrase.mark not in self.said]
        phrases = fresh or ([] if only_fresh else phrases)
        return self.rng.choice(phrases).text if phrases else ""

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


def read_scene(request: TextRequest) -> Scene:
    """Reads the request. What it says depends on nothing else, so that the same request meets the same reply."""
    material = material_of(request.voice or Voice(name=""))
    talk = [message for message in request.messages if message.role != "system"][-REMEMBERED:]
    last = next((at for at in range(len(talk) - 1, -1, -1) if talk[at].role == "user"), None)
    heard = talk[last].content[:LONGEST_READ] if last is not None else ""
    asked = tuple(m.content[:LONGEST_READ] for at, m in enumerate(talk) if m.role == "user" and at != last)
    book = phrasebook(material.language or language_of(" ".join((*asked, heard))[-LONGEST_READ:]))
    new_name = book.name_in(heard)
    name = new_name or next((name for text in reversed(asked) if (name := book.name_in(text))), "")
    text, greeted = _without_greeting(_clean(heard), book)
    return Scene(
        material=material,
        book=book,
        rng=random.Random(f"{request.seed}|{material.name}|{len(talk)}|{heard}"),  # noqa: S311
        heard=text,
        intent=_intent(text, greeted, bool(new_name), book),
        greeted=greeted,
        name=name,
        new_name=bool(new_name),
        variant=int(number[1]) if (number := _VARIANT.search(request.seed)) else 0,
        asked=asked,
        answered=tuple(message.content for message in talk if message.role == "assistant"),
    )


def in_their_words(text: str) -> str:
    """A piece of what somebody said that can be quoted: a short sentence, or its start."""
    found = [sentence for sentence in sentences(_clean(text)) if folded(sentence)]
    if not found:
        return ""
    sentence = max(found, key=lambda part: (len(part) <= 60, len(part))).strip(" .!?…。！？؟,;:\"“”«»„'")
    if _UNSPACED.search(sentence):
        return sentence if len(sentence) <= 24 else sentence[:20] + "…"
    spoken = sentence.split()
    return sentence if len(spoken) <= 9 else " ".join(spoken[:7]) + "…"


def turned_round(text: str) -> str:
    """What somebody said about themselves, as said to them; nothing where that can't be done."""
    return next((mirror for sentence in sentences(_clean(text)) if (mirror := mirrored(sentence))), "")


def _clean(text: str) -> str:
    return re.sub(r"[ \t]+", " ", _NOISE.sub(" ", text[:LONGEST_READ])).strip()


def _without_greeting(text: str, book: Phrasebook) -> tuple[str, bool]:
    pattern = book.hear.get("hello")
    match = pattern.match(text) if pattern else None
    if not match:
        return text, False
    rest = text[match.end() :].lstrip(" ,.!~…-–—。！、،")
    first, _, others = rest.partition(",")
    if others and len(first.split()) <= 2 and not (set(folded(first).split()) & STOP_WORDS):
        rest = others.strip()  # "Hello Mara, …"
    return (rest, True) if len(words(rest)) > 2 or _UNSPACED.search(rest) else ("", True)


def _intent(text: str, greeted: bool, introduced: bool, book: Phrasebook) -> str:
    if not text:
        return "met" if introduced else "hello" if greeted else "silence"
    length = len(words(text))
    for intent in _AT_START:
        if book.hears(intent, text, at_start=True) and length <= 12:
            return intent
    for intent in _ANYWHERE:
        if book.hears(intent, text):
            return intent
    is_question = bool(_QUESTION_MARK.search(text)) or book.hears("question", text, at_start=True)
    if not is_question:
        for intent in _FEELINGS:
            if book.hears(intent, text):
                return intent
        if introduced and length <= 8:
            return "met"
        for intent in _SHORT:
            if length <= 4 and book.hears(intent, text, at_start=True):
                return intent
    return "question" if is_question else "statement"
