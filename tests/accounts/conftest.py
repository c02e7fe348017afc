"""People of these tests, and the doors they use."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import services
from accounts.models import User
from common import redis
from tests.accounts.company import make_company
from tests.standins.identity_server import Identity

PASSWORD = "curtain-call-at-nine"
numbers = itertools.count(1)


class Api:
    """A program that calls us: JSON in, JSON out, perhaps with a token."""

    def __init__(self, token: str | None = None, **headers: str) -> None:
        self.client = Client()
        self.headers = headers | ({"Authorization": f"Bearer {token}"} if token else {})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.client.post(
            f"/api/auth/{path}", data, content_type="application/json", headers=self.headers | headers
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/auth/{path}", headers=self.headers | headers)


@dataclass
class SignedInPerson:
    user: User
    token: str
    refresh: str

    @property
    def api(self) -> Api:
        return Api(self.token)


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def make_user(db):
    """A person without a password: no time is spent on a hash where nobody types one."""

    def make(password: str | None = None, **fields: Any) -> User:
        email = fields.pop("email", f"person{next(numbers)}@example.org")
        return User.objects.create_user(email, password, **fields)

    return make


@pytest.fixture
def sign_in(make_user):
    """`sign_in()` or `sign_in(user)`: a session of a person, by tokens."""

    def sign_in(user: User | None = None, **fields: Any) -> SignedInPerson:
        signed_in = services.start_token_session(user=user or make_user(**fields), device=services.Device())
        return SignedInPerson(signed_in.user, signed_in.access, signed_in.refresh)

    return sign_in


@pytest.fixture
def person(sign_in):
    return sign_in()


def problem(response: Any) -> tuple[int, str]:
    """Status and code of an error, having checked that it is the contract's document."""
    body = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert body["status"] == response.status_code
    return body["status"], body["code"]


@pytest.fixture
def redis_away(monkeypatch):
    """As if Redis were being restarted: every call is refused."""
    nowhere = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(redis, "client", lambda: nowhere)


@pytest.fixture(scope="session")
def _identity_server():
    with Identity() as server:
        yield server


@pytest.fixture
def identity(_identity_server, settings):
    """Every site one may sign in by, spoken by one server; see `tests/standins/identity_server.py`."""
    _identity_server.forget()
    settings.SIGN_IN_PROVIDERS = _identity_server.providers()
    settings.RATE_LIMIT_FACTOR = 1000
    return _identity_server


@pytest.fixture
def program(identity):
    from tests.accounts.elsewhere import Program  # it speaks through the Api above

    return Program(Api(), identity)


@pytest.fixture
def company(join, owner, stranger):
    """A team of three, and a stranger: `company.owner`, `.admin`, `.member`, `.stranger`; `company.team` is its row."""
    return make_company(join, owner, stranger)
