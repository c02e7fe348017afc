"""The bench's world: the same rows in every run, in the order of their numbers.

1,000 people with a wallet each, 10,000 characters (every 20th private), and a conversation of 500 messages for each of
the first 200 people. Ids say what they are and sort by number, as UUIDv7 keys sort by time.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench import words

PEOPLE = 1_000
CHARACTERS = 10_000
CONVERSATIONS = 200
MESSAGES_EACH = 500
CREDITS, BONUS_CREDITS = 1_000_000, 1_000
START = datetime(2025, 1, 1, tzinfo=UTC)

KINDS = (
    "user", "organization", "membership", "session", "wallet", "grant", "bonus", "character", "conversation", "member",
    "message",
    "variant",
)  # fmt: skip


def id_prefix(kind: str) -> str:
    """What the ids of a kind begin with; twelve decimal digits of the row's number follow."""
    return f"019{KINDS.index(kind):05x}-0000-7000-8000-"


def row_id(kind: str, number: int) -> uuid.UUID:
    return uuid.UUID(f"{id_prefix(kind)}{number:012d}")


@dataclass(frozen=True, slots=True)
class Character:
    number: int
    creator: int
    name: str
    tagline: str
    description: str
    age: int
    gender: str
    category: str
    tags: list[str]
    likes: int
    messages: int
    public: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """`conversation` is also the number of the person it belongs to."""

    number: int
    conversation: int
    character: int
    seq: int
    by_user: bool
    text: str
    created_at: datetime


def username(number: int) -> str:
    return f"bench_{number}"


def is_public(character: int) -> bool:
    return character % 20 != 0


def character_of(conversation: int) -> int:
    """Whom a conversation is with: a public character, another for each."""
    return conversation * 49 + 1 if is_public(conversation * 49 + 1) else conversation * 49 + 2


def joined_at(person: int) -> datetime:
    return START + timedelta(minutes=30 * person)


def begun_at(conversation: int) -> datetime:
    return START + timedelta(days=60, hours=conversation)


def characters() -> Iterator[Character]:
    rng = random.Random("characters")
    for number in range(1, CHARACTERS + 1):
        name = f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"
        role, trait = rng.choice(words.ROLES), rng.choice(words.TRAITS)
        yield Character(
            number=number,
            creator=rng.randint(1, PEOPLE),
            name=name,
            tagline=f"{_article(trait).capitalize()} {trait} {role}",
            description=(
                f"{name} is {_article(trait)} {trait} {role} from {rng.choice(words.PLACES)}, "
                f"who {rng.choice(words.HABITS)} and {rng.choice(words.SECRETS)}. {rng.choice(words.OPENINGS)} "
                f"Behind the {rng.choice(words.TRAITS)} "
                f"smile, for those who stay, waits a story about {rng.choice(words.PLACES)}."
            ),
            age=rng.randint(18, 57),
            gender=rng.choice(words.GENDERS),
            category=rng.choice(words.CATEGORIES),
            tags=sorted(rng.sample(words.TAGS, 3)),
            likes=rng.randrange(5_000),
            messages=rng.randrange(50_000),
            public=is_public(number),
            created_at=START + timedelta(minutes=45 * number),
        )


def messages() -> Iterator[Message]:
    """Interleaved as they would have come: the first of every conversation, then the second of every one."""
    rng = random.Random("messages")
    number = 0
    for seq in range(1, MESSAGES_EACH + 1):
        by_user = seq % 2 == 1
        for conversation in range(1, CONVERSATIONS + 1):
            number += 1
            yield Message(
                number=number,
                conversation=conversation,
                character=character_of(conversation),
                seq=seq,
                by_user=by_user,
                text=rng.choice(words.SAID if by_user else words.ANSWERED),
                created_at=begun_at(conversation) + timedelta(minutes=seq),
            )


def distinct_searches(count: int) -> list[str]:
    """`count` searches that all find somebody and no two of which are the same."""
    found = {f"{row.name.split()[0]} {row.tagline.split(' ', 1)[1]}" for row in characters() if row.public}
    return random.Random("searches").sample(sorted(found), count)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
