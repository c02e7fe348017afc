"""The drill: somebody has copied a refresh token, and both use it. Everything of that session ends within a second."""

import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client

from accounts import services
from accounts.models import AuthSession
from accounts.tokens import read_access
from tests.live import LiveSite, Wire

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[LiveSite]:
    with LiveSite(responders=0) as site:
        yield site


def sign_in_twice(person):
    """A session with a cookie as well as tokens, and another one of the same person."""
    browser = Client()
    browser.force_login(person.user)
    key = browser.session.session_key
    stolen = services.hand_out_tokens(session_id=uuid.UUID(browser.session["auth_session"]), session_key=key)
    other = services.start_token_session(user=person.user, device=services.Device())
    return key, stolen, other


@pytest.mark.parametrize(
    ("door", "field"),
    [("/api/auth/refresh", "refresh"), ("/api/auth/headless/app/v1/tokens/refresh", "refresh_token")],
)
async def test_a_refresh_token_used_twice_ends_its_session_everywhere_within_a_second(site, owner, door, field):
    key, stolen, other = await sync_to_async(sign_in_twice)(owner)
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={key}"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as http:
        victim = (await http.post("/api/auth/refresh", json={"refresh": stolen.refresh})).json()
        access = [stolen.access, victim["access"]]
        async with (
            Wire(site, victim["access"]) as by_token,
            Wire(site, additional_headers=cookie | {"Origin": site.url}) as by_cookie,
            Wire(site, other.access) as elsewhere,
        ):
            for wire in (by_token, by_cookie, elsewhere):
                assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["ok"]
            began = time.monotonic()
            second = await http.post(door, json={field: stolen.refresh})
            assert second.status_code in {400, 401}
            assert await by_token.until_closed(seconds=1) == 4001
            assert await by_cookie.until_closed(seconds=1) == 4001
            for token in access:
                answer = await http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 401
            assert (await http.get("/api/auth/me", headers=cookie)).status_code == 401
            assert time.monotonic() - began < 1
            late = await http.post("/api/auth/refresh", json={"refresh": victim["refresh"]})
            assert late.json()["code"] == "TOKEN_REUSED"
            assert (await elsewhere.ask("ping"))["ok"]
            me = await http.get("/api/auth/me", headers={"Authorization": f"Bearer {other.access}"})
            assert me.status_code == 200
            async with Wire(site, victim["access"]) as again:
                assert await again.until_closed() == 4001
    session_id = read_access(stolen.access).session_id
    ended = await sync_to_async(AuthSession.objects.get)(pk=session_id)
    assert ended.end_reason == "reuse"
