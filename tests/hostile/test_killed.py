"""A process that dies half-way: the database shows all of it or nothing, and no credits stay away."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction
from django.utils import timezone

from billing.models import Entry, Reservation, Wallet
from billing.services import sweep_expired_reservations
from chat.models import Conversation, Message, Variant
from common.database import fetch_all
from tests.hostile.conftest import unchanged
from tests.hostile.crowd import Rest, books_agree
from tests.live import LiveSite

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def victim(django_db_setup: None) -> Iterator[LiveSite]:
    with LiveSite(responders=0, RATE_LIMIT_FACTOR="1000000") as site:
        yield site


class Parked:
    """A call in a thread of its own, which waits for a lock of ours in the middle of its work."""

    def __init__(self, call: Any) -> None:
        self.result: Any = None
        self.call = call
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.result = self.call()
        except httpx.HTTPError as error:
            self.result = error

    def __enter__(self) -> "Parked":
        self.thread.start()
        deadline = time.monotonic() + 20
        while not waiting():
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(20)


def waiting() -> list[Any]:
    return fetch_all("SELECT pid FROM pg_locks WHERE NOT granted", [])


def until_nobody_works() -> None:
    """Until PostgreSQL has noticed that the killed process's connections are gone."""
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 20
    while fetch_all(f"{others} AND state <> 'idle'", []):
        assert time.monotonic() < deadline, "somebody still works"
        time.sleep(0.02)


def test_between_reserve_and_commit_nothing_has_happened(victim, owner, conversation):
    """The message's credits are reserved, then the conversation's row is not to be had, then the process is gone."""
    caller, path = Rest(victim, owner), f"/api/conversations/{conversation}/messages"
    with unchanged():
        with transaction.atomic():
            Conversation.objects.select_for_update().get(pk=conversation)
            with Parked(lambda: caller.post(path, {"text": "Is anybody there?", "client_id": "c"})) as parked:
                assert victim.stop("server", signal.SIGKILL) == -signal.SIGKILL
        assert isinstance(parked.result, httpx.HTTPError)
        until_nobody_works()
    books_agree()
    victim.start_server()
    victim._wait_until_ready()
    again = caller.post(path, {"text": "Is anybody there?", "client_id": "c"})
    assert again.status_code == 201
    assert Message.objects.filter(client_id="c").count() == 1
    assert Reservation.objects.count() == 1


def test_a_spend_with_a_key_that_died_half_way_is_spent_once_by_the_next_try(victim, owner):
    caller, key = Rest(victim, owner), {"Idempotency-Key": "one"}
    spend = lambda: caller.post("/api/credits/spend", {"amount": "7", "feature": "x"}, **key)  # noqa: E731
    with unchanged():
        with transaction.atomic():
            Wallet.objects.select_for_update().get(organization=owner.organization_id)
            with Parked(spend):
                victim.stop("server", signal.SIGKILL)
        until_nobody_works()
    victim.start_server()
    victim._wait_until_ready()
    assert [spend().status_code for _ in range(2)] == [200, 200]
    assert Entry.objects.filter(kind="spend").count() == 1
    assert Wallet.objects.get(organization=owner.organization_id).total == 13
    books_agree()


@pytest.fixture
def no_responder(site: LiveSite) -> Iterator[None]:
    """The one that other tests share stands still meanwhile."""
    responder = site.processes["responder0"]
    responder.send_signal(signal.SIGSTOP)
    yield
    Variant.objects.update(status="stopped")
    responder.send_signal(signal.SIGCONT)


@pytest.mark.usefixtures("no_responder")
def test_a_reply_nobody_lived_to_write_gives_everything_back(victim, owner, conversation):
    Wallet.objects.update(free_messages=0, free_messages_granted=0)
    before = Wallet.objects.get(organization=owner.organization_id).total
    sent = Rest(victim, owner).post(f"/api/conversations/{conversation}/messages", {"text": "Well?"})
    victim.stop("server", signal.SIGKILL)
    assert sent.status_code == 201
    assert Wallet.objects.get(organization=owner.organization_id).total < before
    assert sweep_expired_reservations() == 0
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep_expired_reservations() == 1
    wallet = Wallet.objects.get(organization=owner.organization_id)
    assert (wallet.total, wallet.reserved) == (before, 0)
    assert Variant.objects.get(message=sent.json()["reply"]["id"]).status == "pending"
    books_agree()
