"""Composes the demo voice's reply: the character's own lines, chosen by what was said and joined up lightly."""

import re

from generation.providers.text.base import TextRequest
from generation.providers.text.local.material import Kind, Line
from generation.providers.text.local.person import is_fragment
from generation.providers.text.local.scene import Scene, in_their_words, read_scene, turned_round
from generation.providers.text.local.words import folded, sentences, stems

CALLED_FOR = 1.6  # how much a word counts that is in a line's cue
MENTIONED: dict[Kind, float] = {"topic": 0.3, "story": 0.6, "fact": 0.35, "example": 0.2}  # or in the line itself
FITS = 0.42
LONG = 260  # characters; a longer reply asks its question in a paragraph of its own

_VOCATIVE = re.compile(r",?\s*\{\{user\}\}(?=[.!?,…])")
_USER = re.compile(r"\{\{user\}\}")
_UNSPACED = ("ja", "zh")
_ENDS_ASKING = re.compile(r"[?？؟][\"”’»)*\s]*$")


def compose(request: TextRequest) -> str:
    """The whole reply to a request, never empty; the same for the same request."""
    scene = read_scene(request)
    parts = _continued(scene) if request.continuation and scene.answered else _PLANS[scene.intent](scene)
    text = _joined([part for part in parts if part], "" if scene.book.language in _UNSPACED else " ")
    text = _addressed(text, scene) or (f"*{scene.material.name}…*" if scene.material.name else "…")
    return f"\n\n{text}" if request.continuation and scene.answered else text


# --- what to do with each kind of message ----------------------------------------------------------------------------


def _greet(scene: Scene) -> list[str]:
    return [
        _aside(scene),
        scene.phrase("hello"),
        _text(_new(scene, "opener")) if scene.chance(0.4) else "",
        _ask(scene),
    ]


def _meet(scene: Scene) -> list[str]:
    return [scene.phrase("met"), _aside(scene), _material(scene, "story") if scene.chance(0.4) else "", _ask(scene)]


def _say_goodbye(scene: Scene) -> list[str]:
    return [_aside(scene), _recall(scene) if scene.chance(0.5) else "", scene.phrase("goodbye") or _echo(scene)]


def _take_thanks(scene: Scene) -> list[str]:
    return [scene.phrase("thanks"), _aside(scene), _material(scene, "story") if scene.chance(0.5) else "", _ask(scene)]


def _say_how(scene: Scene) -> list[str]:
    line = _called(scene, "how")
    if line:
        return [_hello(scene), line.text, _ask_after(scene, line)]
    return [_hello(scene), _aside(scene), scene.phrase("fine"), _text(_new(scene, "opener")), _ask(scene)]


def _introduce(scene: Scene) -> list[str]:
    line = _called(scene, "who")
    if line:
        return [_hello(scene), line.text, _ask_after(scene, line)]
    return [_hello(scene), _aside(scene), scene.phrase("who"), _about_me(scene), _ask(scene)]


def _say_work(scene: Scene) -> list[str]:
    line = _called(scene, "work")
    return (
        [_hello(scene), _aside_before(scene, line), line.text, _ask_after(scene, line)] if line else _introduce(scene)
    )


def _show_around(scene: Scene) -> list[str]:
    line = _called(scene, "where") or _best(scene, kinds=("topic", "example"))
    if line:
        return [_hello(scene), line.text, _ask_after(scene, line)]
    told = scene.material.place or _material(scene, "fact", "story")
    return [_hello(scene), told, _opener(scene, 0.5), _ask(scene)]


def _be_honest(scene: Scene) -> list[str]:
    line = _best(scene, kinds=("topic",))
    if line:
        return [_aside(scene), line.text, _ask_after(scene, line)]
    return [_aside(scene), scene.phrase("honest"), _ask(scene)]


def _tell(scene: Scene) -> list[str]:
    line = _best(scene) or _new(scene, "story", "fact")
    if line is None:
        return [_aside(scene), _traits(scene) or scene.phrase("dry") or _echo(scene)]
    return [_aside_before(scene, line), _opener(scene, 0.5), line.text, _ask_after(scene, line, 0.5)]


def _comfort(scene: Scene) -> list[str]:
    line = _best(scene, kinds=("topic",))
    if line:
        return [_aside_before(scene, line), line.text, _ask_after(scene, line)]
    return [_aside(scene), scene.phrase(scene.intent), _mirror(scene) if scene.chance(0.4) else "", _ask(scene)]


def _laugh(scene: Scene) -> list[str]:
    return [_aside(scene), scene.phrase("laugh"), _material(scene, "story") if scene.chance(0.6) else "", _ask(scene)]


