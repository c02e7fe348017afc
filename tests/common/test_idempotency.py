"""`Idempotency-Key`: one piece of work, however often and however parallel it is asked for."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from common import idempotency
from common.models import IdempotencyKey


def start(api, person, character, key, **body):
    return api(person).post("/api/conversations", {"character": str(character.pk), **body}, **{"Idempotency-Key": key})


@pytest.mark.django_db
class TestKeys:
    def test_a_refused_call_is_not_remembered(self, api, owner, character, problem):
        assert problem(start(api, owner, character, "k", title="x" * 300)) == (400, "VALIDATION_ERROR")
        assert start(api, owner, character, "k", title="short").status_code == 201

    def test_another_person_has_keys_of_their_own(self, api, owner, stranger, character):
        first, second = start(api, owner, character, "k"), start(api, stranger, character, "k")
        assert first.json()["id"] != second.json()["id"]

    def test_after_a_day_a_key_is_new_again(self, api, owner, character):
        first = start(api, owner, character, "k").json()
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
        assert start(api, owner, character, "k").json()["id"] != first["id"]

    def test_old_keys_are_swept(self, api, owner, character):
        start(api, owner, character, "k")
        assert idempotency.forget_old() == 0
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
        assert idempotency.forget_old() == 1

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
    def test_a_strange_key_is_refused(self, api, owner, character, key, problem):
        assert problem(start(api, owner, character, key)) == (400, "VALIDATION_ERROR")


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_calls_with_one_key_do_it_once(api, owner, character):
    answers = []

    def call():
        answers.append(start(api, owner, character, "storm"))
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    waited = [answer for answer in answers if answer.status_code == 409]
    assert len(made) + len(waited) == 20
    assert made
    assert len(set(made)) == 1
    assert all(answer.headers["Retry-After"] for answer in waited)
    assert len(api(owner).get("/api/conversations").json()["items"]) == 1
