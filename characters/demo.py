"""Loads the demo characters that come with the project: `demo/creators.yaml`, and one file for each character."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from characters.caching import drop_character, drop_lists
from characters.inputs import CharacterInput
from characters.models import Character, DailyActivity, Visibility, validate_portrait
from characters.services import refresh_scores
from characters.tags import clean_tags
from common.tokens import count_tokens

FOLDER = Path(__file__).parent / "demo"
CREATORS = "creators.yaml"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS_OF_DEBUTS = 90
ACTIVE_DAYS = 10
NOT_FIELDS = ("slug", "creator", "likes", "messages", "portrait", "voice")


@transaction.atomic
def load_demo_characters() -> int:
    """Makes the demo creators and their public characters; returns how many characters there are files for.

    May run again: texts that changed in the files are brought up to date, numbers stay as people made them, and what
    was deleted or taken down stays so. Raises ValidationProblem or ValidationError for a file that is wrong.
    """
    creators = {entry["username"]: _creator(entry) for entry in _read(FOLDER / CREATORS)}
    files = [path for path in sorted(FOLDER.glob("*.yaml")) if path.name != CREATORS]
    for path in files:
        material = _read(path)
        _load(material, creators[material["creator"]])
    drop_lists()
    refresh_scores(everyone=True)
    return len(files)


def demo_id(slug: str) -> uuid.UUID:
    """The id of a demo character, the same on every site: a UUIDv7 of its debut, with the slug's hash for chance."""
    chance = int.from_bytes(hashlib.sha256(slug.encode()).digest()[:10])
    milliseconds = int(_debut(slug).timestamp() * 1000)
    rand_a, rand_b = chance >> 68, chance & (2**62 - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def _debut(slug: str) -> datetime:
    minutes = _number(slug, "debut", DAYS_OF_DEBUTS * 24 * 60)
    return FIRST_DAY + timedelta(minutes=minutes)


def _number(slug: str, what: str, below: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{slug} {what}".encode()).digest()[:8]) % below


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def _creator(entry: dict[str, str]) -> User:
    email = f"{entry['username']}@demo.invalid"  # no such domain: nobody can ask for a new password there
    known = User.objects.filter(email=email).first()
    if known:
        return known
    is_taken = User.objects.filter(username=entry["username"]).exists()
    return User.objects.create_user(
        email,
        None,
        username="" if is_taken else entry["username"],
        display_name=entry["display_name"],
        bio=entry.get("bio", "").strip(),
        email_verified=True,
    )


def _load(material: dict[str, Any], creator: User) -> None:
    character_id = demo_id(material["slug"])
    known = Character.objects.filter(pk=character_id).first()
    if known is None:
        _make(character_id, material, creator)
    elif known.deleted_at is None and known.taken_down_at is None:
        texts = _texts(material)
        for name, value in texts.items():
            setattr(known, name, value)
        known.save(update_fields=[*texts, "updated_at"])
        drop_character(known.pk)


def _make(character_id: uuid.UUID, material: dict[str, Any], creator: User) -> None:
    debut = _debut(material["slug"])
    made = Character.objects.create(
        id=character_id,
        creator=creator,
        visibility=Visibility.PUBLIC,
        published_at=debut,
        likes_amount=material["likes"],
        messages_amount=material["messages"],
        **_texts(material),
    )
    Character.objects.filter(pk=made.pk).update(created_at=debut)
    DailyActivity.objects.bulk_create(_recent_days(made, material))


def _texts(material: dict[str, Any]) -> dict[str, Any]:
    checked = CharacterInput(data={name: value for name, value in material.items() if name not in NOT_FIELDS})
    checked.is_valid(raise_exception=True)
    validate_portrait(material.get("portrait"))
    fields = dict(checked.validated_data)
    return fields | {
        "tags": clean_tags(fields.get("tags", [])),
        "system_prompt_tokens": count_tokens(fields.get("system_prompt", "")),
        "voice": material.get("voice", {}),
        "portrait": material.get("portrait"),
    }


def _recent_days(character: Character, material: dict[str, Any]) -> list[DailyActivity]:
    """A part of its numbers as of the last days, so that "trending" has an order of its own on the first evening."""
    today, slug = timezone.now().date(), material["slug"]
    liveliness = 20 + _number(slug, "liveliness", 180)  # a day's part of the whole, in hundred-thousandths
    return [
        DailyActivity(
            character=character,
            day=today - timedelta(days=days),
            likes=material["likes"] * liveliness // 100_000,
            messages=material["messages"] * liveliness // 100_000,
        )
        for days in range(ACTIVE_DAYS)
    ]