def _acknowledge(scene: Scene) -> list[str]:
    """A yes or a no: it answers the question before, so the talk goes on where it was."""
    line = _best(scene, about=scene.before) if scene.chance(0.5) else None
    line = line or _new(scene, "story", "fact")
    if line is None or _told_last(scene):
        return [scene.phrase(scene.intent), _recall(scene), _aside(scene), _ask(scene)]
    return [scene.phrase(scene.intent), _aside_before(scene, line), line.text, _ask_after(scene, line, 0.6)]


def _answer(scene: Scene) -> list[str]:
    line = _best(scene)
    if line:
        return [
            _hello(scene),
            _aside_before(scene, line),
            _opener(scene, 0.35),
            line.text,
            _ask_after(scene, line, 0.6),
        ]
    about_me = scene.book.hears("about_me", scene.heard, at_start=True)
    unsure = (scene.phrase("coy", only_fresh=True) if about_me else "") or scene.phrase("unsure") or _echo(scene)
    told = _material(scene, "story", "fact")
    if not told:
        return [_hello(scene), _aside(scene), unsure, _ask(scene)]
    if told.startswith("*"):
        return [_hello(scene), told, unsure, _ask(scene)]
    bridge = scene.phrase("bridge", only_fresh=True)
    return [_hello(scene), _aside(scene), unsure, bridge, told, _ask(scene) if scene.chance(0.4) else ""]


def _respond(scene: Scene) -> list[str]:
    """To a statement: take it up, then the line it calls for, or a story now and then, and pass the word back."""
    line = _best(scene)
    taken_up = _mirror(scene) or _echo(scene) or scene.phrase("listen")
    if line:
        first = taken_up if scene.chance(0.35) else _opener(scene, 0.6)
        return [_hello(scene), _aside_before(scene, line), first, line.text, _ask_after(scene, line, 0.6)]
    recall = _recall(scene) if len(scene.asked) >= 3 and scene.chance(0.4) else ""
    told = "" if recall or _told_last(scene) else _material(scene, "story", "fact")
    return [_hello(scene), _aside(scene), taken_up, recall or _opener(scene, 0.3), told, _ask(scene)]


def _break_silence(scene: Scene) -> list[str]:
    """Nothing was said that could be answered: a lone emoji, an empty line, or the very beginning."""
    said = _text(_new(scene, "opener")) or scene.phrase("listen")
    return [_aside(scene), said, _material(scene, "story", "fact"), _ask(scene)]


def _continued(scene: Scene) -> list[str]:
    line = _best(scene, about=stems(scene.answered[-1])) or _new(scene, "story", "fact")
    if line is None:
        return [scene.phrase("go_on"), _recall(scene), _aside(scene), _ask(scene)]
    return [_aside_before(scene, line), scene.phrase("go_on"), line.text, _ask_after(scene, line, 0.5)]


_PLANS = {
    "hello": _greet,
    "met": _meet,
    "goodbye": _say_goodbye,
    "thanks": _take_thanks,
    "how": _say_how,
    "who": _introduce,
    "work": _say_work,
    "where": _show_around,
    "real": _be_honest,
    "story": _tell,
    "sad": _comfort,
    "glad": _comfort,
    "laugh": _laugh,
    "yes": _acknowledge,
    "no": _acknowledge,
    "question": _answer,
    "statement": _respond,
    "silence": _break_silence,
}


# Which plain questions fit after it.
_QUESTIONS = dict.fromkeys(("question", "how", "who", "work", "where", "real"), "ask_why") | dict.fromkeys(
    ("statement", "sad", "glad", "yes", "no", "laugh"), "ask_more"
)


# --- the parts of a reply --------------------------------------------------------------------------------------------


def _best(scene: Scene, about: frozenset[str] | None = None, kinds: tuple[Kind, ...] = ()) -> Line | None:
    """The unsaid line that shares most with what was said, if it shares enough; for a later variant one that comes
    after it."""
    about = scene.about if about is None else about
    fitting = []
    for line in scene.fresh(scene.material.of(*(kinds or ("topic", "example", "story", "fact")))):
        score = _shared(about, line, scene)
        if score and len(about) < 3:
            score += 0.35 * _shared(scene.before, line, scene)
        score *= scene.rng.uniform(0.9, 1.1)
        if score > FITS:
            fitting.append((score, line))
    fitting.sort(key=lambda found: -found[0])
    return fitting[scene.variant][1] if scene.variant < len(fitting) else None


def _shared(about: frozenset[str], line: Line, scene: Scene) -> float:
    weight = scene.material.weight
    called_for = sum(weight[stem] for stem in about & line.cue)
    mentioned = sum(weight[stem] for stem in (about - line.cue) & line.about)
    only_facts = line.kind == "fact" and not scene.material.of("story", "topic")
    return CALLED_FOR * called_for + MENTIONED["story" if only_facts else line.kind] * mentioned


