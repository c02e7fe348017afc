"""What a member makes of a provider that fails, and what it says of what it can not do."""

import base64
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.providers.base import (
    Charge,
    Forged,
    KeptCharge,
    NotOffered,
    PlanChange,
    Provider,
    ProviderError,
)
from tests.billing.providers.contract.base import (
    FamilyHooks,
    incoming_of,
    is_secret,
)
from tests.standins.payments import Delivery


class FailuresContract(FamilyHooks):
    def test_a_busy_provider_says_when_to_come_back(self, server, member):
        self.needs_a_wire()
        server.misbehave(*self.create, status=429, times=5, headers={"Retry-After": "7"})
        with pytest.raises(ProviderError) as busy:
            member.create_checkout(self.order(server))
        assert not busy.value.permanent
        assert busy.value.retry_after == 7

    @pytest.mark.parametrize("status", [400, 401])
    def test_a_refusal_is_for_good(self, server, member, status):
        self.needs_a_wire()
        server.misbehave(*self.create, status=status, times=5)
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server))
        assert refused.value.permanent
        assert not refused.value.unknown

    def test_a_provider_that_hangs_up_leaves_it_unknown(self, server, member):
        self.needs_a_wire()
        server.misbehave(*self.create, hang_up=True, times=5)
        with pytest.raises(ProviderError) as lost:
            member.create_checkout(self.order(server))
        assert lost.value.unknown
        assert not lost.value.permanent

    def test_no_secret_stands_in_an_error_or_the_log(self, server, member, caplog, capsys):
        self.needs_a_wire()
        caplog.set_level(logging.DEBUG)
        said = []
        for trouble in ({"status": 400}, {"status": 401}, {"hang_up": True}):
            server._troubles.clear()
            server.misbehave(*self.create, times=5, **trouble)
            with pytest.raises(ProviderError) as failed:
                member.create_checkout(self.order(server))
            said += [repr(failed.value), str(failed.value), failed.value.public]
        delivery, _ = self.notified_after(server, member)
        with pytest.raises(Forged) as forged:
            self.member_class(self.another_key(server.block)).verify(incoming_of(delivery))
        said += [str(forged.value), repr(member), caplog.text, *capsys.readouterr()]
        for secret in self.secrets(server.block):
            assert not [text for text in said if secret in text]

    def notified_after(self, server: Any, member: Provider) -> tuple[Delivery, Charge]:
        server._troubles.clear()
        return self.notified(server, member)

    def secrets(self, block: dict[str, Any]) -> list[str]:
        """What must never be seen, also as Basic authentication writes it."""
        plain = [value for name, value in block.items() if is_secret(name, value)]
        return plain + [base64.b64encode(f"{value}:".encode()).decode().rstrip("=") for value in plain]

    # --- what is not offered ---

    def test_what_is_not_offered_is_said(self, server, member):
        change = PlanChange(str(uuid.uuid4()), "sub", "Pro", 1999, self.currency, "month", "")
        kept = KeptCharge(str(uuid.uuid4()), "Top-up", 500, self.currency, "cus", "card")
        asked: dict[str, list[Callable[[], object]]] = {
            "subscribe": [
                lambda: member.create_checkout(self.order(server, every="month")),
                lambda: member.read_subscription("sub"),
                lambda: member.cancel_subscription("sub", at_period_end=True),
                lambda: member.resume_subscription("sub"),
            ],
            "change_plan": [lambda: member.preview_change(change), lambda: member.change_plan(change)],
            "keep": [lambda: member.charge_kept(kept)],
            "portal": [lambda: member.portal_url("cus", "https://troupe.example/wallet")],
            "list_charges": [lambda: list(member.list_charges(datetime.now(UTC).date()))],
        }
        for ability, calls in asked.items():
            if ability not in member.abilities:
                for call in calls:
                    with pytest.raises(NotOffered):
                        call()
