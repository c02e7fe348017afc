"""`state`: what comes back from another site unchanged, and shows that the sign-in was begun here and by whom.

It is a random text with our signature and the time. What it is bound to (the site, the address to come back to, the
caller's secret, and what for) goes into the signature alone, so that it stays short: X takes 500 characters.
"""

import base64
import hashlib
import json
import secrets

from django.core.signing import BadSignature, TimestampSigner

from common import redis
from common.errors import Unavailable, ValidationProblem

LIFETIME = 600  # seconds between leaving for the site and coming back
LONGEST = 200


def new_verifier() -> str:
    """A secret of PKCE; whoever holds it is the one who began."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """What PKCE shows of the secret beforehand."""
    return _digest(verifier)


def nonce_of(state: str) -> str:
    """What an ID token must repeat to be for this sign-in."""
    return _digest(f"nonce {state}")


def issue(*, provider: str, redirect_uri: str, verifier: str, purpose: str) -> str:
    return _signer(provider, redirect_uri, verifier, purpose).sign(secrets.token_urlsafe(16))


def redeem(state: str, *, provider: str, redirect_uri: str, verifier: str, purpose: str) -> None:
    """Uses a state up. Raises ValidationProblem (`errors.state`), or Unavailable while uses can't be counted."""
    try:
        _signer(provider, redirect_uri, verifier, purpose).unsign(state, max_age=LIFETIME)
    except BadSignature:  # an old one is a kind of it
        raise refusal("This sign-in was not begun here, or too long ago. Please start again.") from None
    if not use_once("oauth:state", state, LIFETIME):
        raise refusal("This sign-in was finished already. Please start again.")


def use_once(kind: str, text: str, seconds: int) -> bool:
    """Whether it is the first time within these seconds. Raises Unavailable."""
    try:
        (answer,) = redis.ask(("SET", f"{kind}:{_digest(text)}", 1, "NX", "EX", seconds))
    except redis.RedisError:
        raise Unavailable from None
    return answer is not None


def refusal(message: str) -> ValidationProblem:
    return ValidationProblem(message, errors={"state": [message]})


def _signer(*bound_to: str) -> TimestampSigner:
    return TimestampSigner(salt="accounts.oauth_state " + json.dumps(bound_to))


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
