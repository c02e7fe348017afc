"""The rows of outgoing mail: written here in the caller's transaction, sent by `common.mail.delivery` after it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.validators import validate_email

from common.jobs import enqueue_on_commit
from common.mail.kinds import KINDS
from common.models import OutgoingMail

QUEUE = "mail"


@dataclass(frozen=True)
class SealedLink:
    """A link whose secret is made when the mail is sent: `PUBLIC_URL + path + "?key=" + seal(purpose, row_id)`."""

    path: str
    purpose: str
    row_id: uuid.UUID

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError("a path begins with /")


def send(
    kind: str,
    *,
    to: str,
    context: Mapping[str, Any] | None = None,
    link: SealedLink | str | None = None,
    locale: str = "en",
    timezone: str = "UTC",
    user_id: uuid.UUID | None = None,
) -> OutgoingMail:
    """Writes a mail in the caller's transaction; it leaves after the commit, or never if that is rolled back.

    `context` holds exactly what `common.mail.kinds` asks for, as JSON without secrets; times are ISO strings. A plain
    `link` is stored as it is, so it must hold no secret either. Raises ValueError where the kind, its context or its
    link is not right, ValidationError for what is no address.
    """
    context = dict(context or {})
    _check(kind, context, link)
    validate_email(to)
    mail = OutgoingMail.objects.create(
        to=to,
        user_id=user_id,
        kind=kind,
        locale=locale,
        timezone=timezone,
        context=context,
        link=_stored(link),
    )
    nudge(mail.pk)
    return mail


def send_again(mail: OutgoingMail) -> OutgoingMail:
    """A new mail like one that was not sent. Its id is its own, so that no server takes it for a repeat of that one."""
    copied = ("to", "user_id", "kind", "locale", "timezone", "context", "link")
    copy = OutgoingMail.objects.create(**{name: getattr(mail, name) for name in copied})
    nudge(copy.pk)
    return copy


def nudge(mail_id: uuid.UUID) -> None:
    """Has a worker send it, after the present transaction."""
    from common.mail import tasks  # the job calls back into this package

    enqueue_on_commit(tasks.deliver, mail_id, queue=QUEUE)


def _check(kind: str, context: Mapping[str, Any], link: SealedLink | str | None) -> None:
    if kind not in KINDS:
        raise ValueError(f"there is no mail of kind {kind}")
    if wrong := context.keys() ^ KINDS[kind].context.keys():
        raise ValueError(f"the context of {kind} lacks or must not have: {', '.join(sorted(wrong))}")
    if (link is not None) != KINDS[kind].has_link:
        raise ValueError(f"{kind} {'needs' if KINDS[kind].has_link else 'has no'} link")
    if isinstance(link, str) and not link.startswith(("https://", "http://")):
        raise ValueError("a link begins with https:// or http://")


def _stored(link: SealedLink | str | None) -> dict[str, str] | None:
    if isinstance(link, SealedLink):
        return {"path": link.path, "purpose": link.purpose, "row_id": str(link.row_id)}
    return {"url": link} if link else None
