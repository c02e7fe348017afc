"""Kinds to tell of, and short words for telling."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.realtime import log
from notifications import kinds, services
from notifications.models import Notification
from tests.people import Person

TELL = kinds.Kind(name="told", about="What a test tells", icon="star")
MAILED = kinds.Kind(name="mailed", about="What a test mails as well", mail="organization_owner")


@pytest.fixture(autouse=True)
def _kinds() -> Iterator[None]:
    for kind in (TELL, MAILED):
        kinds.register(kind)
    yield
    for kind in (TELL, MAILED):
        del kinds._kinds[kind.name]


@pytest.fixture
def tell(db: None) -> Callable[..., Notification]:
    """`tell(owner, "Curtain up")`"""

    def tell(person: Person, title: str = "Curtain up", **options: Any) -> Any:
        return services.notify(**{"user_id": person.id, "kind": "told", "title": title} | options)

    return tell


@pytest.fixture
def heard() -> Callable[[Person], list[tuple[str, dict[str, Any]]]]:
    """`heard(owner)`: type and data of each frame of notifications, oldest first. The test must commit."""

    def heard(person: Person) -> list[tuple[str, dict[str, Any]]]:
        frames = [json.loads(frame.text) for frame in log.replay(f"user:{person.id}", 0).frames]
        return [(frame["type"], frame["data"]) for frame in frames if frame["type"].startswith("notification")]

    return heard
