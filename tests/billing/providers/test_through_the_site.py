"""Shift4, TrustPay and Midtrans through the whole site: bought over the API, told over the webhook's door, credited."""

import dataclasses
import json

import pytest

from billing import services
from billing.models import Payment, Refund, WebhookEvent
from tests.billing.shop import Shop, has, lines, work_off
from tests.standins.midtrans_server import MidtransServer
from tests.standins.shift4_server import Shift4Server
from tests.standins.trustpay_server import TrustPayServer

pytestmark = pytest.mark.django_db
SERVERS = {"shift4": Shift4Server, "trustpay": TrustPayServer, "midtrans": MidtransServer}


@pytest.fixture(scope="module")
def servers():
    running = {name: server() for name, server in SERVERS.items()}
    for server in running.values():
        server.__enter__()
    yield running
    for server in running.values():
        server.__exit__()


def a_shop(servers, settings, name):
    server = servers[name]
    server.taken()
    server._troubles.clear()
    settings.PAYMENT_PROVIDERS = {name: server.block}
    return Shop(server)


@pytest.fixture(params=list(SERVERS))
def shop(request, servers, settings):
    return a_shop(servers, settings, request.param)


@pytest.fixture
def shift4(servers, settings):
    return a_shop(servers, settings, "shift4")


@pytest.fixture
def trustpay(servers, settings):
    return a_shop(servers, settings, "trustpay")


@pytest.fixture
def midtrans(servers, settings):
    return a_shop(servers, settings, "midtrans")


@pytest.fixture
def buyer(owner, api):
    return api(owner)


def test_a_pack_is_credited_once_however_often_it_is_told(shop, owner, buyer):
    session = shop.checkout(buyer)
    shop.provider.pay(session.provider_session_id)
    shop.deliver(times=5, shuffled=True)
    assert has(owner) == (100, 20)
    assert lines(owner) == [("purchase", 100)]
    assert not WebhookEvent.objects.exclude(status="done").exists()


def test_a_pack_is_credited_by_who_comes_back_first(shop, owner, buyer):
    session = shop.checkout(buyer)
    shop.provider.pay(session.provider_session_id)
    assert buyer.get(f"/api/payments/session/{session.pk}/status").json()["status"] == "paid"
    shop.deliver()
    assert lines(owner) == [("purchase", 100)]


def test_a_refund_takes_its_credits_back_once(shop, owner, buyer):
    payment = shop.buy(buyer)
    answer = buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "bought by mistake"})
    assert answer.status_code == 200, answer.content
    shop.deliver(times=2)
    payment.refresh_from_db()
    assert (payment.status, payment.refunded_amount) == ("refunded", payment.amount)
    assert has(owner) == (0, 20)
    assert Refund.objects.get().status == "succeeded"


def test_a_refund_made_at_the_provider_is_told_and_takes_credits_back(shop, owner, buyer):
    payment = shop.buy(buyer)
    shop.provider.refund(payment.intent_id)
    shop.deliver()
    payment.refresh_from_db()
    assert payment.status == "refunded"
    assert has(owner) == (0, 20)


def test_a_dispute_takes_credits_back(shop, owner, buyer):
    payment = shop.buy(buyer)
    shop.provider.dispute(payment.intent_id)
    shop.deliver()
    payment.refresh_from_db()
    assert payment.status == "disputed"
    assert has(owner) == (0, 20)


def test_what_was_refused_credits_nothing(shop, owner, buyer):
    session = shop.checkout(buyer)
    shop.provider.decline(session.provider_session_id)
    shop.deliver()
    session.refresh_from_db()
    assert session.status == "failed"
    assert has(owner) == (0, 20)


def test_a_forged_or_cut_notification_is_refused_and_leaves_nothing(shop, owner, buyer):
    session = shop.checkout(buyer)
    shop.provider.taken()
    shop.provider.pay(session.provider_session_id)
    delivery = shop.provider.taken()[-1]
    forged = json.dumps({name: f"{value}0" for name, value in json.loads(delivery.body).items()}).encode()
    for body in (delivery.body[:-20], b"", forged, b"[]", b"\x00"):
        answer = shop.post(dataclasses.replace(delivery, body=body))
        assert answer.status_code == 400, body
    assert not WebhookEvent.objects.exists()
    assert has(owner) == (0, 20)


