"""Health for balancers and people, queue states for operators, metrics for Prometheus."""

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django_rq
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from common import metrics, redis
from common.api import TroupeView
from common.errors import Forbidden, NotFound, Unavailable, problem_response
from common.rendering import Response, to_json

STARTED = time.monotonic()
SLOW_CHECK_MS = 1000
PAUSED_KEY = "queue-paused:"
STAFF_ROLES = {"moderator", "support", "finance", "admin"}

# What a site can live without but its operators should see (`generation/` adds its text providers).
degradations: list[Callable[[], str | None]] = []


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def check_redis() -> None:
    redis.client().ping()


CHECKS: dict[str, Callable[[], None]] = {"database": check_database, "redis": check_redis}


def run_check(name: str) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        CHECKS[name]()
        status = "ok"
    except Exception:  # noqa: BLE001 - whatever it is, the check has failed
        status = "fail"
    latency = round((time.perf_counter() - started) * 1000, 1)
    return {"status": "degraded" if status == "ok" and latency > SLOW_CHECK_MS else status, "latency_ms": latency}


def checks_to_run() -> list[str]:
    return ["redis"] if settings.SKIP_DATABASE_HEALTHCHECK else list(CHECKS)


def _json(body: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(
        to_json(body), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def health(request: HttpRequest) -> HttpResponse:
    """`{"ok": true, "db": "ok", "redis": "ok"}`; 503 when one of them is not."""
    states = {name: run_check(name)["status"] for name in checks_to_run()}
    ok = "fail" not in states.values()
    body: dict[str, Any] = {"ok": ok}
    if "database" in states:
        body["db"] = states["database"]
    return _json(body | {"redis": states["redis"]}, 200 if ok else 503)


def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return _json({"status": "ok", "uptime": round(time.monotonic() - STARTED, 1), "timestamp": _now()})


def ready(request: HttpRequest) -> HttpResponse:
    """Whether this process can do its work, and what it does without."""
    checks = {name: run_check(name) for name in checks_to_run()}
    missing = [reason for check in degradations if (reason := check())]
    states = [check["status"] for check in checks.values()]
    status = "fail" if "fail" in states else "degraded" if "degraded" in states or missing else "ok"
    body = {
        "status": status,
        "version": settings.VERSION,
        "environment": settings.ENVIRONMENT,
        "uptime": round(time.monotonic() - STARTED, 1),
        "timestamp": _now(),
        "checks": checks,
        "degraded": missing,
    }
    return _json(body, 503 if status == "fail" else 200)


def is_operator(request: HttpRequest | Request) -> bool:
    """`Authorization: Bearer <OPERATIONS_TOKEN>`, compared in constant time."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    return bool(settings.OPERATIONS_TOKEN) and hmac.compare_digest(given, settings.OPERATIONS_TOKEN.encode())


def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text. Without an operations token set, only development shows it."""
    if not is_operator(request) and (settings.OPERATIONS_TOKEN or settings.IN_PRODUCTION):
        return problem_response(NotFound())
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


def queue_state(name: str) -> dict[str, Any]:
    queue = django_rq.get_queue(name)
    return {
        "name": name,
        "waiting": queue.count,
        "active": queue.started_job_registry.count,
        "completed": queue.finished_job_registry.count,
        "failed": queue.failed_job_registry.count,
        "delayed": queue.scheduled_job_registry.count + queue.deferred_job_registry.count,
        "paused": int(bool(redis.client().exists(PAUSED_KEY + name))),
    }


class QueueOutput(serializers.Serializer):
    name = serializers.CharField()
    waiting = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    delayed = serializers.IntegerField()
    paused = serializers.IntegerField()


class QueuesOutput(serializers.Serializer):
    queues = QueueOutput(many=True)
    timestamp = serializers.DateTimeField()


class QueuesView(TroupeView):
    """Staff, or `Authorization: Bearer <OPERATIONS_TOKEN>`."""

    preset = "expensive"

    @extend_schema(operation_id="queues_list", responses=QueuesOutput)
    def get(self, request: Request) -> Response:
        try:
            queues = [queue_state(name) for name in settings.RQ_QUEUE_NAMES]
        except redis.RedisError as error:
            raise Unavailable from error
        return Response({"queues": queues, "timestamp": _now()})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if is_operator(request):
            return
        super().initial(request, *args, **kwargs)
        if request.user.role not in STAFF_ROLES:  # type: ignore[union-attr]
            raise Forbidden


urlpatterns = [
    path("health", health, name="health"),
    path("health/live", live, name="health_live"),
    path("health/ready", ready, name="health_ready"),
    path("metrics", metrics_page, name="metrics"),
    path("api/health/queues", QueuesView.as_view()),
]
