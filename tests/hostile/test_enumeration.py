"""Who tries addresses and passwords learns nothing but their own limits, and changes nothing but counters."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common import redis
from tests.hashers import QuickArgon2
from tests.hostile.conftest import unchanged
from tests.people import PASSWORD, Person

pytestmark = pytest.mark.django_db

KNOWN, UNKNOWN = "olivia@troupe.example", "nobody@troupe.example"
COUNTED = ("X-RateLimit-Remaining", "X-RateLimit-Reset")  # the same for both, but each call counts


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a password was hashed, to keep it or to compare it: both take the same time."""
    done: Counter[str] = Counter()
    for name in ("encode", "verify", "harden_runtime"):
        monkeypatch.setattr(QuickArgon2, name, counted(getattr(QuickArgon2, name), done))
    return done


def counted(method: Callable[..., Any], done: Counter[str]) -> Callable[..., Any]:
    def count(*args: Any, **options: Any) -> Any:
        done["hashes"] += 1
        return method(*args, **options)

    return count


def post(path: str, body: Any, **headers: str) -> Any:
    return Client(headers={"X-Request-ID": "the-same-for-all-of-them", **headers}).post(
        path, json.dumps(body), content_type="application/json"
    )


def told(response: Any) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name not in COUNTED}
    return response.status_code, response.content, headers


def without_password(email: str) -> User:
    return User.objects.create_user(email, None)


LOGINS = ["/api/auth/login", "/api/auth/headless/app/v1/auth/login"]


@pytest.mark.parametrize("path", LOGINS)
def test_the_answer_to_a_wrong_password_is_that_to_an_unknown_address_byte_for_byte(owner: Person, path: str) -> None:
    without_password("nopassword@troupe.example")
    answers = [
        told(post(path, {"email": email, "password": "a wrong one 7291"}))
        for email in (KNOWN, UNKNOWN, "nopassword@troupe.example")
    ]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("path", LOGINS)
def test_as_many_hashes_and_queries_are_done_for_an_unknown_address(
    owner: Person, hashes: Counter[str], path: str
) -> None:
    without_password("nopassword@troupe.example")
    work = []
    for email in (KNOWN, UNKNOWN, "nopassword@troupe.example"):
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            post(path, {"email": email, "password": "a wrong one 7291"})
        work.append((hashes["hashes"], len(queries)))
    assert work[0] == work[1] == work[2]
    assert work[0][0] == 1


def test_the_page_tells_no_more_than_the_api(owner: Person, hashes: Counter[str]) -> None:
    pages = []
    for email in (KNOWN, UNKNOWN):
        hashes.clear()
        page = Client().post("/sign-in", {"email": email, "password": "a wrong one 7291"})
        errors = page.context["form"].errors.as_json()
        pages.append((page.status_code, errors, page.content.count(b"<"), hashes["hashes"]))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("path", ["/api/auth/forgot-password", "/api/auth/magic-link"])
def test_asking_for_a_link_tells_and_costs_the_same(owner: Person, hashes: Counter[str], path: str) -> None:
    answers = []
    for email in (KNOWN, UNKNOWN):
        with CaptureQueriesContext(connection) as queries:
            answers.append((told(post(path, {"email": email})), len(queries), hashes["hashes"]))
    assert answers[0] == answers[1]
    assert answers[0][0][0] == 202


@pytest.mark.parametrize("path", ["/forgot-password", "/sign-in/link"])
def test_the_pages_that_send_links_tell_the_same(owner: Person, path: str) -> None:
    def shown(email: str) -> tuple[int, str]:
        page = Client().post(path, {"email": email})
        return page.status_code, page.content.decode().replace(email, "…")

    known, unknown = shown(KNOWN), shown(UNKNOWN)
    assert known == unknown
    assert known[0] == 200


# --- ten thousand tries -----------------------------------------------------------------------------------------------


@pytest.fixture
def limits_on(settings: Any) -> None:
    settings.RATE_LIMIT_FACTOR = 1
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    redis.client().flushdb()


def tries(path: str, emails: Iterator[str], addresses: Iterator[str]) -> Callable[[], int]:
    """Each call is a try, through all of the site but the test client, which takes longer than the site itself."""
    handler = BaseHandler()
    handler.load_middleware()
    requests = RequestFactory()

    def one() -> int:
        body = json.dumps({"email": next(emails), "password": f"guess {next(numbers)}"})
        headers = {"X-Forwarded-For": next(addresses)}
        return handler.get_response(
            requests.generic("POST", path, body, "application/json", headers=headers)
        ).status_code

    numbers = itertools.count()
    return one


@pytest.mark.usefixtures("limits_on")
def test_ten_thousand_tries_at_an_account_change_nothing_but_counters(owner: Person, hashes: Counter[str]) -> None:
    one = tries("/api/auth/login", itertools.repeat(KNOWN), itertools.repeat("192.0.2.1"))
    with unchanged():
        assert Counter(one() for _ in range(10)) <= Counter({401: 10, 429: 10})  # three a second are taken
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            assert Counter(one() for _ in range(9_990)) == {429: 9_990}
        assert len(queries) == 0
    assert hashes["hashes"] == 0
    left = list(redis.client().scan_iter())
    assert all(key.lower().startswith(b"limit") for key in left), left
    assert len(left) < 10
    assert owner.user.check_password(PASSWORD)


@pytest.mark.usefixtures("limits_on")
@pytest.mark.parametrize("path", LOGINS)
def test_tries_at_an_account_from_everywhere_are_stopped_by_its_own_limit(owner: Person, path: str) -> None:
    everywhere = (f"198.51.{number // 250}.{number % 250}" for number in itertools.count())
    one = tries(path, itertools.repeat(KNOWN), everywhere)
    assert [one() for _ in range(10)].count(429) == 0
    with unchanged(), CaptureQueriesContext(connection) as queries:
        assert Counter(one() for _ in range(500)) == {429: 500}
    assert len(queries) == 0


@pytest.mark.usefixtures("limits_on")
@pytest.mark.parametrize("path", LOGINS)
def test_tries_at_many_accounts_from_one_address_are_stopped_by_that_addresss_limit(path: str) -> None:
    one = tries(path, (f"somebody{n}@troupe.example" for n in itertools.count()), itertools.repeat("192.0.2.1"))
    for _ in range(10):
        one()
    with unchanged(), CaptureQueriesContext(connection) as queries:
        assert Counter(one() for _ in range(500)) == {429: 500}
    assert len(queries) == 0


@pytest.mark.usefixtures("limits_on")
@pytest.mark.parametrize("path", ["/api/auth/forgot-password", "/api/auth/magic-link"])
def test_nobody_is_flooded_with_links(owner: Person, path: str) -> None:
    import django_rq

    everywhere = (f"198.51.{number // 250}.{number % 250}" for number in itertools.count())
    answers = Counter(
        post(path, {"email": KNOWN}, **{"X-Forwarded-For": address}).status_code
        for address in itertools.islice(everywhere, 200)
    )
    assert answers == {202: 10, 429: 190}
    assert django_rq.get_queue("mail").count <= 10
