"""PayPal: held to the family's contract, and what is its own."""

import dataclasses
import json
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from billing.providers.base import About, Forged, NotOffered, ProviderError
from billing.providers.paypal import PayPal, api
from billing.providers.paypal.signature import certificate_address, signed_text
from tests.billing.providers.contract.base import incoming_of, now, paid_charges, same, until_done
from tests.billing.providers.family import FamilyContract
from tests.standins.payments import Delivery
from tests.standins.paypal_server import PayPalServer
from tests.standins.paypal_signing import authority, certificate

CAPTURE = "/v2/checkout/orders/[A-Z0-9]+/capture"


class TestPayPal(FamilyContract):
    server_class = PayPalServer
    member_class = PayPal
    other_amounts = ((500, "JPY"), (120_000, "HUF"), (35_000, "TWD"))
    create = ("POST", "/v2/checkout/orders")
    refunding = ("POST", "/v2/payments/captures/.*/refund")

    def another_key(self, block: dict[str, Any]) -> dict[str, Any]:
        """What it signs is bound to the webhook's id, which is no secret."""
        return super().another_key(block) | {"WEBHOOK_ID": "8PT597110X687430L"}

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        forged = super().forgeries(delivery)
        again = json.dumps(json.loads(delivery.body), separators=(",", ":")).encode()
        forged["written again"] = dataclasses.replace(delivery, body=again)
        later = (datetime.now(UTC) + timedelta(seconds=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
        changes = {
            "ID": str(uuid.uuid4()),
            "TIME": later,
            "SIG": "AAAA",
        }
        headers = {f"PAYPAL-TRANSMISSION-{name}": value for name, value in changes.items()}
        elsewhere = "https://paypal.com.evil.example/v1/notifications/certs/CERT-1"
        headers |= {"PAYPAL-AUTH-ALGO": "none", "PAYPAL-CERT-URL": elsewhere}
        for name, value in headers.items():
            forged[f"another {name}"] = dataclasses.replace(delivery, headers=delivery.headers | {name: value})
        return forged

    # --- the token ---

    def test_one_token_serves_many_calls(self, server, member):
        member.create_checkout(self.order(server))
        asked = server.count("POST", "/v1/oauth2/token")
        self.make_member(server).create_checkout(self.order(server))
        assert server.count("POST", "/v1/oauth2/token") == asked

    def test_a_token_that_was_refused_is_renewed_once(self, server, member):
        member.create_checkout(self.order(server))
        server.tokens.clear()
        asked = server.count("POST", "/v1/oauth2/token")
        assert member.create_checkout(self.order(server)).url
        assert server.count("POST", "/v1/oauth2/token") == asked + 1

    def test_a_token_is_renewed_before_it_ends(self, server, member):
        member.create_checkout(self.order(server))
        token, _ = api._tokens[member._api._account]
        api._tokens[member._api._account] = (token, time.monotonic() - 1)
        asked = server.count("POST", "/v1/oauth2/token")
        member.create_checkout(self.order(server))
        assert server.count("POST", "/v1/oauth2/token") == asked + 1

    # --- captures ---

    @pytest.mark.parametrize("hang_up", [False, True], ids=["500", "hang-up"])
    def test_a_capture_whose_answer_was_lost_takes_the_money_once(self, server, member, hang_up):
        order = self.order(server)
        checkout = member.create_checkout(order)
        server.pay(checkout.session_id)
        server.misbehave("POST", CAPTURE, after=True, hang_up=hang_up)
        state = until_done(lambda: member.read_checkout(checkout.session_id, order.reference))
        assert state.status == "paid"
        assert sum(one["custom_id"] == order.reference for one in server.captures.values()) == 1

    def test_a_capture_on_its_way_is_no_money_yet(self, server, member):
        for end, status in (("COMPLETED", "paid"), ("DECLINED", "failed")):
            order = self.order(server)
            checkout = member.create_checkout(order)
            server.hold(checkout.session_id)
            state = member.read_checkout(checkout.session_id, order.reference)
            assert state.charge
            assert (state.status, state.charge.status) == ("open", "pending")
            server.clear(state.charge.intent_id, end)
            assert member.read_checkout(checkout.session_id, order.reference).status == status

    def test_a_card_that_was_refused_may_be_followed_by_another(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        server.decline(checkout.session_id)
        assert member.read_checkout(checkout.session_id, order.reference).status == "open"
        server.pay(checkout.session_id)
        assert member.read_checkout(checkout.session_id, order.reference).status == "paid"

    def test_a_fraction_of_what_has_none_is_refused_before_anybody_is_asked(self, server, member):
        asked = len(server.asked)
        with pytest.raises(ProviderError) as refused:
            member.create_checkout(self.order(server, amount=999, currency="HUF"))
        assert refused.value.permanent
        assert len(server.asked) == asked

    def test_a_dispute_that_was_lost_stays_one(self, server, member):
        _, _, charge = self.paid(server, member)
        server.dispute(charge.intent_id)
        server.lose_dispute(charge.intent_id)
        assert now(member, charge.intent_id).disputed

    # --- subscriptions ---

    def test_one_plan_serves_all_who_pay_its_price(self, server, member):
        before = len(server.plans)
        for _ in range(2):
            self.subscribed(server, member, description=f"A plan {uuid.UUID(int=5)}")
        assert len(server.plans) == before + 1

    def test_a_subscription_has_not_begun_before_its_first_payment(self, server, member):
        order = self.order(server, every="month")
        checkout = member.create_checkout(order)
        server.agree_without_paying(checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.subscription
        assert (state.status, state.subscription.status) == ("open", "incomplete")

    def test_what_its_payer_ends_at_paypal_holds_for_the_time_that_is_paid(self, server, member):
        _, state = self.subscribed(server, member)
        server.cancel(state.subscription_id)
        ended = same(member, state)
        assert (ended.status, ended.cancel_at_period_end) == ("active", True)
        with pytest.raises(ProviderError) as gone:
            member.resume_subscription(state.subscription_id)
        assert gone.value.permanent
        server.age(state.subscription_id, timedelta(days=40))
        assert same(member, state).status == "cancelled"

    def test_what_was_suspended_is_ended_for_good_when_its_time_is_over(self, server, member):
        _, state = self.subscribed(server, member)
        member.cancel_subscription(state.subscription_id, at_period_end=True)
        server.age(state.subscription_id, timedelta(days=40))
        assert same(member, state).status == "cancelled"
        assert server.subscriptions[state.subscription_id]["status"] == "CANCELLED"

    def test_a_paid_period_ends_exactly_where_the_next_begins(self, server, member):
        _, first = self.subscribed(server, member)
        server.renew(first.subscription_id)
        one, two = paid_charges(same(member, first))
        assert one.period_end == two.period_start == first.period_end

    def test_a_part_of_a_subscriptions_payment_goes_back(self, server, member):
        _, state = self.subscribed(server, member)
        (charge,) = paid_charges(state)
        member.refund(self.refund_order(charge, 300))
        assert now(member, charge.intent_id).refunded == 300
        assert paid_charges(same(member, state))[0].refunded == 300

    def test_a_change_of_plan_is_not_offered(self, server, member):
        with pytest.raises(NotOffered):
            member.portal_url("x", "https://troupe.example")

    # --- notifications ---

    def test_a_notification_has_twelve_hours(self, server, member):
        delivery, charge = self.notified(server, member)
        assert member.verify(incoming_of(delivery)).about == (About("charge", charge.intent_id),)
        for hours in (-1, 13):
            with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)), pytest.raises(Forged):
                member.verify(incoming_of(delivery))

    def test_a_certificate_is_fetched_once(self, server, member):
        delivery, _ = self.notified(server, member)
        member.verify(incoming_of(delivery))
        fetched = len(server.fetched)
        member.verify(incoming_of(delivery))
        assert len(server.fetched) == fetched

    def test_no_failure_of_the_network_lets_a_notification_in(self):
        with PayPalServer() as server:
            server.tell("PAYMENT.CAPTURE.COMPLETED", "capture", {"id": "2GG279541U471931P"})
            (delivery,) = server.taken()
            server.certificate_is_out_of_reach = True
            with pytest.raises(ProviderError) as unknown:
                PayPal(server.block).verify(incoming_of(delivery))
            assert not unknown.value.permanent
            server.certificate_is_out_of_reach = False
            assert PayPal(server.block).verify(incoming_of(delivery)).about

    @pytest.mark.parametrize(
        "pem",
        [
            lambda: certificate(by="Another CA"),
            lambda: certificate("evil.example"),
            lambda: certificate(alternative="evil.example"),
            lambda: certificate("paypal.com.evil.example", "paypal.com.evil.example"),
            lambda: certificate(valid=(-30, -1)),
            lambda: certificate(valid=(1, 30)),
            lambda: b"no certificate",
        ],
        ids=["another CA", "common name", "alternative name", "a name that looks so", "over", "to come", "none"],
    )
    def test_a_certificate_that_is_not_paypals_signs_nothing(self, pem):
        with PayPalServer() as server:
            server.certificate = pem()
            server.tell("PAYMENT.CAPTURE.COMPLETED", "capture", {"id": "2GG279541U471931P"})
            (delivery,) = server.taken()
            with pytest.raises(Forged):
                PayPal(server.block).verify(incoming_of(delivery))

    def test_a_certificate_of_nobodys_ca_is_refused_by_the_public_roots(self):
        with PayPalServer() as server:
            server.tell("PAYMENT.CAPTURE.COMPLETED", "capture", {"id": "2GG279541U471931P"})
            (delivery,) = server.taken()
            block = {name: value for name, value in server.block.items() if name != "TRUST"}
            with pytest.raises(Forged):
                PayPal(block).verify(incoming_of(delivery))
            assert authority()


@pytest.mark.parametrize(
    "address",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://evil.example\\.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../redirect",
        "https://api.paypal.com/anything",
        "https://127.0.0.1/v1/notifications/certs/CERT-1",
        "",
    ],
)
def test_no_other_host_is_ever_asked_for_a_certificate(address):
    with pytest.raises(Forged):
        certificate_address(address)


def test_the_known_checksum_is_signed():
    body = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'
    assert zlib.crc32(body) == 2325436976
    assert signed_text("t", "2026-01-01T00:00:00Z", "W", body) == b"t|2026-01-01T00:00:00Z|W|2325436976"
