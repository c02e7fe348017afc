"""The second factor at the door: what a person has, and whether a code is right. allauth keeps the factors."""

import hashlib
import uuid
from typing import Any

from allauth.mfa.models import Authenticator
from django.core import signing

from accounts.models import User
from common.errors import Unauthenticated, ValidationProblem
from common.ratelimits import Gate

PENDING_SECONDS = 300
SALT = "accounts.second_factor"
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


def check_code(user: User, code: str) -> None:
    """A code of the authenticator app, or one of the recovery codes, each good for once.

    Raises ValidationProblem (`errors.code`), RateLimited after ten tries.
    """
    Gate(who=f"second-factor:{user.pk}", preset="auth").enter()
    for authenticator in Authenticator.objects.filter(user_id=user.pk).exclude(type=Type.WEBAUTHN):
        if authenticator.wrap().validate_code(code.strip().replace(" ", "")):
            authenticator.record_usage()
            return
    raise ValidationProblem(errors={"code": ["This code is not right, or was used before."]})


def pending_key(user: User, method: str) -> str:
    """Says that this person has passed the first factor. It is worth nothing without the second."""
    return signing.dumps({"user": str(user.pk), "method": method, "state": _state(user)}, salt=SALT)


def read_pending(key: str) -> tuple[User, str]:
    """The person who has passed the first factor, and how. Raises Unauthenticated where that was too long ago."""
    payload: dict[str, Any]
    try:
        payload = signing.loads(key, salt=SALT, max_age=PENDING_SECONDS)
        user = User.objects.get(pk=uuid.UUID(payload["user"]))
    except (signing.BadSignature, User.DoesNotExist, ValueError) as error:
        raise Unauthenticated("This took too long. Please sign in again.") from error
    if payload["state"] != _state(user):
        raise Unauthenticated("This account has changed meanwhile. Please sign in again.")
    return user, payload["method"]


def _state(user: User) -> str:
    """Changes with the password and the address, so that neither the old one nor a link to it helps any more."""
    return hashlib.sha256(f"{user.password} {user.email}".encode()).hexdigest()[:16]
