"""Discord: OAuth 2, and its own account of who somebody is."""

from typing import Any

from allauth.socialaccount.providers.discord.provider import DiscordProvider
from allauth.socialaccount.providers.discord.views import DiscordOAuth2Adapter

from accounts.providers.base import GivenContext, SignInProvider


class Adapter(GivenContext, DiscordOAuth2Adapter):
    pass


class Discord(SignInProvider):
    name = "discord"
    stored_as = "discord"
    title = "Discord"
    variables = ("DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET")
    scope = ("identify", "email")
    reader_class = DiscordProvider
    id_claim = "id"
    verified_claim = "verified"

    @property
    def form_targets(self) -> tuple[str, ...]:
        return (self.base_url or "https://discord.com",)

    def adapter(self) -> Adapter:
        adapter = Adapter(None)
        if self.base_url:
            adapter.authorize_url = f"{self.base_url}/api/oauth2/authorize"
            adapter.access_token_url = f"{self.base_url}/api/oauth2/token"
            adapter.profile_url = f"{self.base_url}/api/users/@me"
        return adapter

    def label(self, claims: dict[str, Any]) -> str:
        return str(claims.get("global_name") or claims.get("username") or "")
