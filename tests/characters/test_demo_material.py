"""The demo characters are complete, valid and unlike one another."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from characters.portraits import portrait_svg

DEMO = Path(__file__).parents[2] / "characters" / "demo"
CATEGORIES = {
    "fantasy", "sci-fi", "mystery", "comedy", "romance", "learning", "wellbeing", "history", "adventure", "horror",
    "everyday",
}  # fmt: skip
FIELDS = {
    "slug", "name", "tagline", "age", "gender", "ethnicity", "body_type", "category", "tags", "content_rating",
    "creator", "likes", "messages", "portrait", "description", "personality", "scenario", "greeting",
    "alternate_greetings", "example_dialogue", "system_prompt", "post_history_instructions", "creator_notes", "voice",
}  # fmt: skip
WORDS = {
    "description": (150, 300),
    "personality": (60, 120),
    "scenario": (40, 90),
    "greeting": (60, 140),
    "system_prompt": (60, 120),
    "post_history_instructions": (8, 45),
    "creator_notes": (8, 50),
}
WORN_OUT = ("testament to", "tapestry", "shivers down", "couldn't help but", "symphony of", "—")

Character = dict[str, Any]


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


PATHS = sorted(path for path in DEMO.glob("*.yaml") if path.stem != "creators")
CHARACTERS: list[Character] = [_load(path) for path in PATHS]
CREATORS: list[Character] = _load(DEMO / "creators.yaml")
each_character = pytest.mark.parametrize("character", CHARACTERS, ids=[path.stem for path in PATHS])


def _words(text: str) -> int:
    return len(text.split())


def _repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def test_there_are_at_least_two_dozen() -> None:
    assert len(CHARACTERS) >= 24


def test_files_are_named_by_slug() -> None:
    assert [character["slug"] for character in CHARACTERS] == [path.stem for path in PATHS]


@pytest.mark.parametrize("field", ["slug", "name", "tagline", "description", "greeting"])
def test_no_two_characters_share(field: str) -> None:
    assert not _repeated([character[field] for character in CHARACTERS])


@pytest.mark.parametrize("part", ["openers", "stories", "questions", "asides"])
def test_no_two_characters_say_the_same(part: str) -> None:
    assert not _repeated([line for character in CHARACTERS for line in character["voice"][part]])


def test_genres_genders_and_creators_vary() -> None:
    assert {character["category"] for character in CHARACTERS} == CATEGORIES
    assert {character["gender"] for character in CHARACTERS} == {"female", "male", "non-binary"}
    assert {character["creator"] for character in CHARACTERS} == {creator["username"] for creator in CREATORS}


def test_creators_are_complete() -> None:
    assert len(CREATORS) == 5
    for creator in CREATORS:
        assert set(creator) == {"username", "display_name", "bio"}
        assert re.fullmatch(r"[a-z]{3,30}", creator["username"])
        assert creator["display_name"]
        assert 10 <= _words(creator["bio"]) <= 60


@each_character
def test_every_field_is_there_and_no_other(character: Character) -> None:
    assert set(character) == FIELDS
    assert all(text.strip() for text in _texts(character))


@each_character
def test_short_fields_are_within_the_contract(character: Character) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", character["slug"])
    assert 1 <= len(character["name"]) <= 100
    assert len(character["tagline"]) <= 80
    assert type(character["age"]) is int
    assert 18 <= character["age"] <= 100
    assert character["gender"] in {"female", "male", "non-binary"}
    assert character["category"] in CATEGORIES
    assert character["content_rating"] in {"everyone", "mature"}
    assert 3 <= len(set(character["tags"])) == len(character["tags"]) <= 6
    assert all(tag == tag.lower() for tag in character["tags"])
    assert character["likes"] > 0
    assert character["messages"] > character["likes"]


@each_character
def test_long_fields_have_substance(character: Character) -> None:
    for field, (least, most) in WORDS.items():
        assert least <= _words(character[field]) <= most, field
    assert 1 <= len(character["alternate_greetings"]) <= 2
    for greeting in [character["greeting"], *character["alternate_greetings"]]:
        assert 40 <= _words(greeting) <= 140
        assert greeting.count("*") >= 2
    assert "?" in character["greeting"][-140:], "a greeting invites an answer"


@each_character
def test_example_dialogue_parses_into_five_exchanges(character: Character) -> None:
    first, *lines = character["example_dialogue"].splitlines()
    assert first == "<START>"
    turns = [line.partition(": ") for line in lines if line != "<START>"]
    assert [speaker for speaker, _, _ in turns] == ["{{user}}", "{{char}}"] * (len(turns) // 2)
    assert len(turns) >= 10
    assert all(_words(text) >= 40 for speaker, _, text in turns if speaker == "{{char}}")


@each_character
def test_the_voice_has_enough_to_say(character: Character) -> None:
    voice = character["voice"]
    assert set(voice) == {"openers", "stories", "questions", "asides", "topics"}
    assert len(voice["openers"]) >= 8
    assert len(voice["stories"]) >= 6
    assert all(40 <= _words(story) <= 80 for story in voice["stories"])
    assert len(voice["questions"]) >= 8
    assert all("?" in question for question in voice["questions"])
    assert len(voice["asides"]) >= 8
    assert all(re.fullmatch(r"\*[^*]+\*", aside) for aside in voice["asides"])


@each_character
def test_topics_are_single_words_with_full_replies(character: Character) -> None:
    topics = character["voice"]["topics"]
    assert len(topics) >= 10
    assert {"name", "help", "love", "afraid"} <= set(topics)
    for keyword, reply in topics.items():
        assert re.fullmatch(r"[a-z]+", keyword)
        assert 30 <= _words(reply) <= 70, keyword


@each_character
def test_stage_directions_are_closed_and_phrases_are_fresh(character: Character) -> None:
    for text in _texts({key: value for key, value in character.items() if key != "example_dialogue"}):
        assert text.count("*") % 2 == 0, text
        assert not [phrase for phrase in WORN_OUT if phrase in text.lower()], text
    for line in character["example_dialogue"].splitlines():
        assert line.count("*") % 2 == 0, line


@each_character
def test_the_portrait_can_be_drawn(character: Character) -> None:
    assert len(portrait_svg(character["slug"], style=character["portrait"])) < 4096
