"""What an OpenAI-compatible server's failures mean to us, and which of them are worth another try."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import timezone
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from generation.providers.text.base import ProviderError

UNAVAILABLE = "This model isn't available right now."
BUSY = "This model is busy. Try again in a moment."
BROKEN = "The model's answer broke off."
REFUSED = "The provider's moderation refused this."

_REFUSALS = {"content_filter", "content_policy_violation", "moderation_blocked", "policy_violation"}
_OUT_OF_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_error", "billing_not_active"}
_PASSING = {408, 409, 425}


@dataclass(frozen=True, slots=True)
class Fault:
    """The error to raise, and whether a new request might fare better before any text has arrived."""

    error: ProviderError
    worth_retrying: bool


def fault_of(error: APIError, *, provider: str, model: str) -> Fault:
    """Sorts an exception of the openai library. What operators see never quotes a prompt."""
    if isinstance(error, APITimeoutError):
        return _passing(BUSY, private=f"{provider}: timed out.")
    if isinstance(error, APIConnectionError):
        return _passing(UNAVAILABLE, private=f"{provider}: connection failed ({_cause(error)}).")
    fields = _fields(error.body)
    status = error.status_code if isinstance(error, APIStatusError) else _as_status(fields.get("code"))
    wait = retry_after(error) if isinstance(error, APIStatusError) else None
    names = {str(fields[key]) for key in ("code", "type") if fields.get(key)}
    private = _describe(provider, model, status, fields)

    if names & _REFUSALS:
        return Fault(ProviderError("CONTENT_REJECTED", REFUSED, permanent=True, private=private), False)
    if names & _OUT_OF_CREDIT or status == 402:
        return _misconfigured(f"{private} The account is out of credit.")
    if status in {401, 403} or (status == 400 and "api key" in str(fields.get("message", "")).lower()):
        return _misconfigured(f"{private} Check the provider's API key.")
    if status == 404:
        return _misconfigured(f"{private} Check the model's name and the provider's base URL.")
    if status == 429:
        error_429 = ProviderError("RATE_LIMIT_EXCEEDED", BUSY, permanent=False, retry_after=wait, private=private)
        return Fault(error_429, True)
    if status is None or status >= 500 or status in _PASSING:
        return _passing(BUSY, private=private, wait=wait)
    return Fault(
        ProviderError("PROVIDER_ERROR", "The model refused the request.", permanent=True, private=private), False
    )


def retry_after(error: APIStatusError) -> float | None:
    """Seconds the server asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit)
        except ValueError:
            continue
    try:
        return max(0.0, (parsedate_to_datetime(headers.get("retry-after", "")) - timezone.now()).total_seconds())
    except (ValueError, TypeError):
        return None


def _passing(detail: str, *, private: str, wait: float | None = None) -> Fault:
    return Fault(
        ProviderError("PROVIDER_UNAVAILABLE", detail, permanent=False, retry_after=wait, private=private), True
    )


def _misconfigured(private: str) -> Fault:
    return Fault(ProviderError("PROVIDER_UNAVAILABLE", UNAVAILABLE, permanent=True, private=private), False)


def _fields(body: object) -> dict[str, Any]:
    """`{"error": {…}}`, its inside, Google's list of one of them, or nothing we know."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    return body if isinstance(body, dict) else {}


def _as_status(code: object) -> int | None:
    """Some servers answer 200 and put the status into the error they then stream."""
    return int(str(code)) if str(code).isdigit() else None


def _describe(provider: str, model: str, status: int | None, fields: dict[str, Any]) -> str:
    parts = [f"{provider}, model {model}: HTTP {status or 'error in the stream'}"]
    parts += [f"{key} {str(fields[key])[:80]}" for key in ("code", "type", "param") if fields.get(key)]
    if status in {401, 402, 403, 404, 429}:  # other messages may quote the prompt
        parts += [str(fields["message"])[:200]] if fields.get("message") else []
    return ", ".join(parts).rstrip(".") + "."


def _cause(error: APIConnectionError) -> str:
    return type(error.__cause__).__name__ if error.__cause__ else error.message.rstrip(".")
