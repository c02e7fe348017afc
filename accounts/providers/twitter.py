"""X, which was Twitter: OAuth 2. It tells no address."""

from typing import Any

from allauth.socialaccount.providers.twitter_oauth2.provider import TwitterOAuth2Provider
from allauth.socialaccount.providers.twitter_oauth2.views import TwitterOAuth2Adapter

from accounts.providers.base import GivenContext, SignInProvider


class Adapter(GivenContext, TwitterOAuth2Adapter):
    pass


class Twitter(SignInProvider):
    name = "twitter"
    stored_as = "twitter_oauth2"
    title = "X"
    variables = ("TWITTER_CLIENT_ID", "TWITTER_CLIENT_SECRET")
    scope = ("users.read", "tweet.read")
    reader_class = TwitterOAuth2Provider
    id_claim = "id"

    @property
    def form_targets(self) -> tuple[str, ...]:
        # it leads between its two names
        return (self.base_url,) if self.base_url else ("https://x.com", "https://twitter.com")

    def adapter(self) -> Adapter:
        adapter = Adapter(None)
        if self.base_url:
            adapter.authorize_url = f"{self.base_url}/i/oauth2/authorize"
            adapter.access_token_url = f"{self.base_url}/2/oauth2/token"
            adapter.profile_url = f"{self.base_url}/2/users/me"
        return adapter

    def label(self, claims: dict[str, Any]) -> str:
        return f"@{claims['username']}" if claims.get("username") else str(claims.get("name") or "")
