"""Google: OpenID Connect, by redirect or by the ID token that its own button hands to a page."""

from typing import Any

import jwt
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.google.provider import GoogleProvider
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.http import HttpRequest

from accounts.providers.base import GivenContext, Identity, SignInProvider
from accounts.providers.id_tokens import read_id_token
from common.errors import Unauthenticated

ISSUERS = ("https://accounts.google.com", "accounts.google.com")  # it has signed as both


class Adapter(GivenContext, GoogleOAuth2Adapter):
    site: "Google"

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        claims = self.site.claims(kwargs["response"]["id_token"], nonce=self.nonce)
        return self.get_provider().sociallogin_from_response(request, claims)


class Google(SignInProvider):
    name = "google"
    stored_as = "google"
    title = "Google"
    variables = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
    scope = ("openid", "email", "profile")
    reader_class = GoogleProvider
    id_claim = "sub"
    verified_claim = "email_verified"

    @property
    def form_targets(self) -> tuple[str, ...]:
        return (self.base_url or "https://accounts.google.com",)

    def adapter(self) -> Adapter:
        adapter = Adapter(None)
        if self.base_url:
            adapter.authorize_url = f"{self.base_url}/o/oauth2/v2/auth"
            adapter.access_token_url = f"{self.base_url}/token"
        return adapter

    def credential_identity(self, credential: str) -> Identity:
        """Who an ID token from Google's own button is about. Raises Unauthenticated, ProviderFailed."""
        with self.answering():
            try:
                claims = self.claims(credential)
            except (jwt.PyJWTError, OAuth2Error):
                raise Unauthenticated("This is no valid sign-in of Google's. Please try again.") from None
            return self.read(claims)

    def claims(self, id_token: str, nonce: str | None = None) -> dict[str, Any]:
        return read_id_token(
            id_token,
            keys_url=f"{self.base_url or 'https://www.googleapis.com'}/oauth2/v1/certs",
            find_key=jwtkit.lookup_kid_pem_x509_certificate,
            issuers=ISSUERS,
            audience=self.client_id,
            nonce=nonce,
        )

    def label(self, claims: dict[str, Any]) -> str:
        return str(claims.get("email") or claims.get("name") or "")
