"""How members of the family call: with limits on time and size, and an error that says whether trying again helps."""

import functools
import random
import time
from typing import Any

import httpx
import structlog

from billing.providers.base import ProviderError
from common.metrics import provider_requests_total

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
TRIES = 3
FIRST_PAUSE = 0.2
LONGEST_WAIT = 2.0  # a `Retry-After` beyond it is the caller's matter
LARGEST = 4_000_000  # bytes of an answer
BUSY = {408, 409, 425, 429, 500, 502, 503, 504}


@functools.cache
def _client() -> httpx.Client:
    # no proxies and no .netrc from the environment, no redirects: a payment goes where the settings say
    return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False)


class Caller:
    """Calls one provider's API.

    A call is repeated by itself only where that is safe: a GET, or one that carries a `key` which the provider knows
    repeats by (`key_header`), or `repeatable=True`.
    """

    def __init__(self, provider: str, base_url: str, *, key_header: str = "Idempotency-Key") -> None:
        self._provider = provider
        self._base_url = base_url.rstrip("/")
        self._key_header = key_header

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        repeatable: bool = False,
        expect: tuple[int, ...] = (),
        **options: Any,
    ) -> httpx.Response:
        """`options` are httpx's (`json`, `data`, `params`, `headers`, `auth`).

        Returns any answer of 2xx, and those in `expect`. Raises ProviderError for every other.
        """
        if key:
            options["headers"] = {self._key_header: key, **options.get("headers", {})}
        tries = TRIES if method == "GET" or key or repeatable else 1
        for attempt in range(1, tries + 1):
            try:
                return self._once(method, path, expect, options)
            except ProviderError as error:
                wait = error.retry_after if error.retry_after is not None else FIRST_PAUSE * 2 ** (attempt - 1)
                if error.permanent or attempt == tries or wait > LONGEST_WAIT:
                    raise
                time.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311
        raise AssertionError  # the loop returns or raises

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON: see `call`."""
        response = self.call(method, path, **options)
        try:
            return response.json()
        except ValueError as error:
            raise self._error("answered no JSON", permanent=False, unknown=True) from error

    def _once(self, method: str, path: str, expect: tuple[int, ...], options: dict[str, Any]) -> httpx.Response:
        try:
            response = _client().request(method, f"{self._base_url}{path}", **options)
        except httpx.ConnectError as error:
            raise self._error("can't be reached", permanent=False) from error
        except httpx.HTTPError as error:
            raise self._error(f"did not answer: {type(error).__name__}", permanent=False, unknown=True) from error
        provider_requests_total.labels("payments", self._provider, f"{response.status_code // 100}xx").inc()
        if len(response.content) > LARGEST:
            raise self._error("answered too much", permanent=True)
        if response.is_success or response.status_code in expect:
            return response
        raise self._refused(method, path, response)

    def _refused(self, method: str, path: str, response: httpx.Response) -> ProviderError:
        status = response.status_code
        # the beginning of an error's body is for the operators; keys never stand in answers
        log.warning(
            "payment provider refused", provider=self._provider, method=method, status=status, said=response.text[:500]
        )
        return self._error(
            f"answered {status} to {method} {path.split('?')[0]}: {response.text[:200]}",
            permanent=status not in BUSY,
            unknown=status >= 500,
            retry_after=_seconds(response.headers.get("retry-after")),
        )

    def _error(
        self, message: str, *, permanent: bool, unknown: bool = False, retry_after: float | None = None
    ) -> ProviderError:
        public = "The payment service refused this." if permanent else "The payment service does not answer just now."
        return ProviderError(
            f"{self._provider} {message}", permanent=permanent, unknown=unknown, public=public, retry_after=retry_after
        )


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isdecimal() else None
