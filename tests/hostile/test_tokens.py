"""Expired, forged and borrowed tokens at every door: 401, and nothing is done. What is inside them: tests/accounts."""

import base64
import hmac
import json
import time
import uuid
from typing import Any

import jwt
import orjson
import pytest
from django.conf import settings

from accounts.tokens import AccessToken
from tests.hostile import doors
from tests.hostile.conftest import check_problem, unchanged
from tests.people import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

ASKS_WHO = [door for door in doors.api_doors() if door.view.cls.authentication_classes]


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(owner: Person, stranger: Person) -> dict[str, str]:
    """Headers that look like the owner's and are not."""
    header, body, signature = owner.token.split(".")
    claims = jwt.decode(owner.token, options={"verify_signature": False})
    own = jwt.decode(stranger.token, options={"verify_signature": False})
    expired = AccessToken(owner.token)  # type: ignore[arg-type]
    expired["exp"] = int(time.time()) - 1

    def signed(changes: dict[str, Any], secret: Any = settings.JWT_SECRET, **options: Any) -> str:
        return jwt.encode(claims | changes, secret, **{"algorithm": "HS256"} | options)

    def named(algorithm: Any) -> str:
        content = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{body}"
        digest = hmac.digest(settings.JWT_SECRET.encode(), content.encode(), "sha256")
        return f"{content}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    return {
        "expired": str(expired),
        "no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "no algorithm, in capitals": f"{part({'alg': 'NoNe'})}.{body}.{signature}",
        "another secret": signed({}, "another-secret-of-more-than-32-characters"),
        "an empty secret": f"{header}.{body}.",
        "a longer hash with our secret": signed({}, algorithm="HS384"),
        "our signature under another name": named("RS256"),
        "our signature under no name": named(None),
        "a key of its own": signed({}, "x" * 40, headers={"jwk": {"kty": "oct", "k": "eHh4"}, "kid": "../../dev/null"}),
        "the refresh token": owner.refresh,
        "a stranger's signature": ".".join([header, body, stranger.token.split(".")[2]]),
        "an administrator of one's own making": ".".join([header, part(own | {"role": "admin"}), signature]),
        "no session": signed({"sid": str(uuid.uuid4())}),
        "a session that is no id": signed({"sid": "x"}),
        "a subject that is no id": signed({"sub": "1 OR 1=1"}),
        "a subject that is a list": signed({"sub": [str(owner.id)]}),
        "no organisation": signed({"org": None}),
        "an endless number": signed({"exp": 10**30}),
        "lists without end": f"{base64.urlsafe_b64encode(b'[' * 1400).decode()}.{body}.{signature}",
        "a text": "Bearer " + owner.token,
        "nothing": "",
        "bytes": "\xff\xfe",
        "a megabyte": "x" * 1_000_000,
    }


def test_no_token_but_our_own_opens_any_door(things, owner, stranger, caller, trying):
    tokens = forged(owner, stranger)
    for door in ASKS_WHO:
        body = orjson.dumps(door.body(things)) if door.body_schema else b""
        with unchanged(door):
            for name, token in tokens.items():
                with trying(f"{door} {name}"):
                    headers = {"Authorization": f"Bearer {token}"}
                    response = caller().send(door.method, door.path(things), body, **headers)
                    assert response.status_code == 401
                    expected = "TOKEN_EXPIRED" if name == "expired" else "UNAUTHENTICATED"
                    assert check_problem(response) == expected
                    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest", "bearer:", "Negotiate", ""])
def test_another_scheme_is_nobody(scheme, owner, caller):
    response = caller().send("get", "/api/wallet", Authorization=f"{scheme} {owner.token}")
    assert check_problem(response) == "UNAUTHENTICATED"


def test_a_token_beside_a_cookie_counts_alone(things, owner, stranger, client):
    """A request that carries a token is that token's, whoever's browser it comes from."""
    client.force_login(owner.user)
    headers = stranger.headers
    assert client.get(f"/api/conversations/{things['conversation']}", headers=headers).status_code == 404
    forged_token = {"Authorization": "Bearer x.y.z"}
    assert check_problem(client.get("/api/wallet", headers=forged_token)) == "UNAUTHENTICATED"


def test_the_internal_key_is_no_ones_token_where_none_is_set(owner, caller, settings):
    settings.INTERNAL_API_KEY = ""
    body = orjson.dumps({"amount": "1", "feature": "x", "organization": str(owner.organization_id)})
    for token in ("", " ", "internal", "None"):
        response = caller().send("post", "/api/credits/spend", body, Authorization=f"Bearer {token}")
        assert check_problem(response) == "UNAUTHENTICATED"
