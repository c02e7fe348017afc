"""How each site speaks: its paths, how a client proves itself, what it says of a person."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stack.identity.people import Person

Profile = Callable[[Person], dict[str, Any]]


def _openid(person: Person) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": person.sub, "name": person.name, "preferred_username": person.username}
    return claims | ({"email": person.email, "email_verified": person.verified} if person.email else {})


def _discord(person: Person) -> dict[str, Any]:
    return {
        "id": f"80{person.sub}",
        "username": person.username,
        "discriminator": "0",
        "global_name": person.name,
        "avatar": None,
        "email": person.email or None,
        "verified": person.verified,
    }


def _x(person: Person) -> dict[str, Any]:
    return {"data": {"id": f"90{person.sub}", "name": person.name, "username": person.username}}


@dataclass(frozen=True)
class Dialect:
    """`issuer` is None for sites without ID tokens, and empty for the server's own address."""

    name: str
    authorize: str
    token: str
    profile_path: str
    profile: Profile
    issuer: str | None = None
    basic_only: bool = False
    needs_challenge: bool = False


DIALECTS = (
    Dialect("openid", "/authorize", "/oauth/token", "/userinfo", _openid, issuer=""),
    Dialect(
        "google", "/o/oauth2/v2/auth", "/token", "/oauth2/v3/userinfo", _openid, issuer="https://accounts.google.com"
    ),
    Dialect("discord", "/api/oauth2/authorize", "/api/oauth2/token", "/api/users/@me", _discord),
    Dialect("x", "/i/oauth2/authorize", "/2/oauth2/token", "/2/users/me", _x, basic_only=True, needs_challenge=True),
)
DISCOVERY, JWKS, GOOGLE_CERTIFICATES = "/.well-known/openid-configuration", "/jwks", "/oauth2/v1/certs"
