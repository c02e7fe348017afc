"""People who take their data along, and leave."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuthSession, DataExport, User
from accounts.services import exports
from characters.services import create_character
from chat.services import start_conversation
from tests.people import Person


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def archive() -> Callable[..., zipfile.ZipFile]:
    """`archive(export)`: its file, opened; every JSON in it is checked to be JSON."""

    def open_archive(export: DataExport) -> zipfile.ZipFile:
        export.refresh_from_db()
        found = zipfile.ZipFile(io.BytesIO(exports.file_of(export).read_bytes()))
        assert found.testzip() is None
        for name in found.namelist():
            if name.endswith(".json"):
                json.loads(found.read(name))
        return found

    return open_archive


@pytest.fixture
def made(archive) -> Callable[[Person], zipfile.ZipFile]:
    """`made(person)`: a copy of all their data, made now."""

    def make(person: Person) -> zipfile.ZipFile:
        export = exports.request_export(user_id=person.id)
        exports.make_export(export.pk)
        return archive(export)

    return make


def read(found: zipfile.ZipFile, name: str) -> Any:
    return json.loads(found.read(name))


def folder(found: zipfile.ZipFile, name: str) -> list[Any]:
    return [read(found, one) for one in found.namelist() if one.startswith(f"{name}/")]


def long_ago(person: Person, *, minutes: int = 6) -> None:
    """As if they had signed in a while ago."""
    AuthSession.objects.filter(user_id=person.id).update(created_at=timezone.now() - timedelta(minutes=minutes))


def left(person: Person, *, days: float) -> None:
    """As if they had left so many days ago."""
    User.objects.filter(pk=person.id).update(deleted_at=timezone.now() - timedelta(days=days))


@pytest.fixture
def odile(owner) -> Any:
    """A public character of the owner's."""
    User.objects.filter(pk=owner.id).update(email_verified=True)
    owner.user.refresh_from_db()
    fields = {"name": "Odile", "age": 31, "gender": "female", "visibility": "public", "description": "A black swan."}
    return create_character(
        creator=owner.user, fields=fields | {"greeting": "Good evening.", "system_prompt": "Dance."}
    )


@pytest.fixture
def talk() -> Callable[..., Any]:
    """`talk(person, character)`: a conversation of theirs."""

    def start(person: Person, character: Any) -> Any:
        return start_conversation(user_id=person.id, organization_id=person.organization_id, character_id=character.pk)

    return start


@pytest.fixture
def queries() -> Callable[[], CaptureQueriesContext]:
    """`with queries() as asked`: every statement of the block."""
    return lambda: CaptureQueriesContext(connection)
