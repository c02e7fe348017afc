"""When people were last seen: written beside the requests, never on their path."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import services, tasks
from accounts.models import User
from common import last_used, redis
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PATH = "/api/users/me/preferences"


@pytest.fixture(autouse=True)
def _a_new_process():
    last_used._touched.clear()


@pytest.fixture
def told(monkeypatch):
    """What was told without waiting, and how many exchanges waited for an answer."""
    seen = {"told": [], "waited": 0}
    tell, exchange = redis.tell, redis._exchange

    def note_tell(*commands):
        seen["told"] += [command for command in commands if "last_used:people" in command]
        return tell(*commands)

    def note_exchange(packed, count):
        seen["waited"] += 1
        return exchange(packed, count)

    monkeypatch.setattr(redis, "tell", note_tell)
    monkeypatch.setattr(redis, "_exchange", note_exchange)
    return seen


def seen_at(person):
    return User.objects.get(pk=person.id).last_seen_at


def test_a_request_makes_a_person_seen_once_the_job_has_run(owner):
    User.objects.filter(pk=owner.id).update(last_seen_at=timezone.now() - timedelta(days=3))
    Api(owner).get(PATH)
    assert seen_at(owner) < timezone.now() - timedelta(days=2)
    tasks.write_last_seen()
    assert timezone.now() - seen_at(owner) < timedelta(seconds=5)


def test_it_is_told_once_a_minute_however_often_one_asks(owner, told):
    for _ in range(5):
        Api(owner).get(PATH)
    assert len(told["told"]) == 1


def test_it_adds_no_round_trip(owner, told):
    def round_trips():
        before = told["waited"]
        Api(owner).get(PATH)
        return told["waited"] - before

    Api(owner).get(PATH)
    quiet = round_trips()
    last_used._touched.clear()
    assert round_trips() == quiet == 1
    assert len(told["told"]) == 2


def test_it_adds_no_query(owner, django_assert_num_queries):
    Api(owner).get(PATH)
    for _ in range(2):
        last_used._touched.clear()
        with django_assert_num_queries(2):
            Api(owner).get(PATH)


def test_a_redis_that_is_away_costs_nothing_but_freshness(owner, monkeypatch):
    def away(*_):
        raise redis.RedisError

    monkeypatch.setattr(redis, "ask", away)
    monkeypatch.setattr(redis, "tell", away)
    assert Api(owner).get(PATH).status_code == 200


def test_pages_count_too(owner, client):
    client.force_login(owner.user)
    User.objects.filter(pk=owner.id).update(last_seen_at=None)
    client.get("/")
    tasks.write_last_seen()
    assert seen_at(owner) is not None


def test_many_are_written_in_one_statement(join, django_assert_num_queries):
    people = [join(f"person{number}") for number in range(6)]
    now = datetime.now(UTC)
    with django_assert_num_queries(1):
        assert services.see({person.id: now for person in people} | {uuid.uuid4(): now}) == 6


def test_nobody_is_seen_earlier_than_before(owner):
    now = timezone.now()
    services.see({owner.id: now})
    assert services.see({owner.id: now - timedelta(hours=1)}) == 0
    assert seen_at(owner) == now


def test_a_run_that_was_killed_is_finished_by_the_next(owner):
    Api(owner).get(PATH)

    def die(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        last_used.write_gathered(last_used.PEOPLE, die)
    User.objects.filter(pk=owner.id).update(last_seen_at=None)
    tasks.write_last_seen()
    assert seen_at(owner) is not None


def test_a_run_with_nothing_to_write_writes_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        tasks.write_last_seen()
