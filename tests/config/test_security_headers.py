"""The headers that keep a browser from being talked into something, and who may call from another site."""

import json

import pytest
from django.test import Client

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"
MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
ASK = """
import django, json
django.setup()
from django.test import Client
answer = Client(headers={"host": "troupe.example"}).get("/health/live", secure=True)
print(json.dumps(dict(answer.headers)))
"""


@pytest.fixture
def cors(settings):
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    return Client()


@pytest.mark.parametrize("address", ["/", "/sign-in", "/nothing-here", "/health/live", "/api/characters", "/api/docs"])
def test_every_answer_is_closed_to_other_sites(db, address):
    headers = Client().get(address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/", "/sign-in", "/admin/login/"])
def test_pages_also_say_so_to_browsers_that_know_only_the_old_header(db, address):
    assert Client().get(address).headers["X-Frame-Options"] == "DENY"


def test_hsts_is_for_production_alone(db, run, production):
    assert "Strict-Transport-Security" not in Client().get("/sign-in", secure=True).headers
    done = run(production | {"DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", ASK)
    headers = json.loads(done.stdout.splitlines()[-1])
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_other_sites_are_thought_of_where_one_is_configured(settings, run, production):
    assert MIDDLEWARE not in settings.MIDDLEWARE
    configured = production | {"DJANGO_SETTINGS_MODULE": "config.settings", "CORS_ORIGINS": FRIEND}
    done = run(configured, "-c", "from django.conf import settings; print(settings.MIDDLEWARE)")
    assert MIDDLEWARE in done.stdout


def test_a_configured_origin_may_call_the_api_with_credentials(db, cors):
    headers = cors.get("/api/characters", headers={"origin": FRIEND}).headers
    assert headers["Access-Control-Allow-Origin"] == FRIEND
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-Request-ID" in headers["Access-Control-Expose-Headers"]
    assert "origin" in headers["Vary"]


@pytest.mark.parametrize("origin", [STRANGER, "null", f"{FRIEND}.stranger.example", "http://friend.example"])
def test_no_other_origin_may(db, cors, origin):
    for method in (cors.get, cors.options):
        headers = method("/api/characters", headers={"origin": origin, "access-control-request-method": "POST"}).headers
        assert "Access-Control-Allow-Origin" not in headers


def test_a_preflight_is_answered_and_remembered(db, cors):
    asked = {
        "origin": FRIEND,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,idempotency-key",
    }
    answer = cors.options("/api/characters", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert {"authorization", "idempotency-key"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))


def test_pages_are_for_no_origin_at_all(db, cors):
    for address in ("/", "/sign-in", "/admin/login/"):
        assert "Access-Control-Allow-Origin" not in cors.get(address, headers={"origin": FRIEND}).headers


def test_without_configuration_there_is_no_other_origin(db):
    assert "Access-Control-Allow-Origin" not in Client().get("/api/characters", headers={"origin": FRIEND}).headers
