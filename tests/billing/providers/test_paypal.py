"""PayPal: held to the family's contract, and what is its own."""

from typing import Any

from billing.providers.paypal import PayPal
from tests.billing.providers.family import FamilyContract
from tests.standins.paypal_server import PayPalServer


class TestPayPal(FamilyContract):
    server_class = PayPalServer
    member_class = PayPal
    other_amounts = ((500, "JPY"), (120_000, "HUF"), (35_000, "TWD"))
    create = ("POST", "/v2/checkout/orders")
    refunding = ("POST", "/v2/payments/captures/.*/refund")

    def another_key(self, block: dict[str, Any]) -> dict[str, Any]:
        """What it signs is bound to the webhook's id, which is no secret."""
        return super().another_key(block) | {"WEBHOOK_ID": "8PT597110X687430L"}
