"""What a mail server's refusal means: try again, wait first, or give up."""

import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from anymail.exceptions import AnymailAPIError, AnymailError
from django.template import TemplateSyntaxError

LONGEST_WAIT = timedelta(minutes=15)
TEXT_LENGTH = 1000
TOO_MANY = 429
# what Resend answers to a mail that it will never take; a wrong key or an unproven domain are ours to set right
NEVER = {400, 413, 422}


@dataclass(frozen=True)
class Refusal:
    """`name` is for the log (no address in it), `text` for operators; `wait` is what the server asked for."""

    name: str
    text: str
    final: bool = False
    only_wait: bool = False
    wait: timedelta | None = None


def refusal_of(error: Exception) -> Refusal:
    name, text = type(error).__name__, f"{type(error).__name__}: {error}"[:TEXT_LENGTH]
    if isinstance(error, AnymailAPIError):
        status = error.status_code
        name = f"{name} {status or ''}".strip()
        return Refusal(name, text, final=status in NEVER, only_wait=status == TOO_MANY, wait=_asked_wait(error))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return Refusal(f"{name} {codes[0]}", text, final=all(map(_is_permanent, codes)))
    if isinstance(error, smtplib.SMTPDataError):
        return Refusal(f"{name} {error.smtp_code}", text, final=_is_permanent(error.smtp_code))
    # the mail as we made it can't be sent, however often it is tried; a network's errors are all of OSError
    broken = isinstance(error, AnymailError | ValueError | LookupError | TypeError | TemplateSyntaxError)
    return Refusal(name, text, final=broken and not isinstance(error, OSError))


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600


def _asked_wait(error: AnymailAPIError) -> timedelta | None:
    """`Retry-After`, in seconds or as a date, between one second and a quarter of an hour."""
    header = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    if header.isascii() and header.isdigit():
        wait = timedelta(seconds=min(int(header[:6]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            wait = parsedate_to_datetime(header) - datetime.now(UTC)
        except (TypeError, ValueError):
            return None
    return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)
