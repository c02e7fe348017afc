"""What the sandbox tells the shop: rows first, then signed by Standard Webhooks and posted, again until it is taken."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from standardwebhooks import Webhook, WebhookVerificationError

from billing.models import SandboxDelivery
from billing.providers.base import Forged
from billing.sandbox import is_open
from common.jobs import enqueue_on_commit

log = structlog.get_logger(__name__)

TRIES = 10  # over about three hours
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
LEASE = timedelta(seconds=60)  # longer than a delivery takes
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
LARGEST = 100_000
BATCH = 100
Status = SandboxDelivery.Status


def signer(secret_key: str) -> Webhook:
    """Signs with a key of its own: what is derived from SECRET_KEY tells nothing of it."""
    return Webhook(salted_hmac("billing.sandbox.webhooks", "signing", secret=secret_key, algorithm="sha256").digest())


def headers_of(delivery: SandboxDelivery, secret_key: str, at: datetime) -> dict[str, str]:
    """Standard Webhooks: an id that is the same at every try, the time of this one, and `v1,<base64 HMAC-SHA256>`."""
    message_id = str(delivery.pk)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signer(secret_key).sign(message_id, at, delivery.body),
    }


def verified(body: bytes, headers: Mapping[str, str], secret_key: str) -> tuple[str, dict]:
    """The event's id and its content. Raises Forged."""
    if len(body) > LARGEST:
        raise Forged("too large")
    try:
        content = signer(secret_key).verify(body, dict(headers))
    except (WebhookVerificationError, ValueError) as error:  # the library lets malformed base64 and UTF-8 through
        raise Forged("not signed by the sandbox") from error
    return headers["webhook-id"], content


def announce(kind: str, what: str, about_id: uuid.UUID) -> None:
    """Tells the shop, once the present transaction is committed."""
    body = json.dumps(
        {"type": kind, "timestamp": timezone.now().isoformat(), "data": {"object": what, "id": str(about_id)}}
    )
    delivery = SandboxDelivery.objects.create(kind=kind, body=body, next_try_at=timezone.now())
    enqueue_on_commit(deliver, delivery.pk, queue="webhooks")


def deliver(delivery_id: uuid.UUID) -> bool:
    """Posts one, if it is due and nobody else is at it; True where the shop has taken it."""
    delivery = _claim(delivery_id)
    if delivery is None:
        return False
    error = _post(delivery)
    ours = SandboxDelivery.objects.filter(pk=delivery_id, attempts=delivery.attempts)
    if error:
        gives_up = delivery.attempts >= TRIES
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (delivery.attempts - 1))
        ours.exclude(status=Status.DELIVERED).update(
            status=Status.FAILED if gives_up else Status.WAITING,
            error=error[:300],
            next_try_at=timezone.now() + wait,
            updated_at=timezone.now(),
        )
        log.warning("sandbox webhook not taken", kind=delivery.kind, attempt=delivery.attempts, error=error)
        return False
    now = timezone.now()
    SandboxDelivery.objects.filter(pk=delivery_id).update(
        status=Status.DELIVERED, delivered_at=now, error="", updated_at=now
    )
    return True


def sweep() -> int:
    """Delivers what is due, whose nudge was lost or whose worker died; returns how many the shop took."""
    if not is_open():
        return 0
    due = SandboxDelivery.objects.filter(status=Status.WAITING, next_try_at__lte=timezone.now())
    return sum(deliver(pk) for pk in due.order_by("id").values_list("pk", flat=True)[:BATCH])


def _claim(delivery_id: uuid.UUID) -> SandboxDelivery | None:
    now = timezone.now()
    due = SandboxDelivery.objects.filter(pk=delivery_id, status=Status.WAITING, next_try_at__lte=now)
    if not is_open() or not due.update(attempts=F("attempts") + 1, next_try_at=now + LEASE, updated_at=now):
        return None
    return SandboxDelivery.objects.get(pk=delivery_id)


def _post(delivery: SandboxDelivery) -> str:
    """What went wrong, or an empty string."""
    block = settings.PAYMENT_PROVIDERS["sandbox"]
    try:
        response = httpx.post(
            f"{block['BASE_URL'].rstrip('/')}/webhooks/sandbox",
            content=delivery.body.encode(),
            headers=headers_of(delivery, block["SECRET_KEY"], timezone.now()),
            timeout=TIMEOUT,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if response.is_success else f"answered {response.status_code}"
