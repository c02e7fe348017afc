"""Following a mailed link, whatever it is for."""

from django.db import transaction

from accounts.models import MailKey, User
from accounts.services import addresses, mail_keys, second_factor
from accounts.services.devices import Device
from accounts.services.mail_keys import Kind
from accounts.services.signing_in import SignedIn, refuse_banned, start_token_session
from common.errors import ValidationProblem

SIGNING_IN = (Kind.MAGIC_LINK, Kind.OAUTH)


def follow(*, key: str, device: Device, code: str | None = None) -> SignedIn | None:
    """Does what the link is for. A pair of tokens where it signs in, None where it confirms an address.

    A link is not used up while a second factor is missing or wrong. Raises ValidationProblem, Gone, MfaRequired,
    Conflict where an address was taken meanwhile, and as `start_token_session` does.
    """
    row = mail_keys.look(key)
    if row.kind in SIGNING_IN:
        check_second_factor(row, code)
        with transaction.atomic():
            user = open_link(row)
            return start_token_session(user=user, device=device, method=method_of(row))
    confirm(row)
    return None


def confirm(row: MailKey) -> User:
    """For links that sign nobody in."""
    if row.kind == Kind.CONFIRM:
        return addresses.confirm(row)
    if row.kind == Kind.CHANGE_EMAIL:
        return addresses.change(row)
    raise ValidationProblem(errors={"key": ["This link is for setting a new password."]})


def check_second_factor(row: MailKey, code: str | None) -> None:
    """Before the link is used up. An unconfirmed account has no second factor that is its owner's."""
    if row.user and row.user.email_verified:
        second_factor.require(row.user, method=method_of(row), code=code)


@transaction.atomic
def open_link(row: MailKey) -> User:
    """Uses the link up; the person it signs in. Raises Gone, and Forbidden `BANNED`, which leaves it as it was."""
    if row.kind == Kind.OAUTH:
        from accounts.services import social  # it signs people in as well

        mail_keys.use(row)
        return social.complete(row)
    user = addresses.prove(row)
    refuse_banned(user)
    return user


def method_of(row: MailKey) -> str:
    return str(row.data.get("provider", "oauth")) if row.kind == Kind.OAUTH else "magic_link"
