"""Turning English sentences round: what is told about a character into what it says itself, "I" into "you" and back.

Each works on simple sentences only and gives nothing where it might go wrong.
"""

import re

_MIRROR = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "i'm": "you're",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "am": "are",
    "we": "you",
    "our": "your",
    "us": "you",
    "we're": "you're",
    "we've": "you've",
    "you": "me",
    "your": "my",
    "yours": "mine",
}
_STARTS_WITH_ME = re.compile(r"(?:I|I'm|I've|I'd|I'll|My|We|We're|We've|Our)\b", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:well|so|oh|and|but|yes|yeah|no|ok|okay|hmm?|um|actually|honestly|because)[,.]?\s+", re.IGNORECASE
)
_WORDS = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")

_OTHERS = re.compile(r"\b(?:he|she|they|him|them|himself|herself|themselves|it's)\b", re.IGNORECASE)
_JOINED = re.compile(r"(?:\band|\bbut|\bor|\bwho|\bthen|,|;|:|—|–)\s+(?:\w+ly\s+)?\w+s\b", re.IGNORECASE)
_VERBS = {"is": "am", "was": "was", "has": "have", "does": "do", "goes": "go", "isn't": "am not", "doesn't": "don't"}
_PAST_OR_MODAL = re.compile(
    r"(?:\w+ed|came|grew|left|lost|found|kept|made|took|won|wrote|once|never|always|can|could|will|would|must|used|had)$"
)
_POSSESSIVE = re.compile(r"\b(?:his|their)\b", re.IGNORECASE)
_HER_SOMETHING = re.compile(
    r"\bher(?=\s+(?!and\b|or\b|but\b|in\b|on\b|at\b|to\b|from\b|with\b|as\b|for\b|the\b|a\b)\w)", re.IGNORECASE
)
_FRAGMENT = re.compile(r"(?:An?|The)\s+\w", re.IGNORECASE)
_HAS_VERB = re.compile(r"^(?:An?|The)\s.*\b(?:is|are|was|were|has|have|had|lives|keeps|runs|sells|makes|works)\b")
_YOU_ARE = re.compile(r"^You(?:'re| are)\s+", re.IGNORECASE)


def mirrored(sentence: str) -> str:
    """ "I lost my keys" as "you lost your keys"; nothing unless it is short and about the speaker."""
    text = _LEADING.sub("", sentence.replace("’", "'").strip()).rstrip(".!… ")
    if not _STARTS_WITH_ME.match(text) or not 3 <= len(text.split()) <= 14 or re.search(r"[?\"“*:;()\n]", text):
        return ""
    if re.search(r"\byou\s+\w+.*\bI\b|\bI\s+\w+\s+you\b", text):
        return ""  # who is who would get lost
    turned = _WORDS.sub(lambda word: _MIRROR.get(word[0].lower(), word[0]), text)
    turned = re.sub(r"\b(you)\s+was\b", r"\1 were", turned)
    return turned[0].lower() + turned[1:]


def in_first_person(sentence: str, name: str) -> str:
    """ "Mara keeps a lighthouse." as "I keep a lighthouse."; nothing for what can't be turned safely."""
    text = sentence.strip()
    if not text.isascii() and not re.search(r"^[\x00-\x7f‘’“”—–…é]+$", text):
        return ""
    if re.match(r"(?:I|I'm|I've|My)\b", text):
        return text
    if _YOU_ARE.match(text) and not re.search(r"\b(?:you|your)\b", _YOU_ARE.sub("", text, count=1), re.IGNORECASE):
        return _YOU_ARE.sub("I am ", text, count=1)
    return _possession(text, name) or _third_to_first(text, name)


def is_fragment(sentence: str) -> bool:
    """Whether it is a mere description, such as "A grumpy pirate who loves cats."."""
    return bool(_FRAGMENT.match(sentence)) and not _HAS_VERB.match(sentence.split(" who ")[0].split(" that ")[0])


def _third_to_first(text: str, name: str) -> str:
    first_name = re.escape(name.split()[0]) if name.split() else "$"
    match = re.match(rf"(?:{re.escape(name)}|{first_name}|He|She)\s+(?P<verb>[a-z']+)\b(?P<rest>.*)$", text, re.DOTALL)
    if not match or _OTHERS.search(match["rest"]) or _JOINED.search(match["rest"]):
        return ""
    if re.search(rf"\b{first_name}\b", match["rest"]):
        return ""
    verb = _first_person_verb(match["verb"])
    rest = _HER_SOMETHING.sub("my", _POSSESSIVE.sub("my", match["rest"]))
    if not verb or re.search(r"\b(?:her|hers|theirs)\b", rest, re.IGNORECASE):
        return ""
    return f"I {verb}{rest}"


def _possession(text: str, name: str) -> str:
    """ "His eye is made of glass." as "My eye is made of glass."."""
    match = re.match(rf"(?:His|Her|{re.escape(name)}'s)\s+(?P<rest>[a-z].*)$", text, re.DOTALL)
    if not match or _OTHERS.search(match["rest"]) or re.search(r"\b(?:his|her|their|hers)\b", match["rest"]):
        return ""
    return f"My {match['rest']}"


def _first_person_verb(verb: str) -> str:
    if verb in _VERBS:
        return _VERBS[verb]
    if _PAST_OR_MODAL.match(verb):
        return verb if verb not in {"once", "never", "always"} else ""
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if re.search(r"(?:ch|sh|ss|x|zz|o)es$", verb):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else ""
