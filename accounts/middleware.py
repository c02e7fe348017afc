"""What a request by cookie knows of its sign-in."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

from accounts.tokens import Claims
from accounts.web_sessions import read_claims
from common import sessions


class WebSessionMiddleware:
    """Sets `request.claims`, and signs the browser out where its session was ended elsewhere (ban, other device)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # without the cookie the session is not even looked at, and the answer does not vary by it
        request.claims = self._claims(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None  # type: ignore[attr-defined]
        return self.get_response(request)

    def _claims(self, request: HttpRequest) -> Claims | None:
        claims = read_claims(request.session)
        if claims and sessions.is_live(claims.session_id):
            return claims
        if claims or SESSION_KEY in request.session:
            request.session.flush()
        return None
