"""The second factor at the door: what a person has, and whether a code is right. allauth keeps the factors."""

import hashlib
import hmac
import time
import uuid
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.core import signing
from django.db import transaction

from accounts.models import User
from common.errors import Unauthenticated, ValidationProblem
from common.ratelimits import Gate

PENDING_SECONDS = 300
SALT = "accounts.second_factor"
LAST_COUNTER = "last_counter"  # in an authenticator app's data: the newest of its codes that was used
Type = Authenticator.Type


class MfaRequired(Unauthenticated):
    """401 `MFA_REQUIRED`: also `key`, good for five minutes with a code, and `factors`, what the person has."""

    def __init__(self, key: str, factors: list[str]) -> None:
        super().__init__("Please give the code of your second factor.", code="MFA_REQUIRED", key=key, factors=factors)
        self.key = key


def factors_of(user: User) -> list[str]:
    """`totp`, `webauthn`, `recovery_codes`: those of them that the person has set up."""
    return sorted(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True).distinct())


def require(user: User, *, method: str, code: str | None) -> None:
    """Lets through who has no second factor or gave its code. Raises MfaRequired, or as `check_code` does."""
    factors = factors_of(user)
    if not factors:
        return
    if code is None:
        raise MfaRequired(pending_key(user, method), factors)
    check_code(user, code)


def check_code(user: User, code: str) -> Authenticator:
    """What the code is of: the authenticator app, or the recovery codes. Each is good for once.

    Raises ValidationProblem (`errors.code`), RateLimited after ten tries.
    """
    Gate(who=f"second-factor:{user.pk}", preset="auth").enter()
    code = "".join(code.split())
    for authenticator in Authenticator.objects.filter(user_id=user.pk).exclude(type=Type.WEBAUTHN):
        if _use(authenticator, code):
            authenticator.record_usage()
            return authenticator
    raise ValidationProblem(errors={"code": ["This code is not right, or was used before."]})


def _use(authenticator: Authenticator, code: str) -> bool:
    if authenticator.type == Type.TOTP:
        return _use_totp(authenticator.pk, code)
    return authenticator.wrap().validate_code(code)


@transaction.atomic
def _use_totp(authenticator_id: int, code: str) -> bool:
    """allauth remembers a used code for half a minute, and takes it for longer where clocks may differ."""
    authenticator = Authenticator.objects.select_for_update().filter(pk=authenticator_id).first()
    if authenticator is None:
        return False
    secret, used = decrypt(authenticator.data["secret"]), authenticator.data.get(LAST_COUNTER, -1)
    for counter in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > used and hmac.compare_digest(code.encode(), expected.encode()):
            authenticator.data[LAST_COUNTER] = counter
            authenticator.save(update_fields=["data"])
            return True
    return False


def on_authenticator_added(*, authenticator: Authenticator, **_: Any) -> None:
    """Receiver of allauth's signal: the code that has shown that the app works is used up by that."""
    if authenticator.type == Type.TOTP:
        authenticator.data[LAST_COUNTER] = int(time.time()) // app_settings.TOTP_PERIOD
        authenticator.save(update_fields=["data"])


def pending_key(user: User, method: str) -> str:
    """Says that this person has passed the first factor. It is worth nothing without the second."""
    return signing.dumps({"user": str(user.pk), "method": method, "state": _state(user)}, salt=SALT)


def read_pending(key: str) -> tuple[User, str]:
    """The person who has passed the first factor, and how. Raises Unauthenticated where that was too long ago."""
    payload: dict[str, Any]
    try:
        payload = signing.loads(key, salt=SALT, max_age=PENDING_SECONDS)
        user = User.objects.get(pk=uuid.UUID(payload["user"]))
    except (signing.BadSignature, User.DoesNotExist, LookupError, TypeError, ValueError) as error:
        raise Unauthenticated("This took too long. Please sign in again.") from error
    if payload["state"] != _state(user):
        raise Unauthenticated("This account has changed meanwhile. Please sign in again.")
    return user, payload["method"]


def _state(user: User) -> str:
    """Changes with the password and the address, so that neither the old one nor a link to it helps any more."""
    return hashlib.sha256(f"{user.password} {user.email}".encode()).hexdigest()[:16]
