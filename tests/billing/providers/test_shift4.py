"""Shift4: held to the family's contract, and what is its own."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.providers.base import About, Incoming, NotOffered, ProviderError
from billing.providers.shift4 import Shift4
from tests.billing.providers.contract.base import incoming_of, now, today
from tests.billing.providers.family import FamilyContract
from tests.standins.payments import Delivery
from tests.standins.shift4_server import Shift4Server


class TestShift4(FamilyContract):
    server_class = Shift4Server
    member_class = Shift4
    other_amounts = ()  # whether yen are counted in yen is not confirmed, so they are refused
    create = ("POST", "/charges")
    refunding = ("POST", "/refunds")
    # nothing is signed, so headers say nothing; what counts is the event that is read back
    unseen_forgeries = frozenset({"no headers", "headers of nonsense"})

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        """Instead of any byte, one of the event's id: the rest is not looked at."""
        event_id = json.loads(delivery.body)["id"]
        forged = super().forgeries(delivery)
        others = {
            "a byte changed": event_id[:-1] + ("0" if event_id[-1] != "0" else "1"),
            "a path": "../charges",
            "a query": f"{event_id}?expand=all",
            "an escape": "%2e%2e",
            "another's": "event_000000000000000000000000",
        }
        for name, other in others.items():
            forged[name] = dataclasses.replace(delivery, body=json.dumps({"id": other}).encode())
        for name, thing in {"a number": 1, "a list": ["event"], "nothing": None}.items():
            forged[name] = dataclasses.replace(delivery, body=json.dumps({"id": thing}).encode())
        return forged

    def test_of_a_notification_nothing_but_the_id_is_believed(self, server, member):
        delivery, charge = self.notified(server, member)
        event = json.loads(delivery.body)
        event["type"], event["data"] = "CHARGE_REFUNDED", {"id": "char_of_somebody_else", "amount": 1}
        notice = member.verify(Incoming(json.dumps(event).encode(), {}))
        assert notice.kind == "CHARGE_SUCCEEDED"
        assert notice.about == (About("charge", charge.intent_id),)

    def test_a_notification_that_can_not_be_checked_is_no_forgery(self, server, member):
        delivery, _ = self.notified(server, member)
        server.misbehave("GET", "/events/.*", status=503, times=5)
        with pytest.raises(ProviderError) as down:
            member.verify(incoming_of(delivery))
        assert not down.value.permanent

    def test_a_wrong_key_of_ours_is_no_forgery_either(self, server, member):
        delivery, _ = self.notified(server, member)
        keyless = Shift4(server.block | {"API_KEY": "sk_test_revoked"})
        with pytest.raises(ProviderError):
            keyless.verify(incoming_of(delivery))

    def test_it_tells_in_order_until_it_is_answered_with_200(self, server, member):
        self.paid(server, member)
        answers = iter([503, 202, 200, 200])
        seen = []

        def post(delivery: Delivery) -> int:
            seen.append(member.verify(incoming_of(delivery)).kind)
            return next(answers)

        assert [server.deliver(post) for _ in range(3)] == [0, 0, 2]
        assert seen == ["CHARGE_PENDING", "CHARGE_PENDING", "CHARGE_PENDING", "CHARGE_SUCCEEDED"]

    def test_events_of_refunds_and_disputes_lead_to_their_charge(self, server, member):
        _, _, charge = self.paid(server, member)
        server.taken()
        server.dispute(charge.intent_id)
        server.win_dispute(charge.intent_id)
        server.refund(charge.intent_id, 100)
        notices = [member.verify(incoming_of(delivery)) for delivery in server.taken()]
        kinds = ["CHARGE_DISPUTE_CREATED", "CHARGE_DISPUTE_WON", "CHARGE_REFUNDED", "REFUND_UPDATED"]
        assert [notice.kind for notice in notices] == kinds
        assert {notice.about for notice in notices} == {(About("charge", charge.intent_id),)}

    def test_events_about_other_things_lead_nowhere(self, server, member):
        server.taken()
        server._tell("PAYOUT_CREATED", {"id": "po_1"})
        (delivery,) = server.taken()
        assert member.verify(incoming_of(delivery)).about == ()

    def test_a_refund_counts_when_it_is_through(self, server, member):
        _, _, charge = self.paid(server, member)
        answer = member.refund(self.refund_order(charge, 400))
        refund = server.charges[charge.intent_id]["refunds"][0]
        for status, refunded in (("pending", 0), ("failed", 0), ("successful", 400)):
            refund["status"] = status
            assert now(member, charge.intent_id).refunded == refunded
        assert answer.refund_id == refund["id"]

    def test_what_staff_write_about_a_refund_stays_here(self, server, member):
        _, _, charge = self.paid(server, member)
        member.refund(self.refund_order(charge, 400))
        assert b"mistake" not in server.asked[-1].body

    def test_a_currency_without_cents_is_refused_before_anything_is_asked(self, server, member):
        asked = len(server.asked)
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server, currency="JPY", amount=500))
        assert refused.value.permanent
        assert "JPY" in refused.value.public
        assert len(server.asked) == asked

    def test_a_way_to_pay_without_a_page_of_its_own_is_refused(self, server):
        member = Shift4(server.block | {"PAYMENT_METHOD": "apple_pay"})
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server))
        assert refused.value.permanent

    def test_a_day_is_read_page_by_page(self, server, member, monkeypatch):
        monkeypatch.setattr("billing.providers.shift4.PAGE", 2)
        made = {self.paid(server, member)[2].intent_id for _ in range(3)}
        before = server.count("GET", "/charges")
        listed = [charge.intent_id for charge in member.list_charges(today())]
        assert made <= set(listed)
        assert len(listed) == len(set(listed))
        assert server.count("GET", "/charges") - before == -(-len(listed) // 2)

    def test_a_day_begins_and_ends_in_utc(self, server, member):
        _, _, charge = self.paid(server, member)
        for when, included in (("00:00:00", True), ("23:59:59", True)):
            moment = datetime.fromisoformat(f"2026-03-01T{when}").replace(tzinfo=UTC)
            server.charges[charge.intent_id]["created"] = int(moment.timestamp())
            listed = {found.intent_id for found in member.list_charges(moment.date())}
            assert (charge.intent_id in listed) is included

    def test_it_has_no_subscriptions(self, server, member):
        with pytest.raises(NotOffered):
            member.create_checkout(self.order(server, every="year"))


def test_shift4_needs_its_block() -> None:
    with pytest.raises(KeyError):
        Shift4(dict[str, Any]())
