"""TrustPay: held to the family's contract, and what is its own."""

import dataclasses
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache

from billing.providers.base import About, Forged, Incoming, ProviderError
from billing.providers.trustpay import TrustPay, signature, signed_text
from tests.billing.providers.contract.base import incoming_of, now, until_done
from tests.billing.providers.family import FamilyContract
from tests.standins.payments import Answer, Delivery
from tests.standins.trustpay_server import TrustPayServer

CREATE = "/api/Payments/Payment"
TOKEN = "/api/oauth2/token"


class TestTrustPay(FamilyContract):
    server_class = TrustPayServer
    member_class = TrustPay
    currency = "EUR"
    other_amounts = ()  # how amounts without cents are written is not confirmed, so they are refused
    create = ("POST", CREATE)
    refunding = ("POST", f"{CREATE}/.*/Refund")
    wins_disputes = False  # what it tells of a dispute that was won is not known
    dates_payments = False  # nor by what name it gives a time, if it does
    unseen_forgeries = frozenset({"no headers", "headers of nonsense"})  # the signature stands in the body

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        """The byte that is changed is of a value: the names of fields are not signed."""
        forged = super().forgeries(delivery)
        if delivery.method == "GET":
            return forged
        for name in (
            "MerchantReference",
            "Status",
            "Currency",
            "PaymentRequestId",
            "Signature",
            "CreditDebitIndicator",
        ):
            body = delivery.body
            start = body.index(f'"{name}": '.encode()) + len(name) + 5
            changed = body[:start] + bytes([body[start] ^ 1]) + body[start + 1 :]
            forged[f"another {name}"] = dataclasses.replace(delivery, body=changed)
        forged["a byte changed"] = forged["another MerchantReference"]
        body = json.loads(delivery.body)
        for name, other in {"no signature": None, "a number": 5, "half of one": body["Signature"][:32]}.items():
            forged[name] = dataclasses.replace(delivery, body=json.dumps(body | {"Signature": other}).encode())
        lower = body | {"Signature": body["Signature"].lower()}
        forged["lower case"] = dataclasses.replace(delivery, body=json.dumps(lower).encode())
        for name, value in {"a surrogate": "\ud800", "a huge number": 10**400, "nothing at all": {}}.items():
            other = body | {"PaymentInformation": value}
            forged[name] = dataclasses.replace(delivery, body=json.dumps(other).encode())
        return forged

    # --- tokens ---

    def test_a_token_serves_until_shortly_before_its_end(self, server, member):
        server.revoke_tokens()
        member.read_charge("1")
        before = server.count("POST", TOKEN)
        for _ in range(3):
            TrustPay(server.block).read_charge("1")
        assert server.count("POST", TOKEN) == before
        server.token_seconds = 60
        server.revoke_tokens()
        try:
            for _ in range(3):
                TrustPay(server.block).read_charge("1")
        finally:
            server.token_seconds = 1800
        assert server.count("POST", TOKEN) == before + 3

    def test_a_token_that_ended_early_is_renewed_once_and_the_call_repeated(self, server, member):
        order = self.order(server)
        member.read_charge("1")
        server.revoke_tokens()
        tokens, payments = server.count("POST", TOKEN), len(server.payments)
        assert member.create_checkout(order).url
        assert server.count("POST", TOKEN) == tokens + 1
        assert len(server.payments) == payments + 1

    def test_keys_that_are_wrong_are_said_so_without_asking_for_ever(self, server):
        stranger = TrustPay(server.block | {"SECRET_KEY": "not-the-secret"})
        before = len(server.asked)
        with pytest.raises(ProviderError) as refused:
            stranger.read_charge("1")
        assert refused.value.permanent
        assert len(server.asked) == before + 1

    def test_an_answer_without_a_token_is_a_refusal(self, server, monkeypatch):
        stranger = TrustPay(server.block | {"PROJECT_ID": "4107000000"})
        nothing = {"ResultInfo": {"ResultCode": 1133001}}
        monkeypatch.setattr(server, "authenticate", lambda _: Answer(200, nothing))
        with pytest.raises(ProviderError) as refused:
            stranger.read_charge("1")
        assert refused.value.permanent

    # --- pages ---

    def test_two_who_ask_at_once_are_given_the_same_page(self, server, member):
        order, made = self.order(server), len(server.payments)
        server.misbehave(*self.create, times=2, status=0, delay=0.2)
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(member.create_checkout, [order, order])
        assert first == second
        assert len(server.payments) == made + 1

    def test_who_waits_too_long_for_another_may_come_again(self, server, member, monkeypatch):
        monkeypatch.setattr("billing.providers.pages.LOOKS", 2)
        monkeypatch.setattr("billing.providers.pages.PAUSE", 0.01)
        order = self.order(server)
        asking = f"payment-page:asking:trustpay:{order.reference}"
        cache.set(asking, 1, 5)
        with pytest.raises(ProviderError) as busy:
            member.create_checkout(order)
        assert not busy.value.permanent
        cache.delete(asking)
        assert member.create_checkout(order).url

    def test_a_page_is_forgotten_with_its_order(self, server, member):
        order = self.order(server)
        first = member.create_checkout(order)
        cache.delete(f"payment-page:kept:trustpay:{order.reference}")
        assert member.create_checkout(order) != first

    def test_the_page_is_asked_to_tell_us_and_to_lead_back(self, server, member, settings):
        order = self.order(server)
        checkout = member.create_checkout(order)
        urls = server.payments[int(checkout.session_id)]["urls"]
        assert urls["Notification"] == f"{settings.PUBLIC_URL}/webhooks/trustpay"
        assert (urls["Success"], urls["Cancel"]) == (order.success_url, order.cancel_url)

    def test_a_currency_without_cents_is_refused_before_anything_is_asked(self, server, member):
        asked = len(server.asked)
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server, currency="JPY", amount=500))
        assert refused.value.permanent
        assert len(server.asked) == asked

    # --- refunds ---

    def test_a_refund_that_got_through_late_is_found(self, server, member):
        """It was not there when we looked, and was when we asked: TrustPay refuses, and we look again."""
        _, _, charge = self.paid(server, member)
        server.misbehave("POST", f"{CREATE}/.*/Refund", times=1, status=0, delay=0.4)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(member.refund, self.refund_order(charge))
            while not server.count("POST", f"{CREATE}/{charge.intent_id}/Refund"):
                time.sleep(0.01)
            server.refund(charge.intent_id)
            assert late.result().status == "succeeded"
        assert now(member, charge.intent_id).refunded == charge.amount

    def test_a_refund_is_asked_for_once_however_often_answers_are_lost(self, server, member):
        _, _, charge = self.paid(server, member)
        server.misbehave(*self.refunding, times=1, after=True, hang_up=True)
        order = self.refund_order(charge)
        until_done(lambda: member.refund(order))
        member.refund(order)
        assert server.count("POST", f"{CREATE}/{charge.intent_id}/Refund") == 1

    def test_a_refund_under_way_is_pending_and_one_refused_is_refused(self, server, member):
        for code, permanent in ((1130001, None), (1132004, True), (1132014, False)):
            _, _, charge = self.paid(server, member)
            answer = {"PaymentRequestId": 7, "ResultInfo": {"ResultCode": code}}
            routes = server._compiled
            server._compiled = [
                (method, path, (lambda *_, answer=answer: answer) if path.pattern.endswith("Refund$") else handle)
                for method, path, handle in routes
            ]
            try:
                if permanent is None:
                    assert member.refund(self.refund_order(charge)).status == "pending"
                    continue
                with pytest.raises(ProviderError) as refused:
                    member.refund(self.refund_order(charge))
                assert refused.value.permanent is permanent
            finally:
                server._compiled = routes

    def test_a_notification_of_a_refund_leads_to_what_was_paid(self, server, member):
        order, _, charge = self.paid(server, member)
        server.taken()
        member.refund(self.refund_order(charge))
        (delivery,) = server.taken()
        notice = member.verify(incoming_of(delivery))
        assert notice.kind == "DBIT.Paid"
        assert notice.about == (About("reference", order.reference),)

    # --- the older API ---

    def test_a_notification_by_query_is_verified(self, server, member):
        reference = str(uuid.uuid4())
        server.tell_by_query(reference)
        (delivery,) = server.taken()
        notice = member.verify(incoming_of(delivery))
        assert notice.about == (About("reference", reference),)
        assert notice.event_id == "7001:0:0"

    def test_a_forged_query_is_refused(self, server, member):
        server.tell_by_query(str(uuid.uuid4()))
        (delivery,) = server.taken()
        for name, forged in self.forged_queries(delivery).items():
            try:
                member.verify(incoming_of(forged))
            except Forged:
                continue
            pytest.fail(f"believed: {name}")

    def test_a_status_never_heard_of_is_on_its_way(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        for status in ("Authorized", "Authorizing", "SomethingNew", None):
            server.payments[int(checkout.session_id)]["status"] = status
            assert member.read_checkout(checkout.session_id, order.reference).status == "open"


# --- signatures: the vectors that came with the facts -----------------------------------------------------------------

SECRET = "tp-secret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4107111111/12.50/EUR/order-42/0", "0C7CC96433061AC40C905665F3BC36372219E44DB5BBB0E312DD98BD0F1854B3"),
        (
            "4107111111/12.50/EUR/CRDT/0/9001/7001/order-42",
            "4F6CB7B27ED300F134F221B4EB7B974C33B9D54F20691D8AD06BF6D8C2700D9D",
        ),
        (
            "4107111111/12.50/EUR/order-43/4/123456789",
            "3DA9BE7443B90BFCF3D520CA6DBEBD1CC1AE4E17C5C2F96F9A8CEE58F924CA8A",
        ),
    ],
)
def test_texts_are_signed_as_known(text: str, expected: str) -> None:
    assert signature(SECRET, text) == expected


