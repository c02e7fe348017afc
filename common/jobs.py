"""RQ jobs: queued after commit, carrying the request id; functions take ids and are safe to run twice."""

from collections.abc import Callable
from typing import Any

import django_rq
import structlog
from django.conf import settings
from django.db import transaction
from rq import Retry
from rq.job import Job

from common import redis
from common.context import current_request_id, work_context
from common.metrics import jobs_total

log = structlog.get_logger(__name__)


class TracedJob(Job):
    """A job that logs under the id of the request that asked for it, and is counted."""

    def perform(self) -> Any:
        with work_context(self.meta.get("request_id", ""), job_id=self.id, function=self.func_name):
            try:
                result = super().perform()
            except Exception:
                jobs_total.labels(self.func_name, "failed").inc()
                raise
            jobs_total.labels(self.func_name, "succeeded").inc()
            return result


def enqueue_on_commit(function: Callable[..., Any], *args: Any, queue: str = "default") -> None:
    """Queues `function(*args)` once the present transaction is committed.

    This is the nudge, never the record: what must not be lost is a row that a sweep finds, so a Redis that is away
    is logged and not raised.
    """
    meta = {"request_id": current_request_id()}
    transaction.on_commit(lambda: _enqueue(function, args, queue, meta))


def _enqueue(function: Callable[..., Any], args: tuple[Any, ...], queue: str, meta: dict[str, str]) -> None:
    try:
        django_rq.get_queue(queue).enqueue(
            function,
            *args,
            meta=meta,
            retry=Retry(max=settings.JOB_RETRIES, interval=settings.JOB_RETRY_SECONDS),
            result_ttl=settings.JOB_RESULT_SECONDS,
            failure_ttl=settings.JOB_FAILURE_SECONDS,
        )
    except redis.RedisError:
        log.warning("job not queued, a sweep will find its row", function=function.__qualname__)
