"""Outgoing mail: `mail.send(kind, to=…, context=…)` inside a transaction; a worker sends it after the commit.

How it is written, sent and followed: docs/mail.md.
"""

from common.mail.outbox import SealedLink, send

__all__ = ["SealedLink", "send"]
