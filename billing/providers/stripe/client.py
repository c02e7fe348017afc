"""Stripe's own client library, with limits on time, its errors in the family's words, and plain dicts for answers."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import requests
import stripe
import structlog
from django.conf import settings

from billing.providers.base import ProviderError
from common.metrics import provider_requests_total

log = structlog.get_logger(__name__)

TIMEOUT = (5.0, 20.0)  # seconds to connect, and for an answer
RETRIES = 2  # the library repeats time-outs, 409 and 5xx by itself, under the same idempotency key
BUSY = "The payment service does not answer just now."
REFUSED = "The payment service refused this."


class Missing(ProviderError):  # noqa: N818
    """Stripe knows no such thing; `param` says which of those that were named."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message, permanent=True, public=REFUSED)
        self.param = param


class Declined(ProviderError):  # noqa: N818
    """The bank said no. `intent_id` is the payment that failed, where there is one."""

    def __init__(self, message: str, public: str, intent_id: str) -> None:
        super().__init__(message, permanent=True, public=public)
        self.intent_id = intent_id


@functools.cache
def http_client() -> stripe.RequestsClient:
    """One pool of connections for every thread. No proxies from the environment, and no redirects: a payment goes where
    the settings say."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    return stripe.RequestsClient(timeout=TIMEOUT, session=session)


class Api:
    """`api.ask(api.v1.refunds.create, params, key="…")`: the answer as a dict, or a ProviderError."""

    def __init__(self, secret_key: str, base_url: str) -> None:
        client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": base_url.rstrip("/")},
            stripe_version=settings.STRIPE_API_VERSION,
            max_network_retries=RETRIES,
            http_client=http_client(),
        )
        self.v1 = client.v1

    def ask(self, method: Callable[..., Any], *arguments: Any, key: str = "") -> Any:
        """`key`: the idempotency key; the library gives a POST without one a key of chance."""
        options = {"options": {"idempotency_key": key}} if key else {}
        return self._answer(method, *arguments, **options).to_dict()

    def pages(self, method: Callable[..., Any], params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        page = self._answer(method, params)
        while True:
            yield from page.to_dict()["data"]
            if not page.has_more:
                return
            page = self._answer(method, params | {"starting_after": page.data[-1].id})

    def _answer(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            answer = method(*arguments, **options)
        except stripe.StripeError as error:
            _count(error.http_status)
            raise _in_our_words(error) from error
        _count(200)
        return answer


def _count(status: int | None) -> None:
    if status:
        provider_requests_total.labels("payments", "stripe", f"{status // 100}xx").inc()


def _in_our_words(error: stripe.StripeError) -> ProviderError:
    """Docs say of an idempotency key that is in use just now: 409, to be repeated. The texts hold no secret: of a key
    that it refuses Stripe shows only the last letters."""
    message = f"stripe: {type(error).__name__} {error.http_status or ''} {error.user_message or ''}"[:300]
    log.warning("payment provider refused", provider="stripe", status=error.http_status, code=error.code, said=message)
    status = error.http_status
    if isinstance(error, stripe.CardError):
        return Declined(message, error.user_message or REFUSED, _intent_of(error))
    if isinstance(error, stripe.RateLimitError):
        return ProviderError(message, permanent=False, public=BUSY, retry_after=_seconds(error.headers))
    if status is None or status == 409 or status >= 500:
        return ProviderError(message, permanent=False, unknown=True, public=BUSY, retry_after=_seconds(error.headers))
    if isinstance(error, stripe.InvalidRequestError) and error.code == "resource_missing":
        return Missing(message, error.param or "")
    return ProviderError(message, permanent=True, public=REFUSED)


def _intent_of(error: stripe.CardError) -> str:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    return str(body.get("error", {}).get("payment_intent", {}).get("id", ""))


def _seconds(headers: dict[str, str] | None) -> float | None:
    value = (headers or {}).get("retry-after", "")
    return float(value) if value.isdecimal() else None
