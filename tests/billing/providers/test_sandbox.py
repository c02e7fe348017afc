"""The sandbox as a member of the family. It is asked within the process, so its "server" is the payer's side alone."""

import uuid
from typing import Any, Self

import pytest
from django.conf import settings
from django.utils import timezone

from billing.models import SandboxCheckout, SandboxDelivery
from billing.providers.base import ProviderError
from billing.providers.sandbox import Sandbox
from billing.sandbox import services, webhooks
from tests.billing.providers.family import FamilyContract
from tests.standins.payments import Delivery


class SandboxPayer:
    """The payer's side of a stand-in, played by the sandbox's own services."""

    def __init__(self) -> None:
        self._troubles: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def block(self) -> dict[str, Any]:
        return settings.PAYMENT_PROVIDERS["sandbox"]

    def payable(self, reference: str) -> int:
        checkouts = SandboxCheckout.objects.filter(reference=reference, status="open")
        return sum(not services.has_expired(checkout) for checkout in checkouts)

    def pay(self, session_id: str) -> None:
        services.pay(uuid.UUID(session_id))

    def decline(self, session_id: str) -> None:
        services.decline(uuid.UUID(session_id))

    def expire(self, session_id: str) -> None:
        SandboxCheckout.objects.filter(pk=session_id).update(expires_at=timezone.now())
        assert services.expire_old() == 1

    def refund(self, intent_id: str, amount: int) -> None:
        services.refund_charge(uuid.UUID(intent_id), amount)

    def dispute(self, intent_id: str) -> None:
        services.dispute(uuid.UUID(intent_id))

    def win_dispute(self, intent_id: str) -> None:
        services.settle_dispute(uuid.UUID(intent_id), won=True)

    def renew(self, subscription_id: str) -> None:
        services.renew(uuid.UUID(subscription_id))

    def fail_renewal(self, subscription_id: str) -> None:
        services.fail_next(uuid.UUID(subscription_id))
        services.renew(uuid.UUID(subscription_id))

    def taken(self) -> list[Delivery]:
        waiting = list(SandboxDelivery.objects.filter(status="waiting").order_by("id"))
        SandboxDelivery.objects.filter(pk__in=[one.pk for one in waiting]).update(status="delivered")
        now, key = timezone.now(), self.block["SECRET_KEY"]
        return [Delivery(one.body.encode(), webhooks.headers_of(one, key, now)) for one in waiting]


@pytest.mark.django_db
class TestSandbox(FamilyContract):
    server_class = SandboxPayer
    member_class = Sandbox
    over_http = False
    timestamped = True
    declined = frozenset({"failed"})

    @pytest.fixture(autouse=True)
    def _quiet_server(self, server: SandboxPayer, db: None) -> None:
        """Every test begins with empty tables."""

    def test_a_lost_dispute_stays_one(self, server, member):
        _, _, charge = self.paid(server, member)
        server.dispute(charge.intent_id)
        with pytest.raises(ProviderError, match="disputed"):
            member.refund(self.refund_order(charge))
        services.settle_dispute(uuid.UUID(charge.intent_id), won=False)
        assert member.read_charge(charge.intent_id).disputed
        with pytest.raises(ProviderError):
            server.win_dispute(charge.intent_id)

    def test_its_signature_is_not_made_with_the_sites_own_key(self, server):
        assert settings.SECRET_KEY not in repr(vars(webhooks.signer(settings.SECRET_KEY)))
        assert webhooks.signer(settings.SECRET_KEY)._whsecret != settings.SECRET_KEY.encode()
