"""A person's time zone and locale in the web app: kept in the session, so that no page asks the database for them."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import locales
from accounts.web_sessions import LOCALE, ZONE

COOKIE = "timezone"  # what the browser says of itself (static/js/app.js); names a place, so it is checked


class SurroundingsMiddleware:
    """Times are shown in the reader's own zone, in forms of the admin too.

    The language stays English, as all words of the interface are: only dates and times follow the locale, where they
    are written (`_components/time.html`, `static/js/format.js`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone, locale = _kept(request)
        place = locales.zone_of(zone if zone != locales.BROWSERS_OWN else request.COOKIES.get(COOKIE, ""))
        request.locale = locale  # type: ignore[attr-defined]
        request.zone = place.key if place else ""  # type: ignore[attr-defined]
        if place is None:
            return self.get_response(request)
        with timezone.override(place):
            return self.get_response(request)


def _kept(request: HttpRequest) -> tuple[str, str]:
    if not getattr(request, "claims", None):
        return locales.BROWSERS_OWN, settings.LANGUAGE_CODE
    session = request.session
    return session.get(ZONE, locales.BROWSERS_OWN), session.get(LOCALE, settings.LANGUAGE_CODE)
