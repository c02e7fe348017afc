"""Health for balancers, queues and metrics for operators."""

import pytest
import redis

pytestmark = pytest.mark.django_db


def test_health_names_database_and_redis(api):
    assert api().get("/health").json() == {"ok": True, "db": "ok", "redis": "ok"}


def test_the_database_can_be_left_out(api, settings):
    settings.SKIP_DATABASE_HEALTHCHECK = True
    assert api().get("/health").json() == {"ok": True, "redis": "ok"}


def test_live_asks_nothing(api, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert api().get("/health/live").json()["status"] == "ok"


def test_ready_says_what_each_check_took(api):
    body = api().get("/health/ready").json()
    assert body["status"] == "ok"
    assert {"version", "environment", "uptime", "timestamp"} <= body.keys()
    assert body["checks"]["database"]["latency_ms"] >= 0


def test_a_failing_check_is_503(api, monkeypatch):
    from common import health

    def away():
        raise ConnectionError

    monkeypatch.setitem(health.CHECKS, "redis", away)
    response = api().get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "fail")
    assert api().get("/health").status_code == 503
    assert api().get("/health/live").status_code == 200


def test_a_site_without_a_voice_is_degraded_not_down(api, settings):
    settings.TEXT_PROVIDERS = {}
    response = api().get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")


def test_queues_are_for_staff_and_operators(api, owner, staff, settings, problem):
    settings.OPERATIONS_TOKEN = "operations-token-of-this-test"
    assert problem(api().get("/api/health/queues")) == (401, "UNAUTHENTICATED")
    assert problem(api(owner).get("/api/health/queues")) == (403, "FORBIDDEN")
    as_operator = api().get("/api/health/queues", Authorization="Bearer operations-token-of-this-test")
    names = [queue["name"] for queue in as_operator.json()["queues"]]
    assert names == ["high", "default", "low", "media", "webhooks", "mail", "events"]


def test_without_redis_the_queues_are_not_ready_rather_than_broken(api, settings, problem, monkeypatch):
    def away(*_args, **_options):
        raise redis.RedisError("away")

    settings.OPERATIONS_TOKEN = "let me look"
    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", away)
    assert problem(api().get("/api/health/queues", Authorization="Bearer let me look")) == (503, "NOT_READY")


def test_metrics_need_the_operations_token_where_one_is_set(api, settings, problem):
    settings.OPERATIONS_TOKEN = "operations-token-of-this-test"
    assert problem(api().get("/metrics")) == (404, "NOT_FOUND")
    text = api().get("/metrics", Authorization="Bearer operations-token-of-this-test").content.decode()
    for name in ("http_requests_total", "http_request_duration_seconds", "jobs_total", "provider_requests_total"):
        assert f"# TYPE {name.removesuffix('_total')}" in text or f"# TYPE {name}" in text


def test_metrics_count_requests_by_route_not_by_address(api, owner, conversation, settings):
    api(owner).get(f"/api/conversations/{conversation}")
    text = api().get("/metrics").content.decode()
    assert 'route="api/conversations/<uuid:conversation_id>"' in text
    assert str(conversation) not in text
