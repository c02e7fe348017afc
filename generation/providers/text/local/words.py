"""Words, stems and sentences of a text in any script: just enough to tell what it is about."""

import re
import unicodedata

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’»)\]*]*\s+(?=\S)|(?<=[。！？])(?![」』）])|\n+")
_TITLES = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|vs|No|Prof|Capt|Sgt|Lt|e\.g|i\.e)\.$")
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’][^\W\d_]+)*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_DIRECTION = re.compile(r"\*[^*\n]+\*")
_ENDINGS = re.compile(r"(?:'s|’s|ing|edly|ed|ies|es|s|ly)$")

STOP_WORDS = frozenset(
    "a about after again ago all also always am an and any anything are as at away back be because been "  # noqa: SIM905
    "before being but by came can can't come could did didn't do does doesn't doing don't done down else "
    "even ever every everything few find first for from get getting give go goes going gonna good got had "
    "has have haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's "
    "its just keep kind kinda know last less let let's like little long lot made make many maybe me mean "
    "might mine more most much must my myself need never new no nobody not nothing now of off oh ok okay "
    "old on once one only or other our ours out over own people perhaps please quite rather really right "
    "said same say see seem seems shall she should since so some somebody someone something sometimes "
    "soon still stuff such sure take tell than that that's the their them then there there's these they "
    "thing things think this those though through time to today together told too took try two under "
    "until up upon us use used very want wanted was wasn't way we well went were what what's when where "
    "which while who whom whose why will with without won't word would yes yet you you'd you'll you're "
    "you've your yours yourself".split()
)


def words(text: str) -> list[str]:
    """The words of a text in their order, as written."""
    return _WORD.findall(text)


def stems(text: str) -> frozenset[str]:
    """What a text is about: its words cut to comparable stems, without the commonest English ones."""
    found = set()
    for word in _WORD.findall(text.lower().replace("’", "'")):
        if word in STOP_WORDS:
            continue
        if _UNSPACED.match(word):
            found |= _pairs(word)
        elif len(word) > 2 or not word.isascii():
            found.add(stem(word))
    return frozenset(found)


def stem(word: str) -> str:
    """A lower-case word without its ending, so that "harbours" meets "harbour" and "морем" meets "море"."""
    if not word.isascii():
        return _plain(word)[: max(3, len(word) - 2)]
    cut = _ENDINGS.sub("", word) if len(word) > 4 else word.removesuffix("s")
    cut = cut if len(cut) > 2 else word
    if len(cut) > 3 and cut[-1] == cut[-2] and cut[-1] not in "aeiouls":
        cut = cut[:-1]
    return cut[:-1] if len(cut) > 3 and cut[-1] in "eyi" else cut


def sentences(text: str) -> list[str]:
    """The sentences of a text, a line break ending one as well."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text):
        part = part.strip()
        if not part:
            continue
        if found and _TITLES.search(found[-1]):
            found[-1] += " " + part
        else:
            found.append(part)
    return found


def folded(text: str) -> str:
    """A text as bare words, for finding out whether it has been said already."""
    return " ".join(_WORD.findall(text.lower()))


def without_directions(text: str) -> str:
    """A text without its `*stage directions*`."""
    return _DIRECTION.sub(" ", text)


def _pairs(word: str) -> set[str]:
    """Scripts without spaces are compared by pairs of characters."""
    return {word[at : at + 2] for at in range(len(word) - 1)} or {word}


def _plain(word: str) -> str:
    """Without accents."""
    return "".join(part for part in unicodedata.normalize("NFKD", word) if not unicodedata.combining(part))
