"""Jobs leave after commit, carry their request's id, and a Redis that is away does not fail the work."""

import uuid

import django_rq
import pytest
import structlog
from django.db import transaction
from rq import SimpleWorker

from common import jobs, redis

seen: list[str] = []


def remember_request_id(marker: str) -> None:
    seen.append(f"{marker} {structlog.contextvars.get_contextvars().get('request_id')}")


def explode() -> None:
    raise RuntimeError("as the test wants it")


def run_jobs(queue: str = "default") -> None:
    worker = SimpleWorker(
        [django_rq.get_queue(queue)], connection=django_rq.get_connection(queue), job_class=jobs.TracedJob
    )
    worker.work(burst=True, logging_level="WARNING")


@pytest.mark.django_db(transaction=True)
class TestJobs:
    def test_a_job_runs_under_the_id_of_its_request(self):
        marker = uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id="request-0001"), transaction.atomic():
            jobs.enqueue_on_commit(remember_request_id, marker)
        run_jobs()
        assert seen == [f"{marker} request-0001"]

    def test_what_is_rolled_back_is_not_queued(self):
        with transaction.atomic():
            jobs.enqueue_on_commit(remember_request_id, "never")
            transaction.set_rollback(True)
        assert django_rq.get_queue("default").count == 0

    def test_a_failed_job_is_tried_again_later_and_then_kept_for_operators(self):
        with transaction.atomic():
            jobs.enqueue_on_commit(explode, queue="low")
        queue = django_rq.get_queue("low")
        run_jobs("low")
        for _ in range(2):
            (job_id,) = queue.scheduled_job_registry.get_job_ids()
            queue.scheduled_job_registry.remove(job_id)
            queue.enqueue_job(queue.fetch_job(job_id))
            run_jobs("low")
        assert queue.failed_job_registry.count == 1

    def test_without_redis_the_work_itself_goes_through(self, monkeypatch):
        def away(*_, **__):
            raise redis.RedisError

        monkeypatch.setattr(django_rq, "get_queue", away)
        with transaction.atomic():
            jobs.enqueue_on_commit(remember_request_id, "a sweep finds it")
