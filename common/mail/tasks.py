"""RQ jobs of outgoing mail. Each is safe to run twice and at any time."""

import uuid

from common.mail import delivery


def deliver(mail_id: uuid.UUID) -> None:
    """Sends one mail, if it is due and nobody else is at it."""
    delivery.deliver(mail_id)


def sweep() -> int:
    """Has mails sent whose nudge was lost, whose next try has come or whose worker died."""
    return delivery.sweep()


def forget() -> int:
    """Deletes mails after 30 days."""
    return delivery.forget()
