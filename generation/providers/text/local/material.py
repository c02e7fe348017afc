"""A character's own material, cut into lines the demo voice can choose from."""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from generation.providers.text.base import Voice
from generation.providers.text.local.person import in_first_person
from generation.providers.text.local.phrasebook import language_of, phrasebook
from generation.providers.text.local.words import folded, sentences, stem, stems, without_directions

Kind = Literal["topic", "example", "story", "opener", "question", "aside", "fact"]

_START = re.compile(r"<START>", re.IGNORECASE)
_CHAR = re.compile(r"\{\{char\}\}|<BOT>|<char>", re.IGNORECASE)
_USER = re.compile(r"\{\{user\}\}|<USER>", re.IGNORECASE)
_SPEAKER = re.compile(r"^\s*(?P<who>\{\{(?:user|char)\}\}|[^:\n*\"“]{1,40}):\s*(?P<text>.*)$", re.IGNORECASE)
_USUALLY_USER = {"user", "you", "{{user}}"}


@dataclass(frozen=True)
class Line:
    """Something the character can say or do. `about` are the stems of its text, `cue` those that call for it."""

    kind: Kind
    text: str
    about: frozenset[str]
    cue: frozenset[str] = frozenset()
    cue_text: str = ""

    @property
    def key(self) -> str:
        """What is looked for among what has been said: a piece of it without the person's name."""
        spoken = max(map(folded, without_directions(self.text).split("{{user}}")), key=len)
        return (spoken if len(spoken) > 8 else folded(self.text))[:60]


@dataclass(frozen=True)
class Material:
    name: str
    language: str
    lines: tuple[Line, ...]
    weight: Mapping[str, float]  # of a stem, up to 1: the rarer in the material, the more it tells
    introduction: str  # one line about the character, if there is any
    place: str  # where the scene is, as a stage direction
    traits: str

    def of(self, *kinds: Kind) -> list[Line]:
        return [line for line in self.lines if line.kind in kinds]


def material_of(voice: Voice) -> Material:
    """The lines of a character; remembered, since every reply of a conversation needs them."""
    return _material(
        voice.name,
        voice.description,
        voice.personality,
        voice.scenario,
        voice.greeting,
        voice.example_dialogue,
        _Block(voice.voice),
    )


class _Block:
    """A voice block that can be a key of the cache."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self._text = repr(data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Block) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@functools.lru_cache(maxsize=256)
def _material(
    name: str, description: str, personality: str, scenario: str, greeting: str, examples: str, block: _Block
) -> Material:
    own = _named(name, "\n".join((description, scenario)))
    facts = list(_facts(own, name))
    lines = [*_from_block(block.data, name), *_from_examples(examples, name)]
    lines += [Line("fact", fact, stems(fact)) for fact in facts]
    told = " ".join([greeting, description, personality, scenario, *(line.text for line in lines[:8])])
    seen: set[str] = set()
    unique = [line for line in lines if line.text and not (line.text in seen or seen.add(line.text))]  # type: ignore[func-returns-value]
    return Material(
        name=name,
        language=language_of(told) if told.strip() else "",
        lines=tuple(unique),
        weight=_weights(unique),
        introduction=facts[0] if facts else "",
        place=_place(_named(name, scenario)),
        traits=_one_line(_named(name, personality)),
    )


def _from_block(data: Mapping[str, Any], name: str) -> Iterable[Line]:
    kinds: tuple[tuple[str, Kind], ...] = (
        ("openers", "opener"),
        ("stories", "story"),
        ("questions", "question"),
        ("asides", "aside"),
    )
    for key, kind in kinds:
        for text in _texts(data.get(key)):
            text = _spoken(text, name)
            yield Line(kind, as_direction(text) if kind == "aside" else text, stems(text))
    means = phrasebook("en").means
    topics = data.get("topics")
    for keyword, replies in topics.items() if isinstance(topics, Mapping) else ():
        cue_text = str(keyword).replace("_", " ").lower()
        cue = stems(cue_text) or frozenset({stem(cue_text)})
        for text in _texts(replies):
            text = _spoken(text, name)
            yield Line("topic", text, stems(text), cue.union(*(means.get(part, ()) for part in cue)), cue_text)


def _from_examples(dialogue: str, name: str) -> Iterable[Line]:
    """Each answer of the character, called for by what the other one said before it."""
    for scene in _START.split(dialogue):
        cue, mine = "", ""
        for speaker, text in _turns(scene, name):
            if speaker == "char":
                mine = f"{mine} {text}".strip()
                continue
            if mine:
                yield Line("example", _spoken(mine, name), stems(mine), stems(cue), cue)
                mine = cue = ""
            cue = f"{cue} {text}".strip()
        if mine:
            yield Line("example", _spoken(mine, name), stems(mine), stems(cue), cue)


def _turns(scene: str, name: str) -> Iterable[tuple[str, str]]:
    speaker = ""
    for line in scene.splitlines():
        match = _SPEAKER.match(line)
        who = match["who"].strip().lower() if match else ""
        if match and who in _USUALLY_USER:
            speaker = "user"
        elif match and who in {"{{char}}", name.lower()}:
            speaker = "char"
        elif match and speaker and len(who.split()) <= 3:
            speaker = "other"
        else:
            match = None
        text = (match["text"] if match else line).strip()
        if text and speaker in {"user", "char"}:
            yield speaker, text


def _facts(text: str, name: str) -> Iterable[str]:
    """What is known about the character, as something it can say: in the first person, or as a stage direction."""
    for sentence in sentences(text):
        sentence = sentence.strip("*_# -•\t")
        if "{{" in sentence or len(sentence) < 8 or sentence.endswith(":"):
            continue
        yield in_first_person(sentence, name) or as_direction(sentence)


def _place(scenario: str) -> str:
    found = [sentence for sentence in sentences(scenario) if "{{" not in sentence][:2]
    return as_direction(" ".join(found)) if found and len(" ".join(found)) <= 300 else ""


def as_direction(text: str) -> str:
    """A text as a `*stage direction*`, unless it already holds one."""
    text = text.strip()
    if "*" in text:
        return text
    return f"*{text.strip('()').strip()}*" if text else ""


def _named(name: str, text: str) -> str:
    return _CHAR.sub(lambda _: name, text)  # a function, as a name may have backslashes in it


def _spoken(text: str, name: str) -> str:
    return _USER.sub("{{user}}", _named(name, text.strip()))


def _texts(value: object) -> list[str]:
    """A line or a list of them, from data that people wrote."""
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value if isinstance(item, str | int)] if isinstance(value, list) else []


def _one_line(text: str) -> str:
    first = sentences(text)
    return first[0].rstrip(".。") if first and len(first[0]) <= 160 else ""


def _weights(lines: Iterable[Line]) -> dict[str, float]:
    lines = list(lines)
    seen = Counter(part for line in lines for part in line.about | line.cue)
    return {part: math.log(1 + (len(lines) + 1) / count) / math.log(len(lines) + 2) for part, count in seen.items()}
