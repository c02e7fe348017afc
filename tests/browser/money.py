"""Somebody who has paid, for pages that show it. The sandbox takes the money."""

import uuid
from dataclasses import dataclass
from typing import Any

from billing import services
from billing.models import CheckoutSession, Payment
from billing.sandbox import services as sandbox


@dataclass(frozen=True)
class Paid:
    """A pack that was paid, and a checkout that waits."""

    payment: Payment
    waiting: CheckoutSession

    @property
    def paths(self) -> list[str]:
        """Every page of money that a payer has."""
        return [
            "/pricing",
            "/pricing?period=year&currency=EUR",
            "/wallet",
            "/wallet/plan",
            "/wallet/plan/change?plan=pro&period=month",
            "/wallet/payments",
            f"/wallet/payments/{self.payment.pk}",
            "/wallet/invoices",
            f"/wallet/invoices/{self.payment.invoice.pk}",
            "/wallet/top-up",
            f"/checkout/return?session={self.payment.session_id}",
            f"/checkout/return?session={self.waiting.pk}",
            f"/checkout/return?session={self.waiting.pk}&cancelled=1",
        ]


def pays(member: Any) -> Paid:
    """Buys a pack and takes a plan; one more checkout is open."""
    session = checkout(member, type="one_time", pack="creator")
    for paid in (session, checkout(member, type="subscription", plan="premium", billing_period="month")):
        sandbox.pay(uuid.UUID(paid.provider_session_id))
        services.follow_session(paid)
    return Paid(Payment.objects.get(session=session), checkout(member, type="one_time", pack="studio"))


def checkout(member: Any, **wish: str) -> CheckoutSession:
    return services.start_checkout(
        user=member.user, organization_id=member.organization_id, key=str(uuid.uuid4()), provider="sandbox", **wish
    )
