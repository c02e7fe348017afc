"""The cast with confirmed addresses where they publish, and an API whose effects after commit happen as in life."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from characters.models import Character
from tests.conftest import Api, Person

LEAST = {"name": "Mira", "age": 30, "gender": "female"}


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Callable[..., Api]:
    """`api(owner)`; what waits for the commit is done after each call, as if the test's transaction were none."""
    if "transactional_db" in request.fixturenames or _is_transactional(request):
        return Api
    capture = request.getfixturevalue("django_capture_on_commit_callbacks")

    class Committing(Api):
        def _send(self, *args: Any, **headers: str) -> Any:
            with capture(execute=True):
                return super()._send(*args, **headers)

    return Committing


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))


@pytest.fixture
def confirmed(db: None) -> Callable[[Person], Person]:
    def confirm(person: Person) -> Person:
        person.user.email_verified = True
        person.user.save(update_fields=["email_verified"])
        return person

    return confirm


@pytest.fixture
def creator(owner: Person, confirmed: Callable[[Person], Person]) -> Person:
    """The owner, who may publish."""
    return confirmed(owner)


@pytest.fixture
def write(api: Callable[..., Api], creator: Person) -> Callable[..., dict[str, Any]]:
    """`write(name="Mira", visibility="public")`: a character of the creator, as the API answers it."""

    def post(by: Person | None = None, **fields: Any) -> dict[str, Any]:
        response = api(by or creator).post("/api/characters", LEAST | fields)
        assert response.status_code == 201, response.content
        return response.json()

    return post


@pytest.fixture
def publish(write: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def post(name: str = "Mira", **fields: Any) -> dict[str, Any]:
        return write(name=name, visibility="public", **fields)

    return post


@pytest.fixture
def row() -> Callable[[dict[str, Any]], Character]:
    """The row behind an answer."""
    return lambda data: Character.objects.get(pk=data["id"])


@pytest.fixture
def queries() -> Callable[[], Any]:
    @contextmanager
    def counted() -> Iterator[CaptureQueriesContext]:
        with CaptureQueriesContext(connections["default"]) as captured:
            yield captured

    return counted
