"""What a site must offer so that one can sign in by it, and what all of them have in common.

The protocol is OAuth 2 with PKCE, spoken by allauth's client, adapters and readers of answers. They are given what they
would otherwise look up by the request or in the database: our keys, the addresses, and where the person comes back to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import jwt
import requests
import structlog
from allauth.account.internal.emailkit import valid_email_or_none
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter
from django.core.exceptions import ImproperlyConfigured

from accounts.providers.http import AnswerRefused
from common.errors import ProviderFailed, ValidationProblem

log = structlog.get_logger(__name__)

# what allauth makes of an answer that is late, broken, or not what the protocol says
UNTRUSTED = (
    requests.RequestException, OAuth2Error, jwt.PyJWTError, ImproperlyConfigured,
    KeyError, ValueError, TypeError, AttributeError,
)  # fmt: skip
SPENT_CODE = {"invalid_grant", "invalid_request"}  # what sites say of a code they don't (or no longer) know
LONGEST_UID, LONGEST_EMAIL, LONGEST_LABEL = 191, 254, 80


@dataclass(frozen=True)
class Identity:
    """Who somebody is at another site. `stored_as` and `uid` name them for good; an address may change.

    `email` is empty where the site gave none. `label` is how the person would recognise the account.
    """

    provider: str
    stored_as: str
    uid: str
    label: str = ""
    email: str = ""
    email_verified: bool = False


class GivenContext:
    """For allauth's adapters: what they would ask of the request or the database is given."""

    site: "SignInProvider"
    redirect_uri: str = ""
    nonce: str = ""

    def get_provider(self) -> OAuth2Provider:
        return self.site.reader

    def get_callback_url(self, request: Any, app: Any) -> str:
        return self.redirect_uri


class SignInProvider:
    """One site. A subclass says which, and where its addresses are."""

    name: ClassVar[str]
    stored_as: ClassVar[str]  # what allauth's table calls it
    title: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]
    scope: ClassVar[tuple[str, ...]]
    reader_class: ClassVar[type[OAuth2Provider]]
    id_claim: ClassVar[str]
    verified_claim: ClassVar[str] = ""  # which of its claims says that it has verified the address

    def __init__(self, client_id: str, client_secret: str, base_url: str = "") -> None:
        self.client_id = client_id
        self.base_url = base_url.rstrip("/")
        self.app = SocialApp(**self.app_fields(), client_id=client_id, secret=client_secret)
        self.reader = self.reader_class(None, app=self.app)

    def app_fields(self) -> dict[str, Any]:
        return {"provider": self.reader_class.id, "name": self.title}

    def adapter(self) -> OAuth2Adapter:
        """allauth's, knowing our addresses; a mixture with `GivenContext`."""
        raise NotImplementedError

    @property
    def form_targets(self) -> tuple[str, ...]:
        """Origins to which a form that begins a sign-in is led (the policy's `form-action`)."""
        raise NotImplementedError

    def authorize_url(self, *, redirect_uri: str, state: str, challenge: str, nonce: str) -> str:
        """Where the person is sent. Raises ProviderFailed."""
        with self.answering():
            adapter = self._adapter(redirect_uri, nonce)
            client = self._client(adapter)
            client.state = state
            further = {"code_challenge": challenge, "code_challenge_method": "S256"}
            if "openid" in self.scope:
                further["nonce"] = nonce
            return client.get_redirect_url(adapter.authorize_url, self.scope, further)

    def identity(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Identity:
        """Exchanges the code, and asks who came.

        Raises ValidationProblem (`errors.code`) for a code that was used, is too old or not ours, and ProviderFailed.
        """
        with self.answering():
            adapter = self._adapter(redirect_uri, nonce)
            tokens = self._exchange(self._client(adapter), code, verifier)
            login = adapter.complete_login(None, self.app, adapter.parse_token(tokens), response=tokens)
            return self.read(login.account.extra_data)

    def read(self, claims: dict[str, Any]) -> Identity:
        """What the site says of the person. Raises ValueError for an id that is none."""
        uid = claims[self.id_claim]
        if not isinstance(uid, str) or not uid.isprintable() or not 0 < len(uid) <= LONGEST_UID:
            raise ValueError("not an id")
        email = valid_email_or_none(claims.get("email")) or ""
        if len(email) > LONGEST_EMAIL:
            email = ""
        # only true is true: "false" is a text that Python would take for it
        verified = bool(email) and claims.get(self.verified_claim) is True
        return Identity(self.name, self.stored_as, uid, self._label(claims, email), email, verified)

    def label(self, claims: dict[str, Any]) -> str:
        """A name or handle, or nothing; the address stands in for it."""
        return str(claims.get("name") or "")

    def _label(self, claims: dict[str, Any], email: str) -> str:
        text = "".join(letter for letter in self.label(claims) if letter.isprintable())
        return (text.strip() or email)[:LONGEST_LABEL]

    def _adapter(self, redirect_uri: str, nonce: str) -> Any:
        adapter: Any = self.adapter()
        adapter.site, adapter.redirect_uri, adapter.nonce = self, redirect_uri, nonce
        return adapter

    def _client(self, adapter: Any) -> OAuth2Client:
        return adapter.get_client(None, self.app)

    def _exchange(self, client: OAuth2Client, code: str, verifier: str) -> dict[str, Any]:
        try:
            return client.get_access_token(code, pkce_code_verifier=verifier)
        except AnswerRefused as refused:
            if refused.status == 400 and refused.error in SPENT_CODE:
                message = f"{self.title} does not take this code (any more). Please start again."
                raise ValidationProblem(message, errors={"code": [message]}) from None
            raise

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Whatever is wrong with the site's answers is a ProviderFailed. What they hold is neither told nor logged."""
        try:
            yield
        except UNTRUSTED as error:
            reason = f"HTTP {error.status}" if isinstance(error, AnswerRefused) else type(error).__name__
            log.warning("sign-in provider failed", provider=self.name, reason=reason)
            message = f"{self.title} did not answer as it should. Nothing was changed; please try again in a moment."
            raise ProviderFailed(message) from None
