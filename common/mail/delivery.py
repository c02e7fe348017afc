"""Sending a mail that is written: one worker at a time, three tries, and the truth in the row.

A crash between the provider's answer and our commit can send a second copy: see docs/mail.md.
"""

import uuid
from datetime import timedelta
from email.utils import parseaddr

import django_rq
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.timezone import now

from common.mail import following, suppression
from common.mail.outbox import QUEUE, nudge
from common.mail.refusals import Refusal, refusal_of
from common.mail.rendering import render
from common.metrics import mails_total
from common.models import MailEvent, OutgoingMail

log = structlog.get_logger(__name__)
Status = OutgoingMail.Status

TRIES = 3
WAITS = (timedelta(seconds=30), timedelta(minutes=5))  # after the first try, after the second
LEASE = timedelta(seconds=settings.MAIL_SECONDS + 30)  # longer than a job can take
OVERDUE = timedelta(seconds=15)  # by then a nudge that was not lost has been heard
GIVEN_UP_AFTER = timedelta(days=1)  # where a provider only ever asks us to wait
KEPT = timedelta(days=30)
SWEPT_AT_ONCE = 500
BUSY_QUEUE = 100


def deliver(mail_id: uuid.UUID) -> None:
    """Sends one mail if it is due and nobody else is at it. Writes down how it went and raises nothing of it."""
    mail = claim(mail_id)
    if mail is None:
        return
    if suppression.is_suppressed(mail.to):
        _ended(mail, Status.SUPPRESSED, "suppressed")
        return
    try:
        message_id = _hand_over(compose(mail))
    except Exception as error:  # noqa: BLE001 - whatever it is, the row tells it and a try follows or none
        _refused(mail, refusal_of(error))
    else:
        _ended(mail, Status.SENT, "sent", sent_at=Now(), provider_message_id=message_id, last_error="")
        following.catch_up(mail.pk, message_id)


def claim(mail_id: uuid.UUID) -> OutgoingMail | None:
    """Makes the mail this worker's for a while. None where it is sent, not due, or somebody else's."""
    due = Q(status=Status.QUEUED, next_try_at__lte=Now())
    left = Q(status=Status.SENDING, lease_until__lt=Now(), attempts__lt=TRIES)
    claimed = OutgoingMail.objects.filter(due | left, pk=mail_id).update(
        status=Status.SENDING, lease_until=Now() + LEASE, attempts=F("attempts") + 1, updated_at=Now()
    )
    return OutgoingMail.objects.get(pk=mail_id) if claimed else None


def compose(mail: OutgoingMail) -> EmailMultiAlternatives:
    """The message, the same one on each try but for its date. Raises what `render` raises."""
    rendered = render(mail)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    message = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        to=[mail.to],
        headers={
            "Message-ID": f"<{mail.pk}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "X-Entity-Ref-ID": str(mail.pk),  # keeps mails of one kind from being folded into one thread
        },
    )
    message.attach_alternative(rendered.html, "text/html")
    message.metadata = {"mail": str(mail.pk)}  # type: ignore[attr-defined]  # anymail's; its events bring it back
    return message


def _hand_over(message: EmailMultiAlternatives) -> str:
    """Gives it to the mail server; the provider's id for it, or ""."""
    get_connection().send_messages([message])
    status = getattr(message, "anymail_status", None)
    return (status and status.message_id) or ""


def _refused(mail: OutgoingMail, refusal: Refusal) -> None:
    if refusal.only_wait and mail.created_at > now() - GIVEN_UP_AFTER:
        # it asked us to slow down, which says nothing of the mail: no try is used up
        _again(mail, refusal, refusal.wait or WAITS[0], attempts=mail.attempts - 1)
    elif refusal.final or refusal.only_wait or mail.attempts >= TRIES:
        log.error("a mail can't be sent", mail=str(mail.pk), kind=mail.kind, error=refusal.name)
        _ended(mail, Status.FAILED, "failed", last_error=refusal.text)
    else:
        _again(mail, refusal, max(refusal.wait or WAITS[0], WAITS[mail.attempts - 1]), attempts=mail.attempts)


def _again(mail: OutgoingMail, refusal: Refusal, wait: timedelta, *, attempts: int) -> None:
    log.warning("a mail can't be sent now", mail=str(mail.pk), kind=mail.kind, error=refusal.name)
    _ended(mail, Status.QUEUED, "retried", next_try_at=Now() + wait, attempts=attempts, last_error=refusal.text)


def _ended(mail: OutgoingMail, status: OutgoingMail.Status, outcome: str, **changes: object) -> None:
    """Writes down how a try went, unless the lease ran out and another worker has taken it over."""
    ours = OutgoingMail.objects.filter(pk=mail.pk, status=Status.SENDING, attempts=mail.attempts)
    changes |= {"status": status, "lease_until": None, "updated_at": Now()}
    if ours.update(**changes):
        mails_total.labels(mail.kind, outcome).inc()
    else:
        log.warning("a mail was taken over by another worker", mail=str(mail.pk), kind=mail.kind)


# --- sweeps -----------------------------------------------------------------------------------------------------------


def sweep() -> int:
    """Has mails sent whose nudge was lost, whose next try has come or whose worker died; returns how many."""
    _bury()
    if django_rq.get_queue(QUEUE).count > BUSY_QUEUE:
        return 0  # most of what is due waits in the queue already
    due = Q(status=Status.QUEUED, next_try_at__lte=Now() - OVERDUE)
    left = Q(status=Status.SENDING, lease_until__lt=Now())
    found = list(
        OutgoingMail.objects.filter(due | left).order_by("created_at").values_list("pk", flat=True)[:SWEPT_AT_ONCE]
    )
    for mail_id in found:
        nudge(mail_id)
    return len(found)


def _bury() -> None:
    """Ends mails that took a worker with them at every try."""
    dead = OutgoingMail.objects.filter(status=Status.SENDING, lease_until__lt=Now(), attempts__gte=TRIES)
    for mail in dead[:SWEPT_AT_ONCE]:
        log.error("a mail can't be sent", mail=str(mail.pk), kind=mail.kind, error="its workers died")
        _ended(mail, Status.FAILED, "failed", last_error="Each worker that tried to send it died.")


def forget() -> int:
    """Deletes mails, and what was told of them, after 30 days."""
    old = Now() - KEPT
    MailEvent.objects.filter(created_at__lt=old).delete()
    return OutgoingMail.objects.filter(created_at__lt=old).delete()[0]
