"""What accounts does again and again."""

import uuid
from importlib import import_module

from django.conf import settings

from accounts import services
from accounts.services import anonymisation, exports, mail_keys, passwords
from accounts.services.mail_keys import Kind
from common import last_used
from common.jobs import enqueue_on_commit


def ask_for_link(kind: Kind, email: str) -> None:
    """Queues the mail, without looking whether anybody has this address."""
    enqueue_on_commit(mail_link, str(kind.value), email, queue="mail")


def mail_link(kind: str, email: str) -> None:
    """A magic link, or one to set a new password. Run twice it sends two, of which each works once."""
    passwords.send_link(Kind(kind), email)


def forget_sessions() -> None:
    """Deletes what is left of sign-in sessions and cookies that ended long ago."""
    services.forget_old_sessions()
    mail_keys.forget_old()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def write_last_seen() -> None:
    """Writes who was seen since the last time."""
    last_used.write_gathered(last_used.PEOPLE, services.see)


def write_last_used_keys() -> None:
    """Writes which API keys were used since the last time."""
    last_used.write_gathered(last_used.API_KEYS, services.mark_used)


def make_export(export_id: uuid.UUID) -> None:
    """Makes a person's copy of their own data."""
    exports.make_export(export_id)


def sweep_exports() -> int:
    """Ends old copies and takes over abandoned ones; returns how many rows and files that were."""
    return exports.sweep_exports()


def anonymise_deleted() -> int:
    """Anonymises who left thirty days ago; returns how many."""
    return anonymisation.anonymise_due()
