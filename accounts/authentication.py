"""Who calls the API: by an access token, by an API key, or by the web's cookie.

None of them asks the database (of a key, Redis forgets once a minute whom it stands for): a person is made from the
claims, with what the claims don't say left to be loaded when it is asked for. Whether the session still lives is read
by the gate in `common.api`, together with the rate limits.
"""

import uuid

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import api_keys
from accounts.models import STAFF_ROLES, User
from accounts.tokens import Claims, read_access
from common import last_used, sessions
from common.errors import Unauthenticated
from common.middleware import client_address

KNOWN = ("id", "role", "is_staff")


def person_of(claims: Claims) -> User:
    """The caller as a `User` of which only `KNOWN` is loaded."""
    return User.from_db("default", KNOWN, (claims.user_id, claims.role, claims.role in STAFF_ROLES))


def bearer(request: HttpRequest | Request) -> str | None:
    """What stands after `Bearer`. Other schemes are not ours to judge."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def signed_in_by_token(request: HttpRequest) -> uuid.UUID | None:
    """Whose access token a plain request carries, None without one. Raises Unauthenticated where it is none of ours."""
    token = bearer(request)
    if token is None or token.startswith(api_keys.BEGINNING):
        return None
    claims = read_access(token)
    if not sessions.is_live(claims.session_id):
        raise Unauthenticated
    return claims.user_id


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer troupe_…`; every other bearer is left to the tokens. Stands before them."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        text = bearer(request)
        if text is None or not text.startswith(api_keys.BEGINNING):
            return None
        claims = api_keys.read_key(text, client_address(request))
        assert claims.api_key_id
        last_used.touch(last_used.API_KEYS, claims.api_key_id)
        return person_of(claims), claims

    def authenticate_header(self, request: Request) -> str:
        return Unauthenticated().headers["WWW-Authenticate"]


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access>`."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        token = bearer(request)
        if token is None:
            return None
        claims = read_access(token)
        return person_of(claims), claims

    def authenticate_header(self, request: Request) -> str:
        return Unauthenticated().headers["WWW-Authenticate"]


class WebSessionAuthentication(SessionAuthentication):
    """The session cookie, which `WebSessionMiddleware` has read, with CSRF checked on whatever may write."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        claims: Claims | None = getattr(request, "claims", None)
        if claims is None:
            return None
        self.enforce_csrf(request)
        return person_of(claims), claims
