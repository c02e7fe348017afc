"""What every request passes through."""

import ipaddress
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from common.context import request_id_from
from common.errors import Problem, answer_problem
from common.metrics import http_request_duration_seconds, http_requests_total

log = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
QUIET_PATHS = ("/static/", "/health", "/metrics")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
API_PATHS = ("/api/", "/v1/", "/webhooks/", "/health", "/metrics")
SESSION_PATHS = ("/api/auth/headless/",)  # of the API, and yet made for sessions


class RequestMiddleware:
    """Gives the request its id, tells the log and the metrics of it, and the isolation headers Django doesn't set."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_from(request.META.get("HTTP_X_REQUEST_ID"))
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        self._record(request, response, time.perf_counter() - started)
        response.headers["X-Request-ID"] = request_id
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    def _record(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "unmatched"
        # a caller may make up any number of methods, and a label lives as long as the process
        method = request.method if request.method in METHODS else "other"
        http_requests_total.labels(method, route, response.status_code).inc()
        http_request_duration_seconds.labels(method, route).observe(seconds)
        if not request.path.startswith(QUIET_PATHS):
            log.info(
                "request",
                method=method,
                path=request.path,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
            )


def _log_exception(*, request: HttpRequest | None, **_: Any) -> None:
    # Django's own logger would say it without the request's id
    log.error("unhandled exception", path=request.path if request else None, exc_info=True)  # noqa: LOG014 - sent while it is handled


got_request_exception.connect(_log_exception, dispatch_uid="log exception")


class BrowserMiddleware:
    """Sessions, CSRF, messages and the rest of what a browser needs, for requests that come from one.

    A call of the API with a token, or without any sign-in, needs none of it; skipping these layers there halves the
    time Django itself takes on the hot paths.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.direct = get_response
        chain = get_response
        for path in reversed(settings.BROWSER_MIDDLEWARE):
            chain = self._layer(import_string(path), chain)
        self.chain = chain

    def _layer(self, middleware: type, inner: GetResponse) -> GetResponse:
        layer = middleware(inner)
        if hasattr(layer, "process_exception"):
            self.exception_hooks = [layer.process_exception, *getattr(self, "exception_hooks", [])]
        if hasattr(layer, "process_view"):
            self.view_hooks = [layer.process_view, *getattr(self, "view_hooks", [])]
        return layer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self._needs_no_session(request):
            return self.direct(request)
        request.from_browser = True  # type: ignore[attr-defined]
        return self.chain(request)

    def _needs_no_session(self, request: HttpRequest) -> bool:
        if not request.path.startswith(API_PATHS) or request.path.startswith(SESSION_PATHS):
            return False
        return "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME not in request.COOKIES

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A Problem that a page raised (the API's views tell theirs themselves), or what a layer knows to answer."""
        if isinstance(error, Problem):
            return answer_problem(request, error)
        if getattr(request, "from_browser", False):
            for hook in reversed(self.exception_hooks):
                if response := hook(request, error):
                    return response
        return None

    def process_view(self, request: HttpRequest, *args: object) -> HttpResponse | None:
        """CSRF is checked here: Django calls this once the view is known, before it runs."""
        if not getattr(request, "from_browser", False):
            return None
        for hook in self.view_hooks:
            if response := hook(request, *args):
                return response
        return None


def client_address(request: HttpRequest) -> str:
    """The last hop that is not one of our own proxies (`TRUSTED_PROXIES`: addresses or networks)."""
    address = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = hops.pop()
    return address


def _is_trusted(address: str) -> bool:
    try:
        return any(
            ipaddress.ip_address(address) in ipaddress.ip_network(proxy, strict=False)
            for proxy in settings.TRUSTED_PROXIES
        )
    except ValueError:
        return False
