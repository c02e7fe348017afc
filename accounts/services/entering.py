"""The way in that all doors share: the second factor, then a session."""

from accounts.models import User
from accounts.services import second_factor
from accounts.services.devices import Device
from accounts.services.signing_in import SignedIn, check_password, start_token_session


def sign_in(*, email: str, password: str, code: str | None = None, user_agent: str = "", address: str = "") -> SignedIn:
    """A pair of tokens for a new session. Raises as `check_password` and `enter` do."""
    user = check_password(email=email, password=password)
    return enter(user=user, device=Device(user_agent, address), method="password", code=code)


def enter(*, user: User, device: Device, method: str, code: str | None = None) -> SignedIn:
    """A pair of tokens for a person who has proven to be `user` by `method`.

    Raises MfaRequired where a second factor is needed and `code` is None, ValidationProblem for a wrong code, and as
    `start_token_session` does.
    """
    second_factor.require(user, method=method, code=code)
    return start_token_session(user=user, device=device, method=method)


def finish(*, key: str, code: str, device: Device) -> SignedIn:
    """What MfaRequired asked for: its `key`, and a code. Raises Unauthenticated, ValidationProblem."""
    user, method = second_factor.read_pending(key)
    return enter(user=user, device=device, method=method, code=code)
