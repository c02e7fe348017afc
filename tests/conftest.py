"""What every test may use: a clean Redis, the cast, and clients that speak the real protocols."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from tests.people import PASSWORD, Person

pytest_plugins = ["tests.parallel", "tests.stage", "tests.tables"]


@pytest.fixture(autouse=True, scope="session")
def _quick_hashes() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["tests.hashers.QuickArgon2"]):
        yield


USES_DATABASE = {"db", "transactional_db", "join", "owner", "staff"}


@pytest.fixture(scope="session", autouse=True)
def _static_files_as_they_are_asked_for() -> None:
    """Otherwise every test client reads the names of all of them before its first request."""
    from django.conf import settings

    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _clean_slate(request: pytest.FixtureRequest) -> None:
    """An empty Redis for every test that uses the database."""
    if not (USES_DATABASE & set(request.fixturenames) or request.node.get_closest_marker("django_db")):
        return
    request.getfixturevalue("_django_db_helper")
    from common import redis

    redis.client().flushdb()


@pytest.fixture
def join(db: None) -> Callable[..., Person]:
    """`join("mira")`: signs somebody up through the real service."""
    from accounts import services

    def sign_up(name: str, **fields: Any) -> Person:
        signed = services.sign_up(email=f"{name}@troupe.example", password=PASSWORD, username=name, **fields)
        user = signed.user
        organization_id = user.memberships.get(personal=True).organization_id
        return Person(user, organization_id, signed.access, signed.refresh)

    return sign_up


@pytest.fixture
def owner(join: Callable[..., Person]) -> Person:
    """Whose things a test is about."""
    return join("olivia")


@pytest.fixture
def teammate(join: Callable[..., Person]) -> Person:
    """Shares an organisation with the owner where a test says so."""
    return join("tobias")


@pytest.fixture
def stranger(join: Callable[..., Person]) -> Person:
    """Signed in, and none of anybody's business."""
    return join("stella")


@pytest.fixture
def staff(join: Callable[..., Person]) -> Person:
    """An administrator, whose token says so."""
    from accounts import services

    person = join("stefan")
    type(person.user).objects.filter(pk=person.id).update(role="admin", is_superuser=True)
    person.user.refresh_from_db()
    signed = services.start_token_session(user=person.user, device=services.Device())
    return Person(person.user, person.organization_id, signed.access, signed.refresh)


class Api:
    """A caller of the REST API: JSON in, JSON out, as `person` or as nobody."""

    def __init__(self, person: Person | None = None) -> None:
        from django.test import Client

        self.client = Client(headers=person.headers if person else {})

    def _send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        options: dict[str, Any] = {"headers": headers} if headers else {}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return getattr(self.client, method)(path, **options)

    def get(self, path: str, **headers: str) -> Any:
        return self._send("get", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, {} if body is None else body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("put", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("patch", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self._send("delete", path, None, **headers)


@pytest.fixture
def api() -> Callable[..., Api]:
    """`api(owner).get("/api/wallet")`; `api()` is nobody."""
    return Api


@pytest.fixture
def problem() -> Callable[[Any], tuple[int, str]]:
    """Status and code of a problem document; fails if the answer is none."""

    def read(response: Any) -> tuple[int, str]:
        assert response.headers["Content-Type"] == "application/problem+json", response.content
        body = response.json()
        assert body["status"] == response.status_code
        assert {"type", "title", "detail", "code", "request_id"} <= body.keys()
        return response.status_code, body["code"]

    return read
