"""Passwords: forgotten, set anew, changed."""

import uuid

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import devices
from accounts.models import MailKey, User
from accounts.services import addresses, mail_keys
from accounts.services.deletion import is_restorable
from accounts.services.devices import Device
from accounts.services.mail_keys import Kind
from accounts.services.sessions import EndReason, end_sessions_of
from common import audit, mail
from common.errors import Gone, ValidationProblem


def send_link(kind: Kind, email: str) -> None:
    """A magic link, or one to set a new password, for who has an account at this address; for others nothing.

    Runs in a job, so that no answer can tell, nor the time it takes, whether there is such an account.
    """
    user = User.objects.by_email(email).filter(is_active=True).first()
    if user is not None and (user.deleted_at is None or is_restorable(user)):
        mail_keys.send(kind, email=user.email, user=user, context={})


def check_new_password(password: str, user: User) -> None:
    """Raises ValidationProblem (`errors.password`)."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise ValidationProblem(errors={"password": error.messages}) from error


def reset_password(*, key: str, password: str, device: Device) -> User:
    """Sets a password by a mailed link, and signs the person out everywhere. Raises ValidationProblem, Gone."""
    row = mail_keys.look(key)
    if row.kind != Kind.RESET or row.user is None:
        raise ValidationProblem(errors={"key": ["This link is for something else."]})
    check_new_password(password, row.user)
    return _reset(row, password, device)


@transaction.atomic
def _reset(row: MailKey, password: str, device: Device) -> User:
    user = addresses.prove(row)
    if user.deleted_at:
        raise Gone("This account was deleted. Signing in by a link brings it back.")
    set_password(user=user, password=password, device=device)
    return user


@transaction.atomic
def set_password(*, user: User, password: str, device: Device, keep_session: uuid.UUID | None = None) -> None:
    """Sets a password that `check_new_password` has seen. Every session but `keep_session` ends; a mail says so."""
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    tell_of_new_password(user=user, device=device, keep_session=keep_session)


@transaction.atomic
def tell_of_new_password(*, user: User, device: Device, keep_session: uuid.UUID | None = None) -> None:
    """What follows a new password: open links and other sessions end, the audit trail and the person are told."""
    # whoever had the old password may have asked for another address as well
    mail_keys.withdraw(user.pk, Kind.RESET, Kind.MAGIC_LINK, Kind.CHANGE_EMAIL)
    end_sessions_of(user_id=user.pk, reason=EndReason.PASSWORD, but=keep_session)
    audit.record(actor=user, action="user.password_changed", target=user)
    mail.send(
        "password_changed",
        to=user.email,
        context={"device": devices.describe(device.user_agent), "at": timezone.now().isoformat()},
        locale=user.locale,
        timezone=user.timezone,
        user_id=user.pk,
    )
