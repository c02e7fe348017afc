"""Who may do what with people, organisations, keys, budgets and notifications: every door, tried by everybody.

A row is a door, a body that would be right, and the status for each of: nobody signed in, a stranger, a member, an
admin and an owner of the team, and an administrator of the site. Where somebody is refused, nothing may have changed.
The last test holds the table to the URL conf: a new door needs a row.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.accounts.matrix import ROWS, Row, World, build_world
from tests.hostile import doors
from tests.tables import contents

pytestmark = pytest.mark.django_db

OURS = ("accounts", "notifications")  # media has a matrix of its own: tests/media/test_permissions.py
MEDIA_DOORS = ("/api/users/me/profile-picture", "/api/users/me/remove-profile-picture")
BILLING_DOORS = ("/api/budgets", "/api/budgets/{budget_id}", "/api/users/balances")
# what a refusal may change all the same: that somebody tried, or was seen
COUNTERS = {"django_session", "common_outboxevent"}


def kept() -> dict[str, str]:
    return {table: digest for table, digest in contents().items() if table not in COUNTERS}


@pytest.fixture
def world(make_user: Any) -> World:
    return build_world(make_user)


@pytest.fixture(autouse=True)
def _without_limits(settings: Any) -> None:
    settings.RATE_LIMIT_FACTOR = 10_000


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_door_lets_in_whom_it_should(row: Row, world: World) -> None:
    path, body = row.fill(world)
    before = kept()
    for who, expected in row.expected.items():
        with undone():
            response = send(Client(headers=world.headers(who)), row.method, path, body)
            assert response.status_code == expected, f"{who}: {response.status_code} {response.content!r}"
            if response.status_code >= 400:
                assert response.headers["Content-Type"] == "application/problem+json", who
                assert kept() == before, who


@contextmanager
def undone() -> Iterator[None]:
    """What one of them does is gone before the next one tries."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def send(client: Client, method: str, path: str, body: Any) -> Any:
    options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(client, method.lower())(path, **options)


def test_every_door_has_a_row() -> None:
    known = {(row.method.lower(), row.route) for row in ROWS}
    ours = {
        (door.method, door.route)
        for door in doors.api_doors()
        if door.view.cls.__module__.split(".")[0] in OURS or door.route in (*BILLING_DOORS, *MEDIA_DOORS)
    }
    assert ours - known == set()
    assert known - ours == set()
