"""Which Content-Security-Policy a page gets: the strict one of the settings, but for the paths listed here."""

from collections.abc import Callable

from csp.constants import HEADER, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse

from accounts.providers import configured

# Added to the strict policy below these paths; the first that fits counts. tests/config/test_csp.py holds the list.
EXCEPTIONS: dict[str, dict[str, list[str]]] = {
    # the queue monitor writes its scripts into the page
    "/admin/django_rq/": {"script-src": [UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [UNSAFE_INLINE]},
    # unfold's Alpine evaluates the expressions in its attributes, and its colours are a style element
    "/admin/": {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]},
}


# From these paths on a form may lead to the sites one signs in by: Chromium holds `form-action` against redirects too.
DOORS = ("/sign-in", "/sign-up", "/account/connections", "/account/security/confirm")


def door_targets() -> list[str]:
    """The origins of the providers that are on, and no others."""
    return [origin for provider in configured() for origin in provider.form_targets]


class PolicyMiddleware:
    """Sets the header where a view has not set its own. The policies are built once: django-csp's own middleware
    builds them for every answer, which on a hot path is a noticeable part of the whole."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.strict = build_policy()
        self.exceptions = [(path, build_policy(update=update)) for path, update in EXCEPTIONS.items()]
        doors = build_policy(update={"form-action": door_targets()})
        self.exceptions += [(path, doors) for path in DOORS]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, self._policy_for(request.path))
        return response

    def _policy_for(self, path: str) -> str:
        return next((policy for prefix, policy in self.exceptions if path.startswith(prefix)), self.strict)
