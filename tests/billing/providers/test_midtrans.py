"""Midtrans: held to the family's contract, and what is its own."""

import dataclasses
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from billing.providers.base import About, Incoming, ProviderError
from billing.providers.midtrans import Midtrans, signature
from tests.billing.providers.contract.base import incoming_of, now, until_done
from tests.billing.providers.family import FamilyContract
from tests.standins.midtrans_server import MidtransServer
from tests.standins.payments import Delivery


class TestMidtrans(FamilyContract):
    server_class = MidtransServer
    member_class = Midtrans
    amount = 15_000_000  # hundredths: 150,000 rupiah
    currency = "IDR"
    other_amounts = ((100, "IDR"), (99_999_900, "IDR"))
    create = ("POST", "/snap/v1/transactions")
    refunding = ("POST", "/v2/.*/refund")
    wins_disputes = False  # what it tells of a dispute that was won is not known
    unseen_forgeries = frozenset({"no headers", "headers of nonsense"})  # the signature stands in the body

    def refund_order(self, charge, amount=None, *, already=0):
        """Whole rupiah, whatever a test divides by."""
        return super().refund_order(charge, None if amount is None else amount // 100 * 100, already=already)

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        """The byte that is changed is of what is signed: three fields are, and no others."""
        body, forged = delivery.body, super().forgeries(delivery)
        for name in ("order_id", "status_code", "gross_amount", "signature_key"):
            start = body.index(f'"{name}": '.encode()) + len(name) + 5
            changed = body[:start] + bytes([body[start] ^ 1]) + body[start + 1 :]
            forged[f"another {name}"] = dataclasses.replace(delivery, body=changed)
            for what, value in {"no": None, "a number as": 1, "a surrogate as": "\ud800"}.items():
                other = json.dumps(json.loads(body) | {name: value}).encode()
                forged[f"{what} {name}"] = dataclasses.replace(delivery, body=other)
        forged["a byte changed"] = forged["another order_id"]
        return forged

    # --- checkouts ---

    def test_a_part_of_a_rupiah_is_refused_before_anything_is_asked(self, server, member):
        asked = len(server.asked)
        for wrong in ({"amount": 15_000_050}, {"currency": "EUR", "amount": 900}):
            with pytest.raises(ProviderError) as refused:
                member.create_checkout(self.order(server, **wrong))
            assert refused.value.permanent
        assert len(server.asked) == asked

    def test_the_page_ends_with_the_order(self, server, member):
        member.create_checkout(self.order(server, expires_at=datetime.now(UTC) + timedelta(minutes=30, seconds=-5)))
        assert server.asked[-1].json["expiry"] == {"duration": 30, "unit": "minute"}

    def test_a_page_whose_address_was_lost_is_replaced_by_one_that_ends_it(self, server, member):
        order = self.order(server)
        server.misbehave(*self.create, times=1, after=True, hang_up=True)
        checkout = member.create_checkout(order)
        assert server.count("POST", "/snap/v1/transactions") >= 2
        assert checkout.url.endswith(server.pages[order.reference]["token"])

    def test_a_page_that_somebody_has_is_not_ended(self, server, member):
        order = self.order(server)
        first = member.create_checkout(order)
        made = server.count("POST", "/snap/v1/transactions")
        assert member.create_checkout(order) == first
        assert server.count("POST", "/snap/v1/transactions") == made

    def test_two_who_ask_at_once_do_not_end_each_others_page(self, server, member):
        order = self.order(server)
        server.misbehave(*self.create, times=2, status=0, delay=0.2)
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(member.create_checkout, [order, order])
        assert first == second
        assert first.url.endswith(server.pages[order.reference]["token"])

    def test_what_was_begun_gets_no_second_page_even_if_the_first_is_forgotten(self, server, member):
        for begin in (server.choose, server.pay):
            order = self.order(server)
            member.create_checkout(order)
            begin(order.reference)
            cache.delete(f"payment-page:kept:midtrans:{order.reference}")
            with pytest.raises(ProviderError) as refused:
                member.create_checkout(order)
            assert refused.value.permanent

    @pytest.mark.parametrize("http_codes", [False, True], ids=["in the body", "by HTTP"])
    def test_nothing_chosen_yet_is_open_however_404_is_said(self, server, member, http_codes):
        server.http_codes = http_codes
        try:
            order = self.order(server)
            checkout = member.create_checkout(order)
            assert member.read_checkout(checkout.session_id, order.reference).status == "open"
            assert member.read_charge(checkout.session_id) is None
        finally:
            server.http_codes = False

    def test_another_card_after_one_that_was_refused_is_the_same_charge(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        server.decline(checkout.session_id)
        declined = member.read_checkout(checkout.session_id, order.reference).charge
        first = server.transactions[order.reference]["transaction_id"]
        server.pay(checkout.session_id)
        paid = member.read_checkout(checkout.session_id, order.reference).charge
        assert server.transactions[order.reference]["transaction_id"] != first
        assert (declined.status, paid.status) == ("failed", "paid")
        assert declined.intent_id == paid.intent_id == order.reference

    def test_a_captured_card_is_paid_and_a_suspected_one_is_not(self, server, member):
        order = self.order(server)
        member.create_checkout(order)
        server.challenge(order.reference)
        assert member.read_checkout(order.reference, order.reference).status == "open"
        server.pay(order.reference, "credit_card")
        captured = now(member, order.reference)
        server.settle(order.reference)
        assert captured.status == now(member, order.reference).status == "paid"

    # --- what goes back ---

    @pytest.mark.parametrize("says_when", [True, False], ids=["with its time", "without"])
    def test_a_settlement_that_is_reversed_is_wholly_gone(self, server, member, says_when):
        order, checkout, charge = self.paid(server, member)
        server.taken()
        server.reverse(checkout.session_id, says_when=says_when)
        gone = now(member, charge.intent_id)
        assert gone.refunded == gone.amount == order.amount
        (delivery,) = server.taken()
        assert member.verify(incoming_of(delivery)).about == (About("reference", order.reference),)

    def test_a_card_that_is_not_settled_yet_is_let_go_of_as_a_whole(self, server, member):
        order = self.order(server)
        member.create_checkout(order)
        server.pay(order.reference, "credit_card")
        charge = now(member, order.reference)
        with pytest.raises(ProviderError) as later:
            member.refund(self.refund_order(charge, 100_000))
        assert not later.value.permanent
        assert later.value.retry_after
        refund = self.refund_order(charge)
        server.misbehave("POST", "/v2/.*/cancel", times=1, after=True, hang_up=True)
        first = until_done(lambda: member.refund(refund))
        assert member.refund(refund) == first
        assert now(member, order.reference).refunded == order.amount
        server_said = server.transactions[order.reference]["transaction_status"]
        assert server_said == "cancel"

    def test_a_refund_that_the_status_lists_is_not_asked_for_again(self, server, member):
        _, _, charge = self.paid(server, member)
        order = self.refund_order(charge, 500_000)
        member.refund(order)
        asked = server.count("POST", f"/v2/{charge.intent_id}/refund")
        member.refund(order)
        assert server.count("POST", f"/v2/{charge.intent_id}/refund") == asked

    def test_two_refunds_alike_are_two_events(self, server, member):
        _, _, charge = self.paid(server, member)
        server.taken()
        for _ in range(2):
            server.refund(charge.intent_id, 500_000)
        notices = [member.verify(incoming_of(delivery)) for delivery in server.taken()]
        assert len({notice.event_id for notice in notices}) == 2
        assert now(member, charge.intent_id).refunded == 1_000_000

    def test_a_part_of_a_rupiah_does_not_go_back(self, server, member):
        _, _, charge = self.paid(server, member)
        with pytest.raises(ProviderError) as refused:
            member.refund(dataclasses.replace(self.refund_order(charge), amount=150))
        assert refused.value.permanent
        assert now(member, charge.intent_id).refunded == 0

    def test_a_busy_core_is_asked_again_later(self, server, member):
        _, _, charge = self.paid(server, member)
        routes = server._compiled
        busy = {"status_code": "500", "status_message": "Sorry. Our system is recovering."}
        server._compiled = [(method, path, lambda *_: busy) for method, path, _ in routes]
        try:
            with pytest.raises(ProviderError) as failed:
                member.read_charge(charge.intent_id)
        finally:
            server._compiled = routes
        assert not failed.value.permanent
        assert failed.value.unknown

    # --- notifications ---

    def test_of_what_is_not_signed_nothing_is_believed(self, server, member):
        """Somebody who saw one notification can write others with its signature: all they lead to is a look."""
        order = self.order(server)
        member.create_checkout(order)
        server.choose(order.reference)
        (delivery,) = server.taken()
        lie = json.loads(delivery.body) | {"transaction_status": "settlement", "fraud_status": "accept"}
        notice = member.verify(Incoming(json.dumps(lie).encode(), {}))
        assert notice.about == (About("reference", order.reference),)
        assert member.read_checkout(order.reference, order.reference).status == "open"

    def test_hostile_words_beside_the_signature_stay_out(self, server, member):
        delivery, _ = self.notified(server, member)
        for word in ("\ud800", "a\x00b", "x" * 5_000, 5, None, {"a": 1}):
            body = json.loads(delivery.body) | {"transaction_status": word, "transaction_id": word}
            notice = member.verify(Incoming(json.dumps(body).encode(), {}))
            assert notice.kind == "transaction.unknown"
            assert len(notice.event_id) <= 255
            assert notice.event_id.isascii()
            assert notice.event_id.isprintable()


def test_the_known_signature_is_ours() -> None:
    assert signature("SB-Mid-server-TESTKEY", "order-42", "200", "150000.00") == (
        "d3aff6170b72f055c3d12d067dff90a03ecd7bada7bc3fc459ddf64bd833197873d33d1003d9e216d35e41e4e1a56a7671bb18f514b3af7f"
        "1d540069630b2889"
    )


def test_the_known_notification_is_believed() -> None:
    block = {"SERVER_KEY": "SB-Mid-server-TESTKEY", "SNAP_URL": "http://127.0.0.1:1", "CORE_URL": "http://127.0.0.1:1"}
    reference = str(uuid.uuid4())
    body = {
        "order_id": reference,
        "status_code": "200",
        "gross_amount": "150000.00",
        "transaction_status": "settlement",
    }
    body["signature_key"] = signature(block["SERVER_KEY"], reference, "200", "150000.00")
    notice = Midtrans(block).verify(Incoming(json.dumps(body).encode(), {}))
    assert notice.kind == "transaction.settlement"