def test_a_lost_answer_and_the_same_key_lead_to_one_thing_to_pay(shop, owner, buyer):
    path = {"shift4": "/charges", "trustpay": "/api/Payments/Payment", "midtrans": "/snap/v1/transactions"}
    shop.provider.misbehave("POST", path[shop.provider.name], times=3, after=True, hang_up=True)
    body = {"type": "one_time", "package_id": "starter", "provider": shop.provider.name}
    answers = [buyer.post("/api/payments/create-checkout", body, **{"Idempotency-Key": "one"}) for _ in range(4)]
    assert answers[-1].status_code == 200, answers[-1].content
    session_id = answers[-1].json()["session_id"]
    assert shop.provider.payable(session_id) == 1


# --- one provider's own -----------------------------------------------------------------------------------------------


def test_shift4_is_told_to_come_again_while_it_can_not_be_asked(shift4, owner, buyer):
    session = shift4.checkout(buyer)
    shift4.provider.pay(session.provider_session_id)
    shift4.provider.misbehave("GET", "/events/.*", status=503, times=3)
    answers = []

    def post(delivery):
        answers.append(shift4.post(delivery).status_code)
        return answers[-1]

    assert shift4.provider.deliver(post) == 0
    assert not WebhookEvent.objects.exists()
    assert shift4.provider.deliver(post) == 2
    assert answers == [503, 200, 200]
    work_off()
    assert has(owner) == (100, 20)


def test_shift4_gives_back_a_part(shift4, owner, buyer, staff):
    payment = shift4.buy(buyer)
    services.request_refund(payment_id=payment.pk, actor=staff.user, reason="half", amount=250, by_staff=True)
    payment.refresh_from_db()
    assert (payment.status, payment.refunded_amount) == ("partially_refunded", 250)


def test_shift4_returns_credits_when_a_dispute_is_won(shift4, owner, buyer):
    payment = shift4.buy(buyer)
    shift4.provider.dispute(payment.intent_id)
    shift4.deliver()
    assert has(owner) == (0, 20)
    shift4.provider.win_dispute(payment.intent_id)
    shift4.deliver()
    assert has(owner) == (100, 20)


def test_trustpay_may_tell_by_a_get(trustpay, owner, buyer):
    session = trustpay.checkout(buyer)
    trustpay.provider.pay(session.provider_session_id)
    trustpay.provider.taken()
    trustpay.provider.tell_by_query(str(session.pk))
    trustpay.deliver()
    assert has(owner) == (100, 20)
    trustpay.provider.tell_by_query(str(session.pk), Amount="99.00")
    (delivery,) = trustpay.provider.taken()
    forged = dataclasses.replace(delivery, query=delivery.query | {"Amount": "1.00"})
    assert trustpay.post(forged).status_code == 400


def test_trustpay_asks_once_for_a_refund_whose_answer_was_lost(trustpay, owner, buyer):
    payment = trustpay.buy(buyer)
    trustpay.provider.misbehave("POST", ".*/Refund", times=1, after=True, hang_up=True)
    buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "mistake"})
    refund = Refund.objects.get()
    Refund.objects.update(next_try_at=None)
    services.send_refund(refund.pk)
    trustpay.deliver()
    assert trustpay.provider.count("POST", f".*/{payment.intent_id}/Refund") == 1
    payment.refresh_from_db()
    assert payment.status == "refunded"
    assert has(owner) == (0, 20)


@pytest.mark.parametrize("says_when", [True, False])
def test_midtrans_takes_credits_back_when_a_settlement_is_reversed(midtrans, owner, buyer, says_when):
    payment = midtrans.buy(buyer)
    assert has(owner) == (100, 20)
    midtrans.provider.reverse(payment.intent_id, says_when=says_when)
    midtrans.deliver(times=2)
    payment.refresh_from_db()
    assert payment.status == "refunded"
    assert has(owner) == (0, 20)
    assert not Refund.objects.exists()


def test_midtrans_lets_a_payer_try_another_card(midtrans, owner, buyer):
    session = midtrans.checkout(buyer)
    midtrans.provider.decline(session.provider_session_id)
    midtrans.deliver()
    midtrans.pay(session)
    assert session.status == "paid"
    assert Payment.objects.get().status == "paid"
    assert has(owner) == (100, 20)


def test_midtrans_lets_go_of_a_card_that_is_not_settled(midtrans, owner, buyer):
    session = midtrans.checkout(buyer)
    midtrans.provider.pay(session.provider_session_id, "credit_card")
    midtrans.deliver()
    payment = Payment.objects.get()
    buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "mistake"})
    midtrans.deliver()
    payment.refresh_from_db()
    assert payment.status == "refunded"
    assert has(owner) == (0, 20)
