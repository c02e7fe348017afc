"""One connection a thread: questions that wait for their answers, and words that nobody waits for."""

import asyncio
import threading
from pathlib import Path

import pytest
import structlog

from common import redis
from stack.services import Services


@pytest.fixture(autouse=True)
def empty():
    redis.client().flushdb()
    redis.ask(("PING",))


def test_answers_come_in_the_order_of_the_questions():
    redis.ask(("SET", "a", "1"), ("SET", "b", "2"))
    assert redis.ask(("GET", "b"), ("GET", "a"), ("GET", "c")) == [b"2", b"1", None]


def test_what_is_told_is_done_and_its_answer_is_nobodys():
    for number in range(5):
        redis.tell(("RPUSH", "list", number), ("INCR", "told"))
    assert redis.ask(("LRANGE", "list", 0, -1), ("GET", "told")) == [[b"0", b"1", b"2", b"3", b"4"], b"5"]
    assert redis.ask(("GET", "told")) == [b"5"]


def test_a_refusal_of_what_was_told_is_logged_and_spoils_no_question():
    redis.ask(("SET", "text", "words"))
    with structlog.testing.capture_logs() as logs:
        redis.tell(("INCR", "text"))
        assert redis.ask(("GET", "text")) == [b"words"]
    assert [entry["event"] for entry in logs] == ["redis refused"]


def test_a_refusal_of_a_question_is_raised_when_all_are_answered():
    redis.ask(("SET", "text", "words"))
    with pytest.raises(redis.RedisError):
        redis.ask(("INCR", "text"), ("SET", "after", "1"))
    assert redis.ask(("GET", "after")) == [b"1"]


def test_who_only_ever_tells_still_reads_what_redis_answers(monkeypatch):
    monkeypatch.setattr(redis, "UNREAD_AT_MOST", 10)
    for _ in range(100):
        redis.tell(("INCR", "told"))
        assert redis._line.unread <= 10
    assert redis.ask(("GET", "told")) == [b"100"]


def test_each_thread_has_answers_of_its_own():
    def work(name: str) -> None:
        for number in range(200):
            redis.tell(("SET", name, number))
            if redis.ask(("GET", name)) != [str(number).encode()]:
                wrong.append(name)

    wrong: list[str] = []
    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_more_threads_than_the_librarys_pool_allows_may_come_and_go():
    def ask() -> None:
        answers.extend(redis.ask(("PING",)))

    answers: list[bytes] = []
    for _ in range(150):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert answers == [b"PONG"] * 150


async def test_more_tasks_than_the_librarys_pool_allows_may_ask_at_once():
    client = redis.async_client()
    try:
        assert await asyncio.gather(*(client.ping() for _ in range(150))) == [True] * 150
    finally:
        await client.aclose()


def test_what_is_told_after_a_quiet_while_survives_a_restart_of_redis(tmp_path: Path, settings, monkeypatch):
    services = Services(tmp_path, durable=False, database=False)
    services.start()
    try:
        settings.REDIS_URL = services.redis_url
        redis.client.cache_clear()
        redis.ask(("PING",))
        services.restart_redis()
        monkeypatch.setattr(redis, "FRESH_SECONDS", 0.0)
        redis.tell(("SET", "said", "1"))
        assert redis.ask(("GET", "said")) == [b"1"]
    finally:
        services.stop()
        redis.client.cache_clear()
