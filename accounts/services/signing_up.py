"""New accounts."""

from typing import Any

from django.db import IntegrityError, transaction

from accounts import names
from accounts.models import User
from accounts.services import addresses
from accounts.services.consents import record_sign_up_consents
from accounts.services.devices import Device
from accounts.services.passwords import check_new_password
from accounts.services.profiles import refuse_kept_name
from accounts.services.signing_in import SignedIn, start_token_session
from common.errors import Conflict, ValidationProblem
from common.tracking import track

MAX_PASSWORD = 128  # characters; a hash of a megabyte is work for nothing
TAKEN = {
    "user_email_once": ("email", "This address has an account already. Please sign in."),
    "accounts_user_username_key": ("username", "This name is taken. Please choose another."),
}


def sign_up(*, user_agent: str = "", address: str = "", **fields: Any) -> SignedIn:
    """A new account, signed in by tokens. Takes and raises what `create_account` does."""
    user = _prepared(**fields)
    with transaction.atomic():
        _save(user, marketing=fields.get("marketing", False))
        return start_token_session(user=user, device=Device(user_agent, address), method="password")


def create_account(**fields: Any) -> User:
    """A new account, not signed in: `email`, `password` (None: nobody can sign in by one), `username`, `display_name`,
    `utm`, `email_verified`, `locale`, `timezone`, `marketing` (whether they want news).

    Mails a link to confirm the address, unless it is `email_verified`. Raises ValidationProblem (`errors.password`,
    `errors.username`), Conflict (`errors.email` or `errors.username`).
    """
    user = _prepared(**fields)
    with transaction.atomic():
        _save(user, marketing=fields.get("marketing", False))
    return user


def _prepared(
    *,
    email: str,
    password: str | None = None,
    username: str | None = None,
    display_name: str = "",
    utm: dict[str, str] | None = None,
    email_verified: bool = False,
    locale: str = "en",
    timezone: str = "UTC",
    marketing: bool = False,
) -> User:
    """Checked and with the password hashed: that takes long, so it is done before a transaction holds a connection."""
    user = User(
        email=User.objects.normalize_email(email.strip()),
        email_verified=email_verified,
        username=_checked_username(username) if username else "",
        display_name=display_name.strip()[:80],
        locale=locale,
        timezone=timezone,
        utm=utm or {},
    )
    if password is not None:
        check_new_password(password, user)
    user.set_password(password)
    return user


def _checked_username(text: str) -> str:
    try:
        return names.clean_username(text)
    except ValueError as error:
        raise ValidationProblem(errors={"username": [str(error)]}) from error


def _save(user: User, *, marketing: bool) -> None:
    try:
        with transaction.atomic():
            User.objects.create_account(user)
            refuse_kept_name(user, user.username)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint not in TAKEN:
            raise
        field, message = TAKEN[constraint]
        raise Conflict(message, errors={field: [message]}) from error
    record_sign_up_consents(user, marketing=marketing)
    if not user.email_verified:
        addresses.send_confirmation(user)
    track("user_signed_up", user_id=user.pk, **({"utm": user.utm} if user.utm else {}))
