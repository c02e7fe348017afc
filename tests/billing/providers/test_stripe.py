"""Stripe: what the whole family is held to, and its own ways."""

from typing import ClassVar

import pytest
from stripe import HTTPClient

from billing.providers.stripe import Stripe
from tests.billing.providers.family import FamilyContract
from tests.standins.stripe_server import StripeServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits half a second before it tries again."""
    monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0.01)


class TestStripe(FamilyContract):
    server_class = StripeServer
    member_class = Stripe
    other_amounts: ClassVar[tuple[tuple[int, str], ...]] = ((500, "JPY"), (999, "EUR"), (12345, "KWD"), (800, "ISK"))
    unknown_intent = "pi_nobody"
    timestamped = True
    create = ("POST", "/v1/checkout/sessions")
    refunding = ("POST", "/v1/refunds")
    keeping = ("POST", "/v1/payment_intents")
