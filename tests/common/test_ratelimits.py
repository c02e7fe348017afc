"""Rate limits: presets by person or address, writes in a row, bans, and what goes on without Redis."""

import contextlib

import pytest

from common.errors import RateLimited, Unavailable
from common.ratelimits import Gate

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def strict(settings):
    settings.RATE_LIMIT_FACTOR = 1


def test_every_answer_says_what_is_left(api, owner):
    first, second = api(owner).get("/api/wallet"), api(owner).get("/api/wallet")
    assert first.headers["X-RateLimit-Limit"] == "100"
    assert int(first.headers["X-RateLimit-Remaining"]) == int(second.headers["X-RateLimit-Remaining"]) + 1
    assert int(first.headers["X-RateLimit-Reset"]) > 1_700_000_000


def test_the_hundred_and_first_call_of_a_minute_is_refused(api, owner, problem):
    for _ in range(100):
        Gate(who=str(owner.id), preset="api").enter()
    response = api(owner).get("/api/wallet")
    assert problem(response) == (429, "RATE_LIMIT_EXCEEDED")
    body = response.json()
    assert (body["bucket"], body["max_allowed"], body["current_count"]) == ("api", 100, 101)
    assert int(response.headers["Retry-After"]) == body["retry_after"] <= 60


def test_one_persons_hurry_is_not_anothers(api, owner, stranger):
    for _ in range(101):
        with contextlib.suppress(RateLimited):
            Gate(who=str(owner.id), preset="api").enter()
    assert api(stranger).get("/api/wallet").status_code == 200


def test_public_reading_has_its_own_wider_limit(api):
    assert api().get("/api/characters").headers["X-RateLimit-Limit"] == "300"


def test_writes_are_held_to_three_a_second(api, owner, conversation, problem):
    answers = [api(owner).post(f"/api/conversations/{conversation}/read", {"seq": 1}) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert problem(refused[0]) == (429, "RATE_LIMIT_EXCEEDED")


def test_a_moving_window_forgets_the_oldest_first():
    for _ in range(5):
        Gate(who="", windows=[("chat:dm:send:burst", "someone")]).enter()
    with pytest.raises(RateLimited) as refusal:
        Gate(who="", windows=[("chat:dm:send:burst", "someone")]).enter()
    assert refusal.value.extra["bucket"] == "chat:dm:send"
    Gate(who="", windows=[("chat:dm:send:burst", "someone else")]).enter()


def test_five_refusals_ban_the_address_in_production_only(settings):
    settings.RATE_LIMIT_BANS = True
    for _ in range(10):
        Gate(who="10.1.1.1", preset="auth").enter()
    for _ in range(5):
        with pytest.raises(RateLimited):
            Gate(who="10.1.1.1", preset="auth").enter()
    with pytest.raises(RateLimited) as banned:
        Gate(who="10.1.1.1", preset="auth").enter()
    assert banned.value.extra["retry_after"] == 15 * 60


def test_limits_work_on_after_redis_forgot_its_scripts():
    from common import redis

    Gate(who="a", preset="api").enter()
    redis.client().script_flush()
    gate = Gate(who="a", preset="api")
    gate.enter()
    assert gate.headers["X-RateLimit-Limit"] == "100"


@pytest.fixture
def no_redis(settings):
    from common import redis

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    yield
    settings.REDIS_URL = settings.CACHES["default"]["LOCATION"]
    redis.client.cache_clear()


def test_without_redis_reading_goes_on_uncounted_and_signing_in_does_not(no_redis):
    Gate(who="a", preset="api").enter()
    Gate(who="a", preset="read").enter()
    with pytest.raises(Unavailable):
        Gate(who="a", preset="auth").enter()
    with pytest.raises(Unavailable):
        Gate(who="a", preset="api", needs_redis=True).enter()


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "address"),
    [
        ([], "1.2.3.4", "9.9.9.9", "1.2.3.4"),
        (["1.2.3.4"], "1.2.3.4", "9.9.9.9", "9.9.9.9"),
        (["1.2.3.0/24"], "1.2.3.4", "9.9.9.9, 1.2.3.5", "9.9.9.9"),
        (["1.2.3.4"], "1.2.3.4", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        (["1.2.3.4"], "1.2.3.4", "", "1.2.3.4"),
    ],
)
def test_the_address_is_the_last_hop_that_is_not_ours(rf, settings, trusted, remote, forwarded, address):
    from common.middleware import client_address

    settings.TRUSTED_PROXIES = trusted
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(rf.get("/", REMOTE_ADDR=remote, **headers)) == address
