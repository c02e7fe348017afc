"""Calling PayPal: its token, and what its answers have in common.

"Docs" are developer.paypal.com, "spec" the OpenAPI files of paypal-rest-api-specifications.
"""

import time
from typing import Any
from urllib.parse import quote

import httpx

from billing.providers.base import ProviderError
from billing.providers.http import Caller

SPARE = 60  # seconds: a token is renewed so long before it ends
# of an account (address, client): its token and when it ends; they last for hours, and every process has its own
_tokens: dict[tuple[str, str], tuple[str, float]] = {}


class Api:
    """Calls with the account's token, which is fetched anew shortly before it ends, and once when it was refused."""

    def __init__(self, block: dict[str, Any]) -> None:
        self._caller = Caller("paypal", block["BASE_URL"], key_header="PayPal-Request-Id")
        self._auth = httpx.BasicAuth(block["CLIENT_ID"], block["CLIENT_SECRET"])
        self._account = (block["BASE_URL"], block["CLIENT_ID"])

    def call(self, method: str, path: str, *, expect: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        """As `Caller.call`; `key` is sent as `PayPal-Request-Id`. POSTs answer the whole object (`Prefer`, spec)."""
        for is_last in (False, True):
            headers = {"Authorization": f"Bearer {self._token(renew=is_last)}", "Prefer": "return=representation"}
            expected = expect if is_last else (401, *expect)
            response = self._caller.call(method, path, expect=expected, headers=headers, **options)
            if response.status_code != 401:
                return response
        raise AssertionError  # the second 401 is raised

    def json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return object_of(self.call(method, path, **options))

    def get(self, path: str, **options: Any) -> dict[str, Any] | None:
        """None: PayPal has nothing of that name."""
        response = self.call("GET", path, expect=(404,), **options)
        return None if response.status_code == 404 else object_of(response)

    def _token(self, *, renew: bool) -> str:
        token, ends = _tokens.get(self._account, ("", 0.0))
        if not renew and time.monotonic() < ends:
            return token
        asked_at = time.monotonic()
        answer = object_of(
            self._caller.call(
                "POST",
                "/v1/oauth2/token",
                auth=self._auth,
                data={"grant_type": "client_credentials"},
                repeatable=True,
            )
        )
        token = answer["access_token"]
        _tokens[self._account] = (token, asked_at + int(answer["expires_in"]) - SPARE)
        return token


def object_of(response: httpx.Response) -> dict[str, Any]:
    """Raises ProviderError for an answer that is no JSON object: what was asked may have been done."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError("paypal answered no JSON object", permanent=False, unknown=True)
    return answer


def issue_of(response: httpx.Response) -> str:
    """Why it was refused: the first `details[].issue` (spec), or an empty string."""
    try:
        return str(response.json()["details"][0]["issue"])
    except (ValueError, LookupError, TypeError):
        return ""


def approval_url(answer: dict[str, Any]) -> str:
    """Where the payer agrees: `payer-action` where the order names PayPal as the source, else `approve` (spec; which
    of them comes when is not confirmed)."""
    links = {link.get("rel"): link.get("href") for link in answer.get("links") or ()}
    url = links.get("payer-action") or links.get("approve")
    if not url:
        raise ProviderError("paypal answered no address to pay at", permanent=True)
    return str(url)


def in_path(text: str) -> str:
    return quote(text, safe="")
