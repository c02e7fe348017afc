"""What a request by cookie knows of its sign-in."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

from accounts import viewers
from accounts.tokens import Claims
from accounts.web_sessions import read_claims
from common import last_used, redis, sessions


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
        if claims and self._is_live(request, claims):
            return claims
        if claims or SESSION_KEY in request.session:
            request.session.flush()
        return None

    def _is_live(self, request: HttpRequest, claims: Claims) -> bool:
        """One round trip, which brings along what pages ask of the person as a reader of lists."""
        questions = ("GET", sessions.key(claims.session_id)), viewers.question(claims.user_id)
        try:
            session, request.viewer = redis.ask(*questions)  # type: ignore[attr-defined]
        except redis.RedisError:
            session = None
        live = sessions.is_live(claims.session_id, session)
        if live:
            last_used.touch(last_used.PEOPLE, claims.user_id)
        return live
