"""ID tokens of OpenID Connect: who signed one, for whom, until when, and for which sign-in."""

from collections.abc import Callable
from typing import Any

import jwt
from allauth.socialaccount.internal import jwtkit
from django.utils.crypto import constant_time_compare

ALGORITHM = "RS256"
REQUIRED = ["iss", "aud", "sub", "iat", "exp"]
LEEWAY = 30  # seconds that two clocks may differ


def read_id_token(
    token: str,
    *,
    keys_url: str,
    find_key: Callable[[Any, str], Any],
    issuers: tuple[str, ...],
    audience: str,
    nonce: str | None = None,
) -> dict[str, Any]:
    """The claims of a token that one of `issuers` signed for `audience`, and for the sign-in with `nonce`.

    Raises PyJWTError or OAuth2Error (unknown key) for any other, RequestException where the keys can't be had.
    """
    header = jwt.get_unverified_header(token)
    if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
        raise jwt.InvalidAlgorithmError("not RS256 with a key id")
    _, key = jwtkit.fetch_key(token, keys_url, find_key)
    claims = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=list(issuers),
        leeway=LEEWAY,
        options={"require": REQUIRED},
    )
    if nonce is not None and not constant_time_compare(str(claims.get("nonce", "")), nonce):
        raise jwt.InvalidTokenError("for another sign-in")
    return claims
