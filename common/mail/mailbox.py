"""Where mail goes outside production when no mail server is set: files that any mail program opens."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMessage
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from common.models import new_id

SHOWN = 200


class MailboxBackend(BaseEmailBackend):
    """A file each, in `settings.MAILBOX`; its name sorts by time."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAILBOX)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            file = folder / f"{new_id()}.eml"
            unfinished = file.with_suffix(".part")
            unfinished.write_bytes(message.message().as_bytes())
            unfinished.rename(file)  # a reader sees all of it or nothing
        return len(email_messages)


@dataclass(frozen=True)
class Letter:
    """One mail of the mailbox, as it was sent."""

    id: uuid.UUID
    message: ParsedMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def to(self) -> str:
        return str(self.message["To"])

    @property
    def sender(self) -> str:
        return str(self.message["From"])

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)  # a UUIDv7 begins with its milliseconds

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return part.get_content() if part else ""


def letters() -> list[Letter]:
    """The newest 200, newest first."""
    files = sorted(Path(settings.MAILBOX).glob("*.eml"), reverse=True)[:SHOWN]
    return [letter for file in files if (letter := _read(file))]


def letter(letter_id: uuid.UUID) -> Letter | None:
    return _read(Path(settings.MAILBOX) / f"{letter_id}.eml")


def clear() -> None:
    for file in Path(settings.MAILBOX).glob("*.eml"):
        file.unlink(missing_ok=True)


def _read(file: Path) -> Letter | None:
    try:
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        return Letter(uuid.UUID(file.stem), message)
    except (FileNotFoundError, ValueError):
        return None  # cleared in between, or not written by us
