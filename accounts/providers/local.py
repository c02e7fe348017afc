"""The local identity provider of development and of tests (`stack/identity`): plain OpenID Connect."""

from typing import Any

from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter

from accounts.providers.base import GivenContext, SignInProvider
from accounts.providers.id_tokens import read_id_token


class Adapter(GivenContext, OpenIDConnectOAuth2Adapter):
    site: "Local"

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: Any) -> Any:
        login = super().complete_login(request, app, token, **kwargs)
        login.account.extra_data = self.site.claims_of(login.account.extra_data)
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        if self.openid_config["issuer"] != self.site.base_url:
            raise ValueError("another issuer")
        return read_id_token(
            id_token,
            keys_url=self.openid_config["jwks_uri"],
            find_key=jwtkit.lookup_kid_jwk,
            issuers=(self.site.base_url,),
            audience=self.site.client_id,
            nonce=self.nonce,
        )


class Local(SignInProvider):
    name = "local"
    stored_as = "local"
    title = "Local identity (development)"
    variables = ("LOCAL_IDENTITY_URL", "LOCAL_IDENTITY_SECRET")
    scope = ("openid", "email", "profile")
    reader_class = OpenIDConnectProvider
    id_claim = "sub"
    verified_claim = "email_verified"

    def app_fields(self) -> dict[str, Any]:
        return {
            "provider": self.reader_class.id,
            "provider_id": self.name,
            "name": self.title,
            "settings": {"server_url": self.base_url},
        }

    @property
    def form_targets(self) -> tuple[str, ...]:
        return (self.base_url,)

    def adapter(self) -> Adapter:
        return Adapter(None, self.name)

    def claims_of(self, answers: dict[str, Any]) -> dict[str, Any]:
        """The profile of the one whom the ID token is about. Raises KeyError without a token, ValueError."""
        if answers["id_token"]["sub"] != answers["userinfo"]["sub"]:
            raise ValueError("the profile is another person's")
        return answers["userinfo"]
