"""Leaving while much else happens: nothing of the person succeeds after the answer, and nothing is lost."""

import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts import services
from accounts.models import AuthSession, User
from accounts.services import anonymisation
from billing.reconciliation import reconcile
from common.errors import Problem
from common.models import AuditEntry
from tests.own_data.conftest import left
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts: Any) -> list[Any]:
    """Runs them at once, each on a connection of its own; their results, or errors, in order."""
    results: list[Any] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(index: int, act: Any) -> None:
        ready.wait()
        try:
            results[index] = act()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_no_request_that_begins_after_the_answer_succeeds(owner, settings):
    settings.RATE_LIMIT_FACTOR = 10_000
    deleted_at: list[float] = []
    calls: list[tuple[float, int]] = []
    over = threading.Event()

    def call(method: str, path: str, body: Any = None) -> Any:
        def again() -> None:
            client = Client(headers=owner.headers)
            while not over.is_set():
                began = time.monotonic()
                response = client.generic(method, path, body or b"", "application/json")
                calls.append((began, response.status_code))

        return again

    def leave() -> None:
        time.sleep(0.5)
        assert Client(headers=owner.headers).delete("/api/users/me").status_code == 202
        deleted_at.append(time.monotonic())
        time.sleep(0.7)
        over.set()

    together(
        leave,
        call("GET", "/api/auth/me"),
        call("GET", "/api/wallet"),
        call("POST", "/api/characters", b'{"name": "Ilse"}'),
        call("PATCH", "/api/users/me", b'{"bio": "still here"}'),
    )
    (end,) = deleted_at
    before = [status for began, status in calls if began < end]
    after = [status for began, status in calls if began >= end]
    assert 200 in before
    assert len(after) > 4
    assert set(after) == {401}


def test_a_refresh_at_the_same_time_leaves_no_session_alive(owner):
    for _ in range(5):
        signed = services.sign_in(email=owner.user.email, password=PASSWORD)
        results = together(
            lambda: services.refresh(refresh_token=signed.refresh),  # noqa: B023 - run before the next
            lambda: services.delete_account(user_id=owner.id, actor=owner.user),
        )
        assert isinstance(results[0], (services.SignedIn, Problem)), results
        assert not AuthSession.objects.filter(user_id=owner.id, ended_at=None).exists()
        assert User.objects.get(pk=owner.id).deleted_at


def test_a_sign_in_at_the_same_time_is_before_or_after_and_never_between(owner):
    """Before: its session ends with the others. After: it brings the person back, and lives."""
    for _ in range(5):
        services.sign_in(email=owner.user.email, password=PASSWORD)  # back again
        together(
            lambda: services.sign_in(email=owner.user.email, password=PASSWORD),
            lambda: services.delete_account(user_id=owner.id, actor=owner.user),
        )
        alive = AuthSession.objects.filter(user_id=owner.id, ended_at=None).count()
        is_gone = User.objects.get(pk=owner.id).deleted_at is not None
        assert (is_gone, alive) in {(True, 0), (False, 1)}


def test_deleting_twice_at_once_is_deleting_once(owner):
    delete = lambda: services.delete_account(user_id=owner.id, actor=owner.user)  # noqa: E731
    results = together(delete, delete, delete)
    assert len({user.deleted_at for user in results}) == 1
    assert AuditEntry.objects.filter(action="user.delete").count() == 1


def test_coming_back_and_being_anonymised_at_once_is_one_of_the_two(join):
    for number in range(4):
        person = join(f"nora{number}")
        services.delete_account(user_id=person.id, actor=person.user)
        left(person, days=29)
        user = User.objects.get(pk=person.id)
        results = together(
            lambda: services.restore(user),  # noqa: B023 - run before the next
            lambda: anonymisation.anonymise(user_id=user.pk),  # noqa: B023
        )
        user.refresh_from_db()
        if user.anonymised_at:
            assert isinstance(results[0], Problem), results
            assert user.username.startswith("deleted-")
        else:
            assert user.deleted_at is None
            assert user.username == f"nora{number}"
    assert reconcile().ok


def test_anonymising_twice_at_once_is_anonymising_once(owner):
    services.delete_account(user_id=owner.id, actor=owner.user)
    left(owner, days=31)
    assert sorted(together(*[anonymisation.anonymise_due] * 3)) == [0, 0, 1]
    assert AuditEntry.objects.filter(action="user.anonymise").count() == 1
    assert reconcile().ok
