"""What hostile callers need: the owner's things to reach for, and a proof that nothing was changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from django.utils import timezone

from common.context import WELL_FORMED
from tests.hostile.crowd import Log, until_all_is_said
from tests.live import LiveSite
from tests.people import Person
from tests.standins.openai_server import OpenAIServer
from tests.tables import contents

# Codes of the contract's section 1, by status.
CODES = {
    400: {"VALIDATION_ERROR"},
    401: {"UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_REUSED", "MFA_REQUIRED"},
    402: {"NO_CREDITS"},
    403: {"FORBIDDEN", "TRIAL_LIMIT", "BUDGET_EXCEEDED", "EMAIL_UNCONFIRMED", "BANNED", "MUTED", "BLOCKED"},
    404: {"NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    406: {"NOT_ACCEPTABLE"},
    409: {"CONFLICT"},
    410: {"GONE"},
    413: {"PAYLOAD_TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    422: {"UNPROCESSABLE_ENTITY", "CONTENT_REJECTED"},
    429: {"RATE_LIMIT_EXCEEDED"},
    502: {"PROVIDER_ERROR"},
    503: {"PROVIDER_UNAVAILABLE", "NOT_READY"},
}
SHOWN = 40
ALSO = {402: {"remaining_credits", "required_credits"}, 429: {"retry_after", "bucket", "current_count", "max_allowed"}}


def check_problem(response: Any, context: object = "") -> str:
    """The answer is a problem document as the contract writes it, and not our fault; returns its code."""
    status = response.status_code
    assert status in CODES, f"{status} {context}"
    assert response.headers["Content-Type"] == "application/problem+json", f"{status} {context}"
    body = orjson.loads(response.get_data() if hasattr(response, "get_data") else response.content)
    assert {"type", "title", "status", "detail", "code", "request_id"} | ALSO.get(status, set()) <= body.keys()
    assert body["status"] == status
    assert body["code"] in CODES[status], f"{body} {context}"
    assert WELL_FORMED.fullmatch(body["request_id"])
    assert response.headers["X-Request-ID"] == body["request_id"]
    for field, messages in body.get("errors", {}).items():
        assert isinstance(field, str)
        assert messages
        assert all(isinstance(message, str) for message in messages)
    return body["code"]


@contextmanager
def unchanged(context: object = "") -> Iterator[None]:
    """Nothing in the database is different afterwards."""
    before = contents()
    yield
    after = contents()
    changed = {name: f"{before.get(name)} → {after.get(name)}" for name, _ in before.items() ^ after.items()}
    assert not changed, f"{context}: {changed}"


class Caller:
    """Sends what no well-meaning program sends. An error on our side is an answer here, not an exception."""

    def __init__(self, person: Person | None = None) -> None:
        self.client = Client(raise_request_exception=False, headers=person.headers if person else {})

    def send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json", **headers: str
    ) -> Any:
        return self.client.generic(method.upper(), path, body, content_type=content_type, headers=headers)


# a picture of one pixel, as text
PICTURE = {
    "purpose": "other",
    "base64_data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
}


@pytest.fixture
def caller() -> Callable[..., Caller]:
    """`caller(owner).send("post", path, b"…")`."""
    return Caller


class Trying:
    """`with trying("what"):` goes on after a failure, undone by a savepoint; all failures are told at the end."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    @contextmanager
    def __call__(self, what: object) -> Iterator[None]:
        try:
            with transaction.atomic():
                yield
        except (Exception, BaseExceptionGroup) as error:
            self.failures.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")


@pytest.fixture
def trying() -> Iterator[Trying]:
    trying = Trying()
    yield trying
    shown = "\n".join(trying.failures[:SHOWN])
    assert not trying.failures, f"{len(trying.failures)} failures\n{shown}"


@pytest.fixture
def unlimited(settings: Any) -> None:
    """Rate limits out of the way; they have tests of their own."""
    settings.RATE_LIMIT_FACTOR = 1e6


def mailed(kind: str, person: Person) -> str:
    """The key of a link to this person."""
    from accounts.models import MailKey
    from accounts.services import mail_keys
    from common.keys import seal

    key = mail_keys.send(MailKey.Kind(kind), email=person.user.email, user=person.user, context={})
    return seal(mail_keys.PURPOSE, key.pk)


