"""RQ jobs of outgoing mail. Each is safe to run twice and at any time."""

import uuid


def deliver(mail_id: uuid.UUID) -> None:
    """Sends one mail, if it is still to be sent and nobody else is at it."""
