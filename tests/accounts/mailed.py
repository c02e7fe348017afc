"""What a person finds in their mail: the newest link of a kind, and what they were told."""

from typing import Any

from django.test import Client

from accounts import tasks
from accounts.models import MailKey
from accounts.services.mail_keys import PURPOSE
from common.keys import seal
from common.models import OutgoingMail

MAGIC, RESET = "magic_link", "reset_password"


def newest_key(kind: str) -> str:
    """The key in the newest link of this kind that was mailed to anybody."""
    return seal(PURPOSE, MailKey.objects.filter(kind=kind).latest("id").pk)


def mail_link(kind: str, email: str) -> str:
    """Does what the job does after somebody asked for a link; its key."""
    tasks.mail_link(kind, email)
    return newest_key(kind)


def mails(kind: str | None = None, **fields: Any) -> int:
    """How many were written."""
    return OutgoingMail.objects.filter(**({"kind": kind} if kind else {}), **fields).count()


def follow(key: str, **body: Any) -> Any:
    """What a program does with a link."""
    return Client().post("/api/auth/callback", {"key": key, **body}, content_type="application/json")
