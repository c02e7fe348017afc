"""Webhooks: whose it is, stored once, answered at once; a job works it off."""

import uuid
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from billing import providers
from billing.models import WebhookEvent
from billing.providers.base import About, Forged, Incoming, Notice, ProviderError
from billing.services.following import follow
from common import audit
from common.errors import Conflict, NotFound, Problem, Unavailable, ValidationProblem
from common.jobs import enqueue_on_commit
from common.metrics import webhooks_total

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)  # longer than asking a provider takes
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
TRIES = 12  # over half a day
OLD = timedelta(minutes=15)
KEPT = timedelta(days=30)
Status = WebhookEvent.Status


def receive_webhook(provider_name: str, incoming: Incoming) -> None:
    """Keeps a notification and has it worked off; a repeat changes nothing.

    Raises ValidationProblem for one that is not the provider's (nothing is kept), NotFound, Unavailable.
    """
    if provider_name not in providers.names():
        raise NotFound
    try:
        notice = providers.get(provider_name).verify(incoming)
    except Forged as error:
        webhooks_total.labels(provider_name, "forged").inc()
        raise ValidationProblem("This notification is not signed as it should be.") from error
    except ProviderError as error:  # where asking the provider back is the check, and it does not answer
        raise Unavailable("Please send it again later.", code="PROVIDER_UNAVAILABLE") from error
    is_new = _store(provider_name, notice, incoming)
    webhooks_total.labels(provider_name, "taken" if is_new else "repeated").inc()


@transaction.atomic
def _store(provider_name: str, notice: Notice, incoming: Incoming) -> bool:
    body = incoming.body or b"&".join(f"{name}={value}".encode() for name, value in incoming.query.items())
    event = WebhookEvent(
        provider=provider_name,
        event_id=notice.event_id,
        kind=notice.kind[:120],
        about=[[about.what, about.id] for about in notice.about],
        body=body.decode(errors="replace").replace("\x00", ""),
    )
    WebhookEvent.objects.bulk_create([event], ignore_conflicts=True)
    known = WebhookEvent.objects.filter(provider=provider_name, event_id=notice.event_id)
    if known.exclude(pk=event.pk).update(repeats=F("repeats") + 1):
        return False
    enqueue_on_commit(process_event, event.pk, queue="webhooks")
    return True


def process_event(event_id: uuid.UUID) -> bool:
    """Works one off; True where it is done. Safe to run twice and at once: a lease keeps others away meanwhile."""
    event = _claim(event_id)
    if event is None:
        return False
    try:
        for what, about_id in event.about:
            follow(event.provider, About(what, about_id))
    except (ProviderError, Problem) as error:
        _postpone(
            event, str(error) or type(error).__name__, permanent=isinstance(error, ProviderError) and error.permanent
        )
        return False
    except Exception as error:
        _postpone(event, f"{type(error).__name__}: {error}")
        raise
    now = timezone.now()
    WebhookEvent.objects.filter(pk=event.pk).update(
        status=Status.DONE, processed_at=now, next_try_at=None, error="", updated_at=now
    )
    if event.provider == "stripe" and event.body:
        _mirror(event)
    return True


def _mirror(event: WebhookEvent) -> None:
    """Stripe's own objects, for the console. What fails here has moved no money, and a replay tries it again."""
    try:
        from billing.stripe_sync import sync  # a large library, which no process needs at its start

        sync(event.body)
    except Exception:
        log.exception("stripe event not mirrored", event_id=str(event.pk), kind=event.kind)


def _claim(event_id: uuid.UUID) -> WebhookEvent | None:
    now = timezone.now()
    waiting = WebhookEvent.objects.filter(pk=event_id, status=Status.WAITING).exclude(next_try_at__gt=now)
    if not waiting.update(attempts=F("attempts") + 1, next_try_at=now + LEASE, updated_at=now):
        return None
    return WebhookEvent.objects.get(pk=event_id)


def _postpone(event: WebhookEvent, error: str, *, permanent: bool = False) -> None:
    gives_up = permanent or event.attempts >= TRIES
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(event.attempts - 1, 12))
    if gives_up:
        log.error("webhook event given up", provider=event.provider, event_id=str(event.pk), kind=event.kind)
    WebhookEvent.objects.filter(pk=event.pk).update(
        status=Status.FAILED if gives_up else Status.WAITING,
        error=error[:4000].replace("\x00", ""),
        next_try_at=None if gives_up else timezone.now() + wait,
        updated_at=timezone.now(),
    )


def work_off() -> int:
    """Takes what is due, whose nudge was lost or whose worker died, and says aloud what has waited too long."""
    now = timezone.now()
    waiting = WebhookEvent.objects.filter(status=Status.WAITING)
    old = waiting.filter(created_at__lt=now - OLD).count()
    if old:
        log.error("webhook events wait", count=old, minutes=OLD.total_seconds() // 60)
    due = waiting.exclude(next_try_at__gt=now).filter(created_at__lt=now - timedelta(seconds=5))
    return sum(_process(pk) for pk in due.order_by("created_at").values_list("pk", flat=True)[:200])


def _process(event_id: uuid.UUID) -> bool:
    try:
        return process_event(event_id)
    except Exception:
        log.exception("webhook event failed", event_id=str(event_id))
        return False


@transaction.atomic
def replay_event(*, event_id: uuid.UUID, actor: User, reason: str) -> WebhookEvent:
    """Has it worked off again, whatever became of it before. Raises NotFound, Conflict while somebody is at it."""
    event = WebhookEvent.objects.select_for_update().filter(pk=event_id).first()
    if event is None:
        raise NotFound
    if event.status == Status.WAITING and event.next_try_at and event.attempts and event.next_try_at > timezone.now():
        raise Conflict("It is being worked on, or waits for its next try.")
    event.status, event.attempts, event.next_try_at = Status.WAITING, 0, None
    event.save()
    audit.record(actor=actor, action="webhook.replay", target=event, reason=reason, data={"kind": event.kind})
    enqueue_on_commit(process_event, event.pk, queue="webhooks")
    return event


def forget_bodies() -> int:
    """Drops the bodies of what was done 30 days ago, as they have people's names and addresses; what an event was about
    stays, so it can still be replayed. For the scheduler, once a day; returns how many."""
    from billing.stripe_sync import forget_old_events

    before = timezone.now() - KEPT
    forget_old_events(before)
    done = WebhookEvent.objects.filter(status=Status.DONE, created_at__lt=before).exclude(body="")
    return done.update(body="", updated_at=timezone.now())