@pytest.fixture
def things(owner: Person, character: Any, write_reply: Callable[..., bool]) -> dict[str, Any]:
    """Everything of the owner's that has an id, none of it public, by the name of its field in the API."""
    from allauth.socialaccount.models import SocialAccount

    from accounts import services as accounts
    from accounts.selectors.connections import public_id
    from accounts.services.api_keys import create_api_key
    from billing.models import Payment
    from billing.services.budgets import create_budget
    from characters.services import create_persona, put_lorebook, remember
    from chat import services
    from media.models import Asset, StoredContent
    from media.services import intake, uploads
    from notifications.services import notify

    persona = create_persona(user_id=owner.id, fields={"name": "The lodger", "description": "Keeps odd hours."})
    memory = remember(user_id=owner.id, character_id=character.pk, text="She is afraid of geese.")
    put_lorebook(character_id=character.pk, user=owner.user, document={"entries": [{"keys": ["geese"]}]})
    conversation = services.start_conversation(
        user_id=owner.id, organization_id=owner.organization_id, character_id=character.pk, persona_id=persona.pk
    ).pk
    sent = services.send_message(conversation_id=conversation, user_id=owner.id, text="It rains again, doesn't it?")
    assert sent.reply is not None
    write_reply(sent.reply)
    team = accounts.create_team(user_id=owner.id, name="The Company")
    invitation = accounts.invite(
        organization_id=team.pk, actor_id=owner.id, email="odile@troupe.example", role="member"
    )
    notification = notify(user_id=owner.id, kind="organization_invited", title="Come in", body="We have Odile.")
    assert notification is not None
    accounts.add_favourite(user_id=owner.id, target_type="character", target_id=character.pk)
    kept_out = type(owner.user).objects.create_user("kept.out@troupe.example", username="kept-out")
    accounts.block(user_id=owner.id, blocked_id=kept_out.pk)
    connection = SocialAccount.objects.create(user=owner.user, provider="google", uid="Odile")
    type(character).objects.filter(pk=character.pk).update(visibility="private")
    key = create_api_key(organization_id=owner.organization_id, user_id=owner.id, name="The company's laptop")
    budget = create_budget(
        organization_id=owner.organization_id, scope="organization", period="month", limit="10", actor=owner.user
    )
    payment = Payment.objects.create(
        organization_id=owner.organization_id,
        user=owner.user,
        provider="sandbox",
        type="one_time",
        status="paid",
        intent_id="intent-of-the-owner",
        description="Starter pack",
        amount=499,
        currency="USD",
        paid_at=timezone.now(),
    )
    wanted = intake.use(owner_id=owner.id, organization_id=owner.organization_id, visibility="private")
    content = StoredContent.objects.create(owner=owner.user, organization_id=owner.organization_id, family="image")
    asset = Asset.objects.create(
        owner=owner.user,
        organization_id=owner.organization_id,
        content=content,
        key=wanted.key,
        purpose=wanted.purpose,
        visibility=wanted.visibility,
    )
    other = intake.use(owner_id=owner.id, organization_id=owner.organization_id, visibility="private")
    coming = uploads.begin(wanted=other, filename="rain.png", content_type="image/png", size=70).upload
    return {
        "asset": asset.pk,
        "upload": coming.pk,
        "character": character.pk,
        "persona": persona.pk,
        "memory": memory.pk,
        "conversation": conversation,
        "message": sent.message["id"],
        "reply_to": sent.message["id"],
        "written": sent.reply["id"],
        "notification": notification.pk,
        "session": owner.user.auth_sessions.latest("id").pk,
        "key": key.row.pk,
        "budget": budget.pk,
        "payment": payment.pk,
        "intent": payment.intent_id,
        "bodies": {
            "/api/auth/callback": {"key": mailed("magic_link", owner)},
            "/api/auth/reset-password": {"key": mailed("reset_password", owner)},
            "/api/budgets": {"scope": "organization", "member": None, "api_key": None, "period": "day"},
            "/api/users/me": {"avatar": None},
            "/api/payments/create-checkout": {
                "type": "one_time",
                "package_id": "starter",
                "plan_id": "",
                "event_id": None,
                "billing_period": "",
                **dict.fromkeys(["provider", "currency", "success_url", "cancel_url"], ""),
            },
            "/api/payments/portal": {"return_url": ""},
            "/api/upload/base64": PICTURE,
            "/api/upload/migrate-base64-batch": {"purpose": "other", "items": [PICTURE]},
            "/api/upload/presigned": {"purpose": "other", "content_type": "image/png", "size": 70},
            "/api/payments/test/create-manual-subscription": {"plan": "premium"},
            "/api/wallet/top-up": {
                "enabled": False,
                "threshold": "10",
                "low_balance_at": "5",
                "package_id": "starter",
                "provider": "",
                "monthly_cap": None,
            },
            "/api/users/me/favourites": {"type": "character"},
        },
        "organization": owner.organization_id,
        "member": owner.user.memberships.get(organization=team).pk,
        "invitation": invitation.pk,
        "purpose": "nonsense",  # of one's own consents; there are three
        "user": kept_out.pk,
        "target": character.pk,
        "target_type": "character",
        "username": "nobody-here",  # profiles are public
        "provider": "google",  # off here
        "connection": public_id(connection),
        "token": "nonsense",  # whoever has a link may look at its invitation
    }


@pytest.fixture
def application(db: None) -> Iterator[Any]:
    """The WSGI application itself, in the test's transaction: it must not end the connection after a request."""
    from config.wsgi import application

    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield application
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture(scope="package")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=("stand-in",)) as server:
        yield server


@pytest.fixture(scope="package")
def site(django_db_setup: None, provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """One server and one responder for all tests that leave them alive."""
    log = tmp_path_factory.mktemp("site") / "log"
    speaking = {"TEXT_BASE_URL": provider.base_url, "TEXT_API_KEY": "test-key", "TEXT_MODEL": "stand-in"}
    with LiveSite(**speaking, RATE_LIMIT_FACTOR="1000000", LOG_FILE_PATH=str(log), TRUSTED_PROXIES="127.0.0.1") as site:
        yield site


@pytest.fixture
def log(site: LiveSite, transactional_db: None) -> Iterator[Log]:
    """The site's log of this test; it must hold no error of ours. No reply outlives the test and its rows."""
    log = Log(Path(site.environment["LOG_FILE_PATH"]))
    yield log
    until_all_is_said()
    assert not log.errors(), log.text[-5_000:]
