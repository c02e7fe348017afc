"""anymail's back end for Resend, told which tries are of one mail."""

from typing import Any

from anymail.backends.resend import EmailBackend, ResendPayload
from django.core.mail import EmailMessage


class ResendBackend(EmailBackend):
    def build_message_payload(self, message: EmailMessage, defaults: dict[str, Any]) -> ResendPayload:
        """With an idempotency key: a try that Resend took, and we don't know of, is not sent a second time."""
        payload = super().build_message_payload(message, defaults)
        payload.headers["Idempotency-Key"] = message.extra_headers["X-Entity-Ref-ID"]
        return payload
