"""Signing in by other sites, as a program does it."""

from dataclasses import dataclass
from typing import Any

from stack.identity.people import Person
from tests.accounts.conftest import Api
from tests.standins.identity_server import Identity

BACK = "http://127.0.0.1:8000/from-elsewhere"
SITES = ("google", "discord", "twitter", "local")
WITH_ADDRESS = ("google", "discord", "local")
STORED = {"google": "google", "discord": "discord", "twitter": "twitter_oauth2", "local": "local"}


@dataclass
class Program:
    """A client of ours that sends its people elsewhere and back."""

    api: Api
    identity: Identity

    def start(self, provider: str, redirect_uri: str = BACK) -> dict[str, Any]:
        response = self.api.get(f"oauth/{provider}?redirect_uri={redirect_uri}")
        assert response.status_code == 200, response.content
        return response.json()

    def body(self, provider: str, person: Person | None, redirect_uri: str = BACK) -> dict[str, Any]:
        """What it sends to the callback once the person has chosen."""
        started = self.start(provider, redirect_uri)
        returned = self.identity.choose(started["authorize_url"], person)
        assert returned.state == started["state"]
        return {
            "provider": provider,
            "code": returned.code,
            "state": returned.state,
            "redirect_uri": redirect_uri,
            "code_verifier": started["code_verifier"],
        }

    def finish(self, body: dict[str, Any]) -> Any:
        return self.api.post("oauth-callback", body)

    def sign_in(self, provider: str, person: Person) -> Any:
        return self.finish(self.body(provider, person))
