"""The server: authorize, token, profile, keys. See RFC 6749 (OAuth 2), RFC 7636 (PKCE) and OpenID Connect Core."""

import base64
import binascii
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from stack.identity import page
from stack.identity.dialects import DIALECTS, DISCOVERY, GOOGLE_CERTIFICATES, JWKS, Dialect
from stack.identity.grants import CODE_SECONDS, TOKEN_SECONDS, Grant, Grants, RefusedError
from stack.identity.keys import SigningKey
from stack.identity.people import PEOPLE

LOOPBACK = "127.0.0.1"
LONGEST_BODY = 20_000
KEPT = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)


@dataclass(frozen=True)
class Client:
    """A site that may ask. `redirect_uris` are compared as they are; one that ends with `*` is a beginning."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]

    def may_return_to(self, address: str) -> bool:
        return any(
            address.startswith(known[:-1]) if known.endswith("*") else address == known for known in self.redirect_uris
        )


@dataclass
class Answer:
    status: int
    body: str = ""
    content_type: str = "application/json"
    location: str = ""


@dataclass(frozen=True)
class Call:
    """A request: its path, and the fields of its address or its form."""

    method: str
    path: str
    fields: dict[str, str]
    authorization: str = ""


class IdentityServer:
    """`with IdentityServer(clients) as server:` serves at `server.url`, from a thread of its own."""

    def __init__(self, clients: list[Client], port: int = 0) -> None:
        self.clients = {client.client_id: client for client in clients}
        self.people = {person.sub: person for person in PEOPLE}
        self.key = SigningKey()
        self.grants = Grants()
        self._http = ThreadingHTTPServer((LOOPBACK, port), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        self._http.serve_forever()

    # --- what is asked ------------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Answer:
        try:
            return self._answer(call)
        except RefusedError as refused:
            body = {"error": refused.error, "error_description": refused.description}
            return Answer(refused.status, json.dumps(body))

    def _answer(self, call: Call) -> Answer:
        if call.path == DISCOVERY:
            return _json(self.discovery())
        if call.path == JWKS:
            return _json(self.key.jwks())
        if call.path == GOOGLE_CERTIFICATES:
            return _json(self.key.certificates())
        for dialect in DIALECTS:
            if call.path == dialect.authorize:
                return self.authorize(dialect, call)
            if call.path == dialect.token and call.method == "POST":
                return _json(self.token(dialect, call))
            if call.path == dialect.profile_path:
                return _json(self.profile(dialect, call))
        return Answer(404, json.dumps({"error": "not_found"}))

    def discovery(self) -> dict[str, Any]:
        plain = DIALECTS[0]
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}{plain.authorize}",
            "token_endpoint": f"{self.url}{plain.token}",
            "userinfo_endpoint": f"{self.url}{plain.profile_path}",
            "jwks_uri": f"{self.url}{JWKS}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "name", "preferred_username", "email", "email_verified"],
        }

    def authorize(self, dialect: Dialect, call: Call) -> Answer:
        """Shows who one may be; the choice leads back to the client."""
        fields = {name: call.fields[name] for name in KEPT if name in call.fields}
        client, address = self.clients.get(fields.get("client_id", "")), fields.get("redirect_uri", "")
        if client is None or not client.may_return_to(address):
            # an error is not told to an address that nobody vouches for
            return Answer(400, page.wrong("The client or its redirect_uri is not known here."), "text/html")
        error = _wrong_request(dialect, fields)
        if error:
            return _back(address, fields, error=error)
        if call.method != "POST":
            return Answer(200, self._page(dialect, fields), "text/html")
        person = self.people.get(call.fields.get("person", ""))
        if person is None:
            return _back(address, fields, error="access_denied")
        grant = Grant(
            person=person,
            client_id=client.client_id,
            redirect_uri=address,
            scope=fields.get("scope", ""),
            nonce=fields.get("nonce", ""),
            challenge=fields.get("code_challenge", ""),
            expires_at=time.time() + CODE_SECONDS,
        )
        return _back(address, fields, code=self.grants.give(grant))

    def _page(self, dialect: Dialect, fields: dict[str, str]) -> str:
        return page.choose(dialect.authorize, fields, list(self.people.values()))

    def token(self, dialect: Dialect, call: Call) -> dict[str, Any]:
        client = self._client(dialect, call)
        if call.fields.get("grant_type") != "authorization_code":
            raise RefusedError("unsupported_grant_type")
        grant, token = self.grants.exchange(
            call.fields.get("code", ""),
            client_id=client.client_id,
            redirect_uri=call.fields.get("redirect_uri", ""),
            verifier=call.fields.get("code_verifier", ""),
        )
        body: dict[str, Any] = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": grant.scope,
        }
        if dialect.issuer is not None and "openid" in grant.scope.split():
            body["id_token"] = self.id_token(self.claims(dialect, grant))
        return body

    def claims(self, dialect: Dialect, grant: Grant) -> dict[str, Any]:
        now = int(time.time())
        claims = dialect.profile(grant.person) | {
            "iss": dialect.issuer or self.url,
            "aud": grant.client_id,
            "azp": grant.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return claims | ({"nonce": grant.nonce} if grant.nonce else {})

    def id_token(self, claims: dict[str, Any]) -> str:
        return self.key.sign(claims)

    def profile(self, dialect: Dialect, call: Call) -> dict[str, Any]:
        scheme, _, token = call.authorization.partition(" ")
        grant = self.grants.holder(token) if scheme.lower() == "bearer" else None
        if grant is None:
            raise RefusedError("invalid_token", status=401)
        return dialect.profile(grant.person)

    def _client(self, dialect: Dialect, call: Call) -> Client:
        """The client that proves itself, by the Basic header or (where the site takes it) in the form."""
        client_id, secret = call.fields.get("client_id", ""), call.fields.get("client_secret", "")
        if call.authorization.lower().startswith("basic "):
            client_id, secret = _basic(call.authorization[6:])
        elif dialect.basic_only:
            raise RefusedError("unauthorized_client", "Missing valid authorization header", 401)
        client = self.clients.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise RefusedError("invalid_client", status=401)
        return client


def _wrong_request(dialect: Dialect, fields: dict[str, str]) -> str:
    if fields.get("response_type") != "code":
        return "unsupported_response_type"
    challenge, method = fields.get("code_challenge", ""), fields.get("code_challenge_method", "")
    if (challenge and method != "S256") or (dialect.needs_challenge and not challenge):
        return "invalid_request"
    return ""


def _back(address: str, fields: dict[str, str], **answer: str) -> Answer:
    query = answer | ({"state": fields["state"]} if "state" in fields else {})
    return Answer(302, location=f"{address}{'&' if '?' in address else '?'}{urlencode(query)}")


def _basic(text: str) -> tuple[str, str]:
    try:
        client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(client_id), unquote(secret)


def _json(body: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(body))


def _handler(server: IdentityServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdigit() or int(length) > LONGEST_BODY:
                self.close_connection = True
                self._send(Answer(413))
                return
            form = self.rfile.read(int(length)).decode(errors="replace")
            self._reply(dict(parse_qsl(form, keep_blank_values=True)))

        def _reply(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            fields = dict(parse_qsl(parts.query, keep_blank_values=True)) | form
            self._send(server.answer(Call(self.command, parts.path, fields, self.headers.get("Authorization", ""))))

        def _send(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", f"{answer.content_type}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Codes and tokens are in the addresses: nothing of them is written down."""

    return Handler
