"""New accounts."""

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import names
from accounts.models import User
from accounts.services.devices import Device
from accounts.services.signing_in import SignedIn, start_token_session
from common.errors import Conflict, ValidationProblem
from common.tracking import track

MAX_PASSWORD = 128  # characters; a hash of a megabyte is work for nothing
TAKEN = {
    "user_email_once": ("email", "This address has an account already. Please sign in."),
    "accounts_user_username_key": ("username", "This name is taken. Please choose another."),
}


def sign_up(
    *,
    email: str,
    password: str,
    username: str | None = None,
    display_name: str = "",
    utm: dict[str, str] | None = None,
    user_agent: str = "",
    address: str = "",
) -> SignedIn:
    """A new account, signed in by tokens. Raises as `create_account` does."""
    user = _prepared(email, password, username, display_name, utm)
    with transaction.atomic():
        _save(user)
        return start_token_session(user=user, device=Device(user_agent, address))


def create_account(
    *,
    email: str,
    password: str,
    username: str | None = None,
    display_name: str = "",
    utm: dict[str, str] | None = None,
) -> User:
    """A new account, not signed in.

    Raises ValidationProblem (`errors.password`, `errors.username`), Conflict (`errors.email` or `errors.username`).
    """
    user = _prepared(email, password, username, display_name, utm)
    with transaction.atomic():
        _save(user)
    return user


def _prepared(email: str, password: str, username: str | None, display_name: str, utm: dict[str, str] | None) -> User:
    """Checked and with the password hashed: that takes long, so it is done before a transaction holds a connection."""
    user = User(
        email=User.objects.normalize_email(email.strip()),
        username=_checked_username(username) if username else "",
        display_name=display_name.strip(),
        utm=utm or {},
    )
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise ValidationProblem(errors={"password": error.messages}) from error
    user.set_password(password)
    return user


def _checked_username(text: str) -> str:
    try:
        return names.clean_username(text)
    except ValueError as error:
        raise ValidationProblem(errors={"username": [str(error)]}) from error


def _save(user: User) -> None:
    try:
        with transaction.atomic():
            User.objects.create_account(user)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint not in TAKEN:
            raise
        field, message = TAKEN[constraint]
        raise Conflict(message, errors={field: [message]}) from error
    track("user_signed_up", user_id=user.pk, **({"utm": user.utm} if user.utm else {}))