def _called(scene: Scene, intent: str) -> Line | None:
    """An unsaid line whose cue means the same, such as an example that answers "How are you?"."""
    lines = scene.fresh(scene.material.of("topic", "example"))
    fitting = [line for line in lines if line.cue_text == intent or scene.book.hears(intent, line.cue_text)]
    if intent == "who":
        fitting = fitting or [line for line in lines if line.cue_text == "name"]
    return scene.rng.choice(fitting) if fitting else None


def _new(scene: Scene, *kinds: Kind) -> Line | None:
    """An unsaid line of the first of these kinds that still has one."""
    for kind in kinds:
        fresh = scene.fresh(scene.material.of(kind))
        if fresh:
            return scene.rng.choice(fresh)
    return None


def _material(scene: Scene, *kinds: Kind) -> str:
    return _text(_new(scene, *kinds))


def _aside(scene: Scene) -> str:
    return _text(scene.one_of(scene.material.of("aside"))) if scene.chance(0.55) else ""


def _aside_before(scene: Scene, line: Line) -> str:
    return "" if "*" in line.text else _aside(scene)


def _opener(scene: Scene, share: float) -> str:
    return _text(scene.one_of(scene.material.of("opener"))) if scene.chance(share) else ""


def _ask(scene: Scene) -> str:
    """A question back: the character's own while there are new ones, else a plain one."""
    own = _new(scene, "question")
    if own:
        return own.text
    return scene.phrase(_QUESTIONS.get(scene.intent, "ask_open")) or _text(scene.one_of(scene.material.of("question")))


def _ask_after(scene: Scene, line: Line, share: float = 1.0) -> str:
    return "" if _ENDS_ASKING.search(line.text) or not scene.chance(share) else _ask(scene)


def _mirror(scene: Scene) -> str:
    mirror = turned_round(scene.heard)
    return scene.phrase("mirror", mirror=mirror) if mirror else ""


def _echo(scene: Scene) -> str:
    said = in_their_words(scene.heard)
    if not said:
        return ""
    return scene.phrase("echo", words=said) or scene.rng.choice(["«{}»…", "… «{}».", "«{}».", "«{}» …!"]).format(said)


def _recall(scene: Scene) -> str:
    """Something the person said a while ago."""
    for text in sorted(scene.told[:-1], key=lambda _: scene.rng.random()):
        mirror, said = turned_round(text), in_their_words(text)
        if mirror and scene.said.count(folded(mirror)) > 1:
            continue
        line = scene.phrase("recall", only_fresh=True, mirror=mirror) if mirror else ""
        if not line and len(said.split()) >= 3:
            line = scene.phrase("recall_words", only_fresh=True, words=said)
        if line:
            return line
    return ""


def _hello(scene: Scene) -> str:
    if scene.new_name:
        return scene.phrase("met")
    return scene.phrase("hello") if scene.greeted else ""


def _about_me(scene: Scene) -> str:
    fact = scene.material.introduction
    if fact and is_fragment(fact.strip("*")):
        plain = fact.strip("*").rstrip(".")
        return scene.phrase("am", fact=plain[0].lower() + plain[1:]) or fact
    return (_traits(scene) if not fact or scene.chance(0.4) else "") or fact


def _traits(scene: Scene) -> str:
    """What the character is like, unless it has said so already."""
    traits = scene.material.traits
    if not traits or folded(traits) in scene.said:
        return ""
    return scene.phrase("traits", fact=traits[0].lower() + traits[1:])


def _told_last(scene: Scene) -> bool:
    """Whether the last reply already held a long piece, so that this one had better be short."""
    return bool(scene.answered) and len(scene.answered) > 1 and len(scene.answered[-1]) > LONG


def _text(line: Line | None) -> str:
    return line.text if line else ""


# --- putting it together ---------------------------------------------------------------------------------------------


def _joined(parts: list[str], space: str) -> str:
    if (
        len(parts) > 1
        and sum(map(len, parts)) > LONG
        and _ENDS_ASKING.search(parts[-1])
        and len(sentences(parts[-1])) < 3
    ):
        return _joined(parts[:-1], space) + "\n\n" + parts[-1]
    text = ""
    for part in parts:
        text += (space or " " * ("*" in text[-1:] + part[:1])) * bool(text) + part
    return text


def _addressed(text: str, scene: Scene) -> str:
    """Puts the person's name where the material has a place for it, or leaves a mere form of address out."""
    if "{{user}}" not in text:
        return text
    if scene.name:
        return _USER.sub(lambda _: scene.name, text)
    return _USER.sub(lambda _: scene.book.friend, _VOCATIVE.sub("", text)).strip()
