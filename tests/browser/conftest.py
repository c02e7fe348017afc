"""A real site, a real browser, and people who use both.

One site serves the whole folder: the processes of `make run`, with the demo characters. Its default voice is the local
one; a conversation that `talk` starts speaks through the stand-in, as the test scripts it. Every page a test opens is
watched: an error on its console, an exception, a refusal of the policy or a request to another site fails the test.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.live import LiveSite
from tests.standins.identity_server import Identity
from tests.standins.openai_server import OpenAIServer
from tests.tables import begin_anew

SCRIPTED, DEMO = "custom/default", "local/local"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 30_000

expect.set_options(timeout=PATIENCE_MS)


def chromium_path() -> str:
    """Debian's Chromium; a test without it is skipped, but in CI it fails."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("These tests need Debian's chromium (apt-get install chromium).")
    return str(path)


@pytest.fixture(scope="package")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The demo characters in an otherwise empty database.

    It has the name of pytest-django's fixture, which tells that plugin to make the test database; but that one empties
    the tables after every test, and here the world stays until the folder is done.
    """
    chromium_path()  # without a browser there is no need of a world
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop in this thread, on which Django would refuse to ask the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        from characters.demo import load_demo_characters
        from generation.models import AIModel

        _begin_anew()
        AIModel.objects.filter(provider="local").update(is_default=True)
        load_demo_characters()
        yield
        _begin_anew()


def _begin_anew() -> None:
    from common import redis

    begin_anew()
    redis.client().flushdb()


@pytest.fixture(autouse=True)
def _clean_slate() -> None:
    """Nothing is swept away between these tests; each brings people of its own."""


@pytest.fixture(scope="package")
def _standin() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=("stand-in",)) as server:
        yield server


@pytest.fixture
def provider(_standin: OpenAIServer) -> Iterator[OpenAIServer]:
    """The text provider of conversations that `talk` starts; each test scripts its own replies.

    A reply still owed when a test ends would be served from what the next one scripts, so that is waited for.
    """
    yield _standin
    _standin.forget_scripts()
    assert _standin.wait_until(lambda _: not _replies_owed(), seconds=30)


def _replies_owed() -> bool:
    from chat.models import IN_PROGRESS, Variant

    return Variant.objects.filter(status__in=IN_PROGRESS).exists()


@pytest.fixture(scope="package")
def _elsewhere() -> Iterator[Identity]:
    with Identity() as server:
        yield server


@pytest.fixture
def identity(_elsewhere: Identity) -> Iterator[Identity]:
    """Every other site one may sign in by; the people a test invents there are gone after it."""
    before = dict(_elsewhere.people)
    yield _elsewhere
    _elsewhere.forget()
    _elsewhere.people = before


@pytest.fixture(scope="package")
def site(transactional_db: None, _standin: OpenAIServer, _elsewhere: Identity) -> Iterator[LiveSite]:
    speaking = {"TEXT_BASE_URL": _standin.base_url, "TEXT_API_KEY": _standin.api_key, "TEXT_MODEL": "stand-in"}
    with LiveSite(RATE_LIMIT_FACTOR="1000", **speaking, **_elsewhere.environment()) as site:
        yield site


@pytest.fixture(scope="package")
def chromium(site: LiveSite) -> Iterator[Browser]:
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        yield browser
        browser.close()


# --- windows ----------------------------------------------------------------------------------------------------------


class Watch:
    """What went wrong in the windows of a test. `forgive("status of 404")` says what it means to cause."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.forgiven: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", self._request)

    def forgive(self, *parts: str) -> None:
        self.forgiven += parts

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.complaints.append(f"asked another site: {request.url}")

    @property
    def unforgiven(self) -> list[str]:
        return [what for what in self.complaints if not any(part in what for part in self.forgiven)]


@pytest.fixture
def watch(site: LiveSite) -> Watch:
    return Watch(site)


Open = Callable[..., Page]


@pytest.fixture
def window(chromium: Browser, site: LiveSite, watch: Watch) -> Iterator[Open]:
    """`window()` opens a browser of its own, signed out; `window(mira)` one in which Mira is signed in."""
    contexts: list[BrowserContext] = []

    def open_window(person: "Member | None" = None, **options: Any) -> Page:
        options = {"base_url": site.url, "viewport": DESK, "color_scheme": "dark", "reduced_motion": "reduce"} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", watch.follow)
        contexts.append(context)
        if person:
            context.add_cookies([{"name": "session", "value": person.cookie(), "url": options["base_url"]}])
        return context.new_page()

    yield open_window
    for context in contexts:
        context.close()
    assert watch.unforgiven == []


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    user: Any
    organization_id: uuid.UUID

    def cookie(self) -> str:
        """Signs in once more; the session's key."""
        from django.test import Client

        client = Client()
        client.force_login(self.user)
        return client.cookies["session"].value

    def has(self, *, free_messages: int, balance: int = 20) -> None:
        """Sets what is left of the gift of a new account, which is 20 credits."""
        from billing import services
        from billing.models import Wallet

        Wallet.objects.filter(organization_id=self.organization_id).update(free_messages=free_messages)
        if balance != 20:
            key = f"test:{self.organization_id}"
            services.adjust_credits(
                organization_id=self.organization_id, amount=balance - 20, bucket="bonus", key=key, description="A test"
            )


@pytest.fixture
def join(transactional_db: None) -> Callable[..., Member]:
    """`join()`: a new person, whom no other test knows."""

    def join(**fields: Any) -> Member:
        from accounts.models import User

        name = f"p{uuid.uuid4().hex[:12]}"
        user = User.objects.create_user(f"{name}@troupe.example", None, **{"username": name} | fields)
        return Member(user, user.memberships.get(personal=True).organization_id)

    return join


@pytest.fixture
def mira(join: Callable[..., Member]) -> Member:
    """Whoever a test is about."""
    return join(display_name="Mira")


@pytest.fixture
def staff(join: Callable[..., Member]) -> Member:
    return join(role="admin")


@pytest.fixture
def odile(transactional_db: None, join: Callable[..., Member]) -> Any:
    """A public character of somebody's, with a short greeting."""
    from django.utils import timezone

    from characters.models import Character

    return Character.objects.create(
        creator=join().user,
        name="Odile",
        description="A lamplighter who knows every street by its sound.",
        greeting="You are late, {{user}}.",
        age=44,
        gender="female",
        visibility="public",
        published_at=timezone.now(),
    )


@pytest.fixture
def talk(odile: Any) -> Callable[..., str]:
    """`talk(mira)`: the address of a new conversation with Odile, whose replies come from the stand-in."""

    def start(person: Member, model: str = SCRIPTED) -> str:
        from chat import services
        from chat.models import Conversation

        conversation = services.start_conversation(
            user_id=person.user.pk, organization_id=person.organization_id, character_id=odile.pk
        )
        Conversation.objects.filter(pk=conversation.pk).update(model=model)
        return f"/chats/{conversation.pk}"

    return start
