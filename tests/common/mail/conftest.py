"""Mails to send, of every kind, and clocks to move."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from common import mail
from common.mail.kinds import KINDS, Form

EXAMPLES: dict[Form, Any] = {
    Form.TEXT: "Mira Vale",
    Form.FLAG: True,
    Form.WORD: "google",
    Form.TIME: "2026-11-20T12:05:00Z",
    Form.DATE: "2026-12-20T12:05:00Z",
    Form.SIZE: 3_400_000,
    Form.MINUTES: 15,
    Form.DAYS: 7,
}
ROW = uuid.UUID(int=7)
SEALED = mail.SealedLink(path="/auth/callback", purpose="magic_link", row_id=ROW)


def example(kind: str, **changes: Any) -> dict[str, Any]:
    """What `mail.send` takes for this kind, but for the address."""
    context = {name: EXAMPLES[form] for name, form in KINDS[kind].context.items()}
    return {"context": context | changes, "link": SEALED if KINDS[kind].has_link else None}


@pytest.fixture
def write(db: None) -> Callable[..., Any]:
    """`write("magic_link", locale="de")`: a mail as somebody sends it."""

    def write(kind: str = "account_restored", *, to: str = "mira@troupe.example", **options: Any) -> Any:
        wanted = example(kind, **options.pop("context", {}))
        return mail.send(kind, to=to, **(wanted | options))

    return write


def make_due(row: Any) -> None:
    """Its next try has come."""
    type(row).objects.filter(pk=row.pk).update(next_try_at=now() - timedelta(minutes=1))


def end_lease(row: Any) -> None:
    """Its worker has said nothing for long enough."""
    type(row).objects.filter(pk=row.pk).update(lease_until=now() - timedelta(seconds=1))


def tried(row: Any) -> Any:
    """Delivers it once and reads the row again."""
    from common.mail import delivery

    delivery.deliver(row.pk)
    row.refresh_from_db()
    return row
