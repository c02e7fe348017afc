"""Who calls the API: by an access token, or by the web's cookie.

Neither asks the database: a person is made from the claims, with what the claims don't say left to be loaded when it
is asked for. Whether the session still lives is read by the gate in `common.api`, together with the rate limits.
"""

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts.models import STAFF_ROLES, User
from accounts.tokens import Claims, read_access
from common.errors import Unauthenticated

KNOWN = ("id", "role", "is_staff")


def person_of(claims: Claims) -> User:
    """The caller as a `User` of which only `KNOWN` is loaded."""
    return User.from_db("default", KNOWN, (claims.user_id, claims.role, claims.role in STAFF_ROLES))


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access>`. Other schemes are not ours to judge."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        claims = read_access(token.strip())
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
