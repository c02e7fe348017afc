"""What a provider tells of a mail after it took it: delivered, put off, bounced, called spam.

An event is a row under the provider's own id, so a repeat changes nothing; a mail shows the gravest of its events, so
their order doesn't matter, nor whether one comes before our own note that the mail was sent.
"""

import uuid
from typing import Any

import structlog
from anymail.signals import AnymailTrackingEvent
from django.db import transaction

from common.mail import suppression
from common.models import MailEvent, MailSuppression, OutgoingMail

log = structlog.get_logger(__name__)
Delivery = OutgoingMail.Delivery

GRAVITY = [Delivery.UNKNOWN, Delivery.DEFERRED, Delivery.DELIVERED, Delivery.BOUNCED, Delivery.COMPLAINED]
TOLD = {delivery.value for delivery in GRAVITY if delivery}
TEXT_LENGTH = 1000


def is_told(event: AnymailTrackingEvent) -> bool:
    """Whether an event of this kind is kept. Opened, clicked and whatever else there is are none of ours."""
    return event.event_type in TOLD


@transaction.atomic
def record(event: AnymailTrackingEvent) -> None:
    """Takes in one event that has an id and a message's id."""
    mail = _mail_of(event)
    message_id, detail = _storable(event.message_id, 200), _storable(event.description or "", TEXT_LENGTH)
    _, is_new = MailEvent.objects.get_or_create(
        event_id=_storable(event.event_id, 200),
        defaults={
            "kind": event.event_type,
            "mail": mail,
            "provider_message_id": message_id,
            "description": detail,
            "occurred_at": event.timestamp,
        },
    )
    if not is_new:
        return
    if mail:
        _show(mail, event.event_type)
    address = mail.to if mail else event.recipient
    if address and (reason := _reason_to_stop(event)):
        suppression.suppress(address, reason=reason, detail=detail)
        log.warning("an address gets no mail any more", reason=reason, mail=str(mail.pk) if mail else None)


def catch_up(mail_id: uuid.UUID, provider_message_id: str) -> None:
    """Shows in a mail what was told of it before we had written down the provider's id."""
    early = MailEvent.objects.filter(provider_message_id=provider_message_id, mail=None)
    if not provider_message_id or not (kinds := list(early.values_list("kind", flat=True))):
        return
    mail = OutgoingMail.objects.get(pk=mail_id)
    early.update(mail=mail)
    for kind in kinds:
        _show(mail, kind)


def _show(mail: OutgoingMail, kind: str) -> None:
    milder = GRAVITY[: GRAVITY.index(Delivery(kind))]
    OutgoingMail.objects.filter(pk=mail.pk, delivery__in=milder).update(delivery=kind)


def _mail_of(event: AnymailTrackingEvent) -> OutgoingMail | None:
    """By our own id, which travels with the mail and is known before the provider's."""
    ours = _as_uuid(event.metadata.get("mail") if isinstance(event.metadata, dict) else None)
    if ours and (mail := OutgoingMail.objects.filter(pk=ours).first()):
        return mail
    return OutgoingMail.objects.filter(provider_message_id=_storable(event.message_id, 200)).first()


def _reason_to_stop(event: AnymailTrackingEvent) -> MailSuppression.Reason | None:
    if event.event_type == Delivery.COMPLAINED:
        return MailSuppression.Reason.COMPLAINED
    if event.event_type == Delivery.BOUNCED and _is_permanent(event.esp_event):
        return MailSuppression.Reason.BOUNCED
    return None


def _is_permanent(told: Any) -> bool:
    """A full mailbox (`Transient`) may take the next mail."""
    return str((told["data"].get("bounce") or {}).get("type", "")).lower() == "permanent"


def _storable(text: str, length: int) -> str:
    """Without what PostgreSQL refuses: NUL, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:length]


def _as_uuid(value: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None
