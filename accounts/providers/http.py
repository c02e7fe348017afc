"""How allauth asks other sites: within five seconds, following no redirect, taking no error for an answer."""

from typing import Any

import requests
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter

ANSWERED = (200, 201)
LONGEST_ERROR = 10_000


class AnswerRefused(requests.RequestException):
    """The site answered with something else than success. `error` is the OAuth error's name, where it gave one."""

    @property
    def status(self) -> int:
        assert self.response is not None
        return self.response.status_code

    @property
    def error(self) -> str:
        assert self.response is not None
        if len(self.response.content) > LONGEST_ERROR:
            return ""
        try:
            body = self.response.json()
        except ValueError:
            return ""
        return str(body.get("error", "")) if isinstance(body, dict) else ""


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def get_requests_session(self) -> requests.Session:
        session = super().get_requests_session()  # it brings the timeout
        session.hooks["response"].append(_refuse)
        return session


def _refuse(response: requests.Response, **_: Any) -> None:
    """Called before a redirect would be followed."""
    if response.status_code not in ANSWERED:
        raise AnswerRefused(f"HTTP {response.status_code}", response=response)
