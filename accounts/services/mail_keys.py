"""Links that are sent by mail: made, looked at, and used once.

The row is there before the mail and holds no secret; the link is its id with our signature (`common.keys`).
"""

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import MailKey, User
from common import mail
from common.errors import Gone, ValidationProblem
from common.keys import unseal

Kind = MailKey.Kind
PURPOSE = "mail_key"
LIFETIMES = {
    Kind.CONFIRM: timedelta(days=3),
    Kind.CHANGE_EMAIL: timedelta(days=1),
    Kind.OAUTH: timedelta(hours=1),
    Kind.RESET: timedelta(hours=1),
    Kind.MAGIC_LINK: timedelta(minutes=15),
}
TIMED = (Kind.MAGIC_LINK, Kind.RESET)  # whose mail says how long the link lives
CALLBACK_PATH, RESET_PATH = "/auth/callback", "/reset-password"
KEPT_AFTER_EXPIRY = timedelta(days=7)


@transaction.atomic
def send(
    kind: Kind, *, email: str, user: User | None, context: dict[str, Any], data: dict[str, Any] | None = None
) -> MailKey:
    """Makes a key of this kind and mails its link to `email`, in the person's language."""
    lifetime = LIFETIMES[kind]
    if kind in TIMED:
        context = context | {"minutes": int(lifetime.total_seconds() // 60)}
    key = MailKey.objects.create(
        kind=kind, user=user, email=email, data=data or {}, expires_at=timezone.now() + lifetime
    )
    mail.send(
        "oauth_confirm" if kind == Kind.OAUTH else str(kind.value),
        to=email,
        context=context,
        link=mail.SealedLink(path=RESET_PATH if kind == Kind.RESET else CALLBACK_PATH, purpose=PURPOSE, row_id=key.pk),
        locale=user.locale if user else "en",
        timezone=user.timezone if user else "UTC",
        user_id=user.pk if user else None,
    )
    return key


def look(text: str) -> MailKey:
    """The key behind a link, without using it. Raises ValidationProblem (`errors.key`), or Gone: used, or too old."""
    row_id = unseal(PURPOSE, text)
    key = MailKey.objects.select_related("user").filter(pk=row_id).first() if row_id else None
    if key is None:
        raise ValidationProblem(errors={"key": ["This link is not complete, or not one of ours."]})
    if key.used_at:
        raise Gone("This link was used already. Please ask for a new one.")
    if key.expires_at <= timezone.now():
        raise Gone("This link is too old. Please ask for a new one.")
    return key


@transaction.atomic
def use(key: MailKey) -> None:
    """Marks it as used, of several at once for one only. Raises Gone for the others."""
    now = timezone.now()
    if not MailKey.objects.filter(pk=key.pk, used_at=None, expires_at__gt=now).update(used_at=now):
        raise Gone("This link was used already. Please ask for a new one.")


def withdraw(user_id: uuid.UUID, *kinds: Kind) -> None:
    """Links of these kinds (of all, where none is named) that are still open stop working."""
    MailKey.objects.filter(user_id=user_id, kind__in=kinds or Kind, used_at=None).update(used_at=timezone.now())


def forget_old() -> int:
    """Deletes keys that ended a week ago; returns how many. For the scheduler, once a day."""
    return MailKey.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER_EXPIRY).delete()[0]
