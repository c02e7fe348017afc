"""Xendit: held to the family's contract, and what is its own."""

import dataclasses
import json
import time
import uuid
from typing import Any

import pytest

from billing.providers.base import About, Forged, Incoming, ProviderError
from billing.providers.xendit import Xendit
from tests.billing.providers.contract.base import incoming_of, now, until_done
from tests.billing.providers.family import FamilyContract
from tests.standins.payments import Delivery
from tests.standins.xendit_server import XenditServer


class TestXendit(FamilyContract):
    server_class = XenditServer
    member_class = Xendit
    amount = 15_000_000
    currency = "IDR"
    other_amounts = ((20_000, "VND"), (99_950, "PHP"))
    create = ("POST", "/sessions")
    refunding = ("POST", "/refunds")
    disputes = False  # no notification of a chargeback is documented
    unseen_forgeries = frozenset({"a byte changed"})  # the token says nothing of the body

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        """The byte that is changed is of the amount, which nobody believes."""
        forged = super().forgeries(delivery)
        body = json.loads(delivery.body)
        cheap = body | {"data": body["data"] | {"amount": 1}}
        others: dict[str, Any] = {
            "no event": body | {"event": None},
            "a strange event": body | {"event": "x" * 5000},
            "no data": body | {"data": None},
            "a path": body | {"data": {"payment_session_id": "../refunds"}},
            "a list": body | {"data": {"payment_session_id": ["ps-1"]}},
        }
        forged |= {
            name: dataclasses.replace(delivery, body=json.dumps(one).encode())
            for name, one in (others | {"a byte changed": cheap}).items()
        }
        headers = {
            "half a token": {"x-callback-token": XenditServer.token[:10]},
            "an empty one": {"x-callback-token": ""},
        }
        return forged | {name: dataclasses.replace(delivery, headers=one) for name, one in headers.items()}

    def test_of_a_notification_nothing_but_ids_is_believed(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        data = {"payment_session_id": checkout.session_id, "status": "COMPLETED", "amount": order.amount}
        body = json.dumps({"event": "payment_session.completed", "data": data}).encode()
        notice = member.verify(Incoming(body, {"x-callback-token": server.token}))
        assert notice.event_id == f"payment_session.completed:{checkout.session_id}"
        assert notice.about == (About("checkout", checkout.session_id),)
        assert member.read_checkout(checkout.session_id, order.reference).status == "open"

    def test_the_token_is_compared_in_constant_time(self, member, mocker_of_compare):
        with pytest.raises(Forged):
            member.verify(Incoming(b"{}", {"x-callback-token": "wrong"}))
        assert mocker_of_compare == [(b"wrong", XenditServer.token.encode())]

    @pytest.fixture
    def mocker_of_compare(self, monkeypatch):
        asked: list[tuple[bytes, bytes]] = []
        monkeypatch.setattr("billing.providers.xendit.hmac.compare_digest", lambda a, b: asked.append((a, b)))
        return asked

    def test_a_lost_page_is_never_handed_out_beside_another(self, server, member):
        order = self.order(server)
        server.misbehave(*self.create, times=1, after=True, hang_up=True)
        with pytest.raises(ProviderError) as lost:
            member.create_checkout(order)
        assert lost.value.unknown
        first = member.create_checkout(order)
        assert member.create_checkout(order) == first
        made = [one for one in server.sessions.values() if one["reference_id"].startswith(order.reference)]
        assert len(made) == 2
        assert len({one["reference_id"] for one in made}) == 2
        assert self.payable(server, order.reference) == 1

    def test_a_page_that_has_ended_is_not_given_again(self, server, member):
        order = self.order(server)
        first = member.create_checkout(order)
        server.expire(first.session_id)
        assert member.create_checkout(order).session_id != first.session_id
        assert self.payable(server, order.reference) == 1

    def test_a_payment_on_its_way_is_pending(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        request_id = server.wait_for_bank(checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert (state.status, state.charge and state.charge.status) == ("open", "pending")
        server.requests[request_id]["status"] = "SUCCEEDED"
        assert member.read_checkout(checkout.session_id, order.reference).status == "paid"

    def test_a_refund_that_the_bank_is_slow_with_counts_when_it_is_done(self, server, member):
        _, _, charge = self.paid(server, member)
        server.slow_refunds = True
        try:
            answer = member.refund(self.refund_order(charge))
        finally:
            server.slow_refunds = False
        assert answer.status == "pending"
        assert now(member, charge.intent_id).refunded == 0
        server.settle(answer.refund_id)
        assert now(member, charge.intent_id).refunded == charge.amount

    def test_a_refund_is_found_again_when_its_key_is_forgotten(self, server, member):
        _, _, charge = self.paid(server, member)
        order = self.refund_order(charge, charge.amount // 3)
        first = member.refund(order)
        server._replays.clear()
        assert member.refund(order) == first
        assert now(member, charge.intent_id).refunded == order.amount

    def test_refunds_of_others_are_not_counted_however_many_there_are(self, server, member):
        _, _, charge = self.paid(server, member)
        member.refund(self.refund_order(charge, 100_000))
        for _ in range(12):
            _, _, other = self.paid(server, member)
            server.refund(other.intent_id)
        assert now(member, charge.intent_id).refunded == 100_000

    def test_a_refund_names_its_charge(self, server, member):
        _, _, charge = self.paid(server, member)
        server.taken()
        member.refund(self.refund_order(charge))
        (delivery,) = server.taken()
        assert member.verify(incoming_of(delivery)).about == (About("charge", charge.intent_id),)

    def test_an_amount_is_a_number_and_whole_where_it_can_be(self, server, member):
        member.create_checkout(self.order(server))
        assert b'"amount":150000,' in server.asked[-1].body.replace(b" ", b"")
        member.create_checkout(self.order(server, amount=99_950, currency="PHP"))
        assert b'"amount":999.5,' in server.asked[-1].body.replace(b" ", b"")

    def test_another_currency_is_refused_before_anybody_is_asked(self, server, member):
        asked = len(server.asked)
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server, currency="EUR"))
        assert refused.value.permanent
        assert len(server.asked) == asked

    def test_a_busy_refund_is_tried_again_by_itself(self, server, member):
        _, _, charge = self.paid(server, member)
        server.misbehave("POST", "/refunds", status=429, headers={"Retry-After": "0"})
        began = time.monotonic()
        until_done(lambda: member.refund(self.refund_order(charge)))
        assert time.monotonic() - began < 2
        assert now(member, charge.intent_id).refunded == charge.amount

    def test_what_concerns_nothing_of_ours_is_kept_and_done_with(self, server, member):
        body = json.dumps({"event": "payout.succeeded", "data": {"id": f"disb-{uuid.uuid4()}"}}).encode()
        assert member.verify(Incoming(body, {"x-callback-token": server.token})).about == ()