def aapi_notification() -> dict[str, Any]:
    return {
        "PaymentMethod": "Card",
        "MerchantIdentification": {"ProjectId": "4107111111"},
        "PaymentInformation": {
            "Amount": {"Amount": 12.5, "Currency": "EUR"},
            "CreditDebitIndicator": "CRDT",
            "Status": "Paid",
            "References": {
                "MerchantReference": "order-42",
                "PaymentId": "9001",
                "PaymentRequestId": "1234567",
                "OriginalPaymentId": None,
            },
            "StatusReasonInformation": {"Reason": {"Code": None, "RejectReason": ""}},
        },
    }


def test_a_notification_is_signed_by_its_values_in_order() -> None:
    text = signed_text(aapi_notification())
    assert text == "12.50/1234567/4107111111/9001/CRDT/Card/EUR/Paid/order-42"
    assert signature(SECRET, text) == "B7A5AC51FAE82169490A892839D6EF6974EC5E69790DA824FD0A250C4F4D59EE"


def test_the_known_notification_and_wire_query_are_believed() -> None:
    member = TrustPay({"PROJECT_ID": "4107111111", "SECRET_KEY": SECRET, "BASE_URL": "http://127.0.0.1:1"})
    signed = aapi_notification() | {"Signature": "B7A5AC51FAE82169490A892839D6EF6974EC5E69790DA824FD0A250C4F4D59EE"}
    notice = member.verify(Incoming(json.dumps(signed).encode(), {}))
    assert notice.event_id == "1234567:Paid:9001"
    assert notice.about == (About("reference", "order-42"),)
    query = {
        "AccountId": "4107111111",
        "Amount": "12.50",
        "Currency": "EUR",
        "Type": "CRDT",
        "ResultCode": "0",
        "OrderId": "9001",
        "PaymentId": "7001",
        "Reference": "order-42",
        "Signature": "4F6CB7B27ED300F134F221B4EB7B974C33B9D54F20691D8AD06BF6D8C2700D9D",
    }
    assert member.verify(Incoming(b"", {}, query)).about == (About("reference", "order-42"),)


@pytest.mark.parametrize(
    ("value", "text"),
    [(10, "10.00"), (12.5, "12.50"), (0.1, "0.10"), ("10", "10"), (None, ""), ("", ""), ([], ""), (True, "true")],
)
def test_numbers_have_two_decimals_and_empty_values_are_left_out(value: Any, text: str) -> None:
    assert signed_text({"a": {"b": [value]}}) == text
