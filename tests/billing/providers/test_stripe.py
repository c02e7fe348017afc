"""Stripe: what the whole family is held to, and its own ways."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from stripe import HTTPClient, WebhookSignature
from stripe._object_classes import get_object_class

from billing.providers.base import (
    About,
    Charge,
    Forged,
    Incoming,
    KeptCharge,
    Order,
    Payer,
    PlanChange,
    Proration,
    ProviderError,
    RefundOrder,
    SubscriptionState,
)
from billing.providers.stripe import Stripe
from tests.billing.providers.family import FamilyContract
from tests.standins.stripe_server import StripeServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits half a second before it tries again."""
    monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0.01)


class TestStripe(FamilyContract):
    server_class = StripeServer
    member_class = Stripe
    other_amounts: ClassVar[tuple[tuple[int, str], ...]] = ((500, "JPY"), (999, "EUR"), (12345, "KWD"), (800, "ISK"))
    unknown_intent = "pi_nobody"
    timestamped = True
    create = ("POST", "/v1/checkout/sessions")
    refunding = ("POST", "/v1/refunds")
    keeping = ("POST", "/v1/payment_intents")


@pytest.fixture(scope="module")
def server() -> Iterator[StripeServer]:
    with StripeServer() as server:
        yield server


@pytest.fixture
def stripe(server: StripeServer) -> Stripe:
    server.taken()
    server._troubles.clear()
    return Stripe(server.block)


def order(**fields: Any) -> Order:
    values: dict[str, Any] = {
        "reference": str(uuid.uuid4()),
        "description": "A purse of 100 credits",
        "amount": 999,
        "currency": "EUR",
        "payer": Payer("ada@troupe.example", "Ada"),
        "success_url": "https://troupe.example/checkout/return",
        "cancel_url": "https://troupe.example/pricing",
        "expires_at": datetime.now(UTC) + timedelta(hours=2),
    }
    return Order(**values | fields)


def bought(server: StripeServer, stripe: Stripe, **fields: Any) -> Charge:
    asked = order(**fields)
    session_id = stripe.create_checkout(asked).session_id
    server.pay(session_id)
    charge = stripe.read_checkout(session_id, asked.reference).charge
    assert charge
    return charge


def subscribed(server: StripeServer, stripe: Stripe, **fields: Any) -> SubscriptionState:
    asked = order(every="month", **fields)
    session_id = stripe.create_checkout(asked).session_id
    server.pay(session_id)
    subscription = stripe.read_checkout(session_id, asked.reference).subscription
    assert subscription
    return subscription


def read(stripe: Stripe, state: SubscriptionState) -> SubscriptionState:
    found = stripe.read_subscription(state.subscription_id)
    assert found
    return found


def to(state: SubscriptionState, amount: int, **fields: Any) -> PlanChange:
    values = {"key": str(uuid.uuid4()), "description": "Pro", "currency": "EUR", "every": "month", "price_ref": ""}
    return PlanChange(subscription_id=state.subscription_id, amount=amount, **values | fields)


# --- checkouts --------------------------------------------------------------------------------------------------------


def test_a_charge_alone_leads_back_to_the_order(server, stripe):
    asked = order(keep_method=True)
    session = stripe.create_checkout(asked)
    server.pay(session.session_id)
    charge = stripe.read_checkout(session.session_id, asked.reference).charge
    intent = server.rows[charge.intent_id]
    assert intent["metadata"] == {"reference": asked.reference}
    assert server.rows[session.session_id]["client_reference_id"] == asked.reference
    assert charge == replace(stripe.read_charge(charge.intent_id), session_id=session.session_id)
    assert (charge.customer_id[:4], charge.method_id[:3]) == ("cus_", "pm_")


def test_a_card_that_is_not_to_be_kept_has_no_name(server, stripe):
    assert bought(server, stripe).method_id == ""


def test_who_paid_before_is_the_same_customer(server, stripe):
    first = bought(server, stripe)
    second = bought(server, stripe, payer=Payer("ada@troupe.example", "Ada", customer_id=first.customer_id))
    assert second.customer_id == first.customer_id


def test_a_customer_who_is_gone_at_stripe_is_made_anew(server, stripe):
    asked = order(payer=Payer("ada@troupe.example", "Ada", customer_id="cus_of_another_key"))
    first, second = stripe.create_checkout(asked), stripe.create_checkout(asked)
    assert first == second
    server.pay(first.session_id)
    assert stripe.read_checkout(first.session_id, asked.reference).charge.customer_id in server.rows


def test_a_price_of_the_operators_is_used_by_its_id(server, stripe):
    price = server.price(server.product("Pro")["id"], "eur", 1999, "month")["id"]
    state = subscribed(server, stripe, amount=1999, price_ref=price)
    assert (state.price_ref, state.amount) == (price, 1999)


def test_a_checkout_that_ends_too_soon_or_too_late_is_refused(stripe):
    for hours in (0.4, 25):
        with pytest.raises(ProviderError) as refused:
            stripe.create_checkout(order(expires_at=datetime.now(UTC) + timedelta(hours=hours)))
        assert refused.value.permanent


def test_the_same_key_with_another_body_is_refused(server, stripe):
    asked = order()
    stripe.create_checkout(asked)
    with pytest.raises(ProviderError) as refused:
        stripe.create_checkout(replace(asked, amount=1))
    assert refused.value.permanent
    assert server.payable(asked.reference) == 1


def test_a_slow_payment_is_open_until_the_bank_has_paid(server, stripe):
    ends = {}
    for paid in (True, False):
        asked = order()
        session_id = stripe.create_checkout(asked).session_id
        server.pay_slowly(session_id)
        waiting = stripe.read_checkout(session_id, asked.reference)
        assert (waiting.status, waiting.charge.status) == ("open", "pending")
        server.settle(session_id, paid=paid)
        state = stripe.read_checkout(session_id, asked.reference)
        ends[paid] = (state.status, state.charge.status)
    assert ends == {True: ("paid", "paid"), False: ("failed", "failed")}


def test_another_card_after_a_declined_one_pays_the_same_charge(server, stripe):
    asked = order()
    session_id = stripe.create_checkout(asked).session_id
    server.decline(session_id)
    declined = stripe.read_checkout(session_id, asked.reference)
    assert (declined.status, declined.charge.status) == ("open", "failed")
    server.pay(session_id)
    state = stripe.read_checkout(session_id, asked.reference)
    assert (state.status, state.charge.status) == ("paid", "paid")
    assert state.charge.intent_id == declined.charge.intent_id


def test_a_time_out_after_the_work_was_done_makes_no_second_charge(server, stripe):
    """The library tries three times by itself; then the caller does, with the same reference."""
    charge = bought(server, stripe, keep_method=True)
    kept = KeptCharge(str(uuid.uuid4()), "Top-up", 500, "EUR", charge.customer_id, charge.method_id)
    before = len(server.of("charge"))
    server.misbehave("POST", "/v1/payment_intents", times=3, after=True, hang_up=True)
    with pytest.raises(ProviderError) as lost:
        stripe.charge_kept(kept)
    assert (lost.value.permanent, lost.value.unknown) == (False, True)
    assert stripe.charge_kept(kept).status == "paid"
    assert len(server.of("charge")) == before + 1


def test_what_a_key_no_longer_guards_is_still_done_once(server, stripe):
    """Stripe forgets keys after a day."""
    charge = bought(server, stripe, keep_method=True)
    kept = KeptCharge(str(uuid.uuid4()), "Top-up", 500, "EUR", charge.customer_id, charge.method_id)
    refund = RefundOrder(str(uuid.uuid4()), charge.intent_id, 300, "EUR", 999, 0, "by mistake")
    first = (stripe.charge_kept(kept).intent_id, stripe.refund(refund))
    server._answers.clear()
    assert (stripe.charge_kept(kept).intent_id, stripe.refund(refund)) == first
    assert stripe.read_charge(charge.intent_id).refunded == 300


# --- charges ----------------------------------------------------------------------------------------------------------


def test_a_kept_card_that_the_bank_declines_is_a_failed_charge(server, stripe):
    charge = bought(server, stripe, keep_method=True)
    server.refuse_cards_of(charge.customer_id)
    kept = KeptCharge(str(uuid.uuid4()), "Top-up", 500, "EUR", charge.customer_id, charge.method_id)
    failed = stripe.charge_kept(kept)
    assert (failed.status, failed.reference, failed.paid_at) == ("failed", kept.reference, None)
    assert stripe.charge_kept(kept).intent_id == failed.intent_id


@pytest.mark.parametrize(
    ("status", "disputed"), [("needs_response", True), ("warning_needs_response", False), ("warning_closed", False)]
)
def test_only_what_holds_money_back_is_a_dispute(server, stripe, status, disputed):
    charge = bought(server, stripe)
    server.dispute(charge.intent_id, status)
    assert stripe.read_charge(charge.intent_id).disputed is disputed


def test_a_dispute_that_was_lost_stays_one(server, stripe):
    charge = bought(server, stripe)
    server.dispute(charge.intent_id)
    server.lose_dispute(charge.intent_id)
    assert stripe.read_charge(charge.intent_id).disputed


def test_the_days_list_comes_page_after_page_and_names_a_charge_once(server, stripe):
    asked = order()
    session_id = stripe.create_checkout(asked).session_id
    server.decline(session_id)  # two charges of one intent
    server.pay(session_id)
    intents = {bought(server, stripe).intent_id for _ in range(101)}
    listed = [charge.intent_id for charge in stripe.list_charges(datetime.now(UTC).date())]
    assert intents <= set(listed)
    assert len(listed) == len(set(listed))
    assert stripe.read_checkout(session_id, asked.reference).charge.intent_id in listed


def test_money_taken_at_the_dashboard_without_an_intent_is_listed_too(server, stripe):
    charge = bought(server, stripe)
    row = server.rows[server.rows[charge.intent_id]["latest_charge"]]
    old = server.new("ch", "charge", **{n: v for n, v in row.items() if n not in ("id", "object", "metadata")})
    old["payment_intent"] = None
    assert old["id"] in {charge.intent_id for charge in stripe.list_charges(datetime.now(UTC).date())}
    assert stripe.read_charge(old["id"]).status == "paid"
    stripe.refund(RefundOrder(str(uuid.uuid4()), old["id"], 999, "EUR", 999, 0, "unknown"))
    assert stripe.read_charge(old["id"]).refunded == 999


# --- subscriptions ----------------------------------------------------------------------------------------------------


def test_only_the_first_charge_has_the_orders_reference(server, stripe):
    state = subscribed(server, stripe)
    server.renew(state.subscription_id)
    renewal, first = read(stripe, state).charges
    assert (first.reference, renewal.reference) == (state.reference, "")
    assert (renewal.period_start, first.period_end) == (state.period_end, state.period_end)
    assert renewal == stripe.read_charge(renewal.intent_id)
    assert first.method_id


def test_a_renewal_that_is_paid_at_last_is_active_again(server, stripe):
    state = subscribed(server, stripe)
    server.fail_renewal(state.subscription_id)
    unpaid = read(stripe, state)
    assert (unpaid.status, unpaid.charges[0].status) == ("past_due", "failed")
    server.collect_again(state.subscription_id)
    paid = read(stripe, state)
    assert (paid.status, paid.charges[0].status) == ("active", "paid")
    assert paid.charges[0].intent_id == unpaid.charges[0].intent_id


def test_a_cancellation_at_the_portal_shows_and_is_taken_back(server, stripe):
    state = subscribed(server, stripe)
    server.cancel_at_portal(state.subscription_id)
    assert read(stripe, state).cancel_at_period_end
    stripe.resume_subscription(state.subscription_id)
    assert not read(stripe, state).cancel_at_period_end


def test_a_cancelled_subscription_ends_with_its_period(server, stripe):
    state = subscribed(server, stripe)
    stripe.cancel_subscription(state.subscription_id, at_period_end=True)
    server.renew(state.subscription_id)
    ended = read(stripe, state)
    assert (ended.status, len(ended.charges)) == ("cancelled", 1)
    stripe.cancel_subscription("sub_nobody", at_period_end=False)


def test_an_upgrade_costs_what_was_shown_and_is_a_charge_of_its_own(server, stripe):
    state = subscribed(server, stripe, amount=1000)
    change = to(state, 3000)
    shown = stripe.preview_change(change)
    assert shown == Proration(due_now=2000, next_amount=3000, currency="EUR", next_at=state.period_end)
    assert stripe.change_plan(change) == ""
    changed = read(stripe, state)
    paid = changed.charges[0]
    assert (changed.amount, paid.amount, paid.reference) == (3000, 2000, "")
    assert paid.period_end == state.period_end
    server._answers.clear()
    assert stripe.change_plan(change) == ""
    assert read(stripe, state) == changed


def test_a_downgrade_is_credited_and_used_up_by_the_next_change(server, stripe):
    state = subscribed(server, stripe, amount=3000)
    assert stripe.preview_change(to(state, 1000)).due_now == -2000
    assert stripe.change_plan(to(state, 1000)) == ""
    down = read(stripe, state)
    assert (down.amount, len(down.charges)) == (1000, 1)
    assert stripe.preview_change(to(state, 4000)).due_now == 1000


def test_from_monthly_to_yearly_a_new_period_begins(server, stripe):
    state = subscribed(server, stripe, amount=1000)
    change = to(state, 10000, every="year")
    shown = stripe.preview_change(change)
    assert shown.due_now == 9000
    assert timedelta(days=364) < shown.next_at - datetime.now(UTC) < timedelta(days=367)
    stripe.change_plan(change)
    changed = read(stripe, state)
    assert (changed.every, changed.period_end) == ("year", changed.charges[0].period_end)


def test_a_change_whose_payment_fails_waits_for_the_payer(server, stripe):
    state = subscribed(server, stripe, amount=1000)
    server.refuse_cards_of(state.customer_id)
    change = to(state, 3000)
    address = stripe.change_plan(change)
    assert address.startswith("https://invoice.stripe.com/")
    waiting = read(stripe, state)
    assert (waiting.amount, waiting.status, waiting.charges[0].status) == (1000, "active", "failed")
    assert stripe.change_plan(change) == address
    server.approve_change(address)
    assert read(stripe, state).amount == 3000
    assert stripe.change_plan(change) == ""


def test_a_subscription_of_many_years_is_read_in_three_calls(server, stripe):
    state = subscribed(server, stripe)
    asked = []
    for _ in range(2):
        server.renew(state.subscription_id)
        before = len(server.asked)
        read(stripe, state)
        asked.append(len(server.asked) - before)
    assert asked == [3, 3]


# --- notifications ----------------------------------------------------------------------------------------------------

SECRET = "whsec_test_secret"
SIGNED_AT = 1_700_000_000
BODY = b'{"id":"evt_1","object":"event"}'
DIGEST = "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"


def signed(body: bytes, secret: str = SECRET, at: int | None = None) -> Incoming:
    header = WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return Incoming(body, {"stripe-signature": header})


def event(thing: Any, **fields: Any) -> bytes:
    return json.dumps(
        {"id": "evt_1", "object": "event", "type": "x.happened", "data": {"object": thing}} | fields
    ).encode()


@pytest.fixture
def receiver(stripe: Stripe, server: StripeServer) -> Stripe:
    return Stripe(server.block | {"WEBHOOK_SECRET": SECRET})


def test_the_signature_is_the_one_written_down(receiver):
    assert signed(BODY, at=SIGNED_AT).headers["stripe-signature"] == f"t={SIGNED_AT},v1={DIGEST}"
    good = event({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"})
    header = WebhookSignature.generate_signature_header(good.decode(), SECRET, SIGNED_AT)
    with time_machine.travel(datetime.fromtimestamp(SIGNED_AT + 299, UTC)):
        assert receiver.verify(Incoming(good, {"stripe-signature": header})).event_id == "evt_1"


@pytest.mark.parametrize("seconds", [-302, 302])
def test_a_notification_from_too_long_ago_or_from_the_future_is_refused(receiver, seconds):
    good = event({"object": "charge", "id": "ch_1"})
    receiver.verify(signed(good))
    with pytest.raises(Forged):
        receiver.verify(signed(good, at=int(time.time()) + seconds))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1=abc",
        "t=now,v1=abc",
        f"t={SIGNED_AT}",
        f"t={'9' * 5000},v1=abc",
        "t=1,v1=é",
        f"t=1,v0={DIGEST}",
    ],
)
def test_a_malformed_signature_is_refused(receiver, header):
    with pytest.raises(Forged):
        receiver.verify(Incoming(BODY, {"stripe-signature": header} if header else {}))


def test_two_signatures_while_the_secret_is_rolled_are_one_too_many_to_refuse(receiver):
    good = event({"object": "charge", "id": "ch_1"})
    header = signed(good).headers["stripe-signature"]
    moment, digest = header.split(",")
    both = f"{moment},v1={'0' * 64},{digest}"
    assert receiver.verify(Incoming(good, {"stripe-signature": both})).event_id == "evt_1"


@pytest.mark.parametrize(
    "body",
    [
        BODY,  # no type, no data
        b"null",
        b"[1]",
        event("pi_1"),
        event({"object": "charge"}, id=""),
        event({"object": "charge"}, id="e" * 256),
        event({"object": "charge"}, id=7),
        event({"object": "charge"}, type=None),
        event({"object": "charge"}, object="v2.core.event"),
        b"[" * 90_000,
    ],
)
def test_what_is_signed_but_no_event_is_refused(receiver, body):
    with pytest.raises(Forged):
        receiver.verify(signed(body))


@pytest.mark.parametrize(
    ("thing", "about"),
    [
        ({"object": "checkout.session", "id": "cs_1"}, About("checkout", "cs_1")),
        ({"object": "payment_intent", "id": "pi_1"}, About("charge", "pi_1")),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, About("charge", "pi_1")),
        ({"object": "charge", "id": "ch_1", "payment_intent": None}, About("charge", "ch_1")),
        ({"object": "refund", "id": "re_1", "payment_intent": "pi_1"}, About("charge", "pi_1")),
        ({"object": "dispute", "id": "dp_1", "payment_intent": {"id": "pi_1"}}, About("charge", "pi_1")),
        ({"object": "subscription", "id": "sub_1"}, About("subscription", "sub_1")),
        (
            {"object": "invoice", "id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}},
            About("subscription", "sub_1"),
        ),
        ({"object": "invoice", "id": "in_1", "parent": None}, None),
        ({"object": "invoice", "id": "in_1", "parent": "nonsense"}, None),
        ({"object": "customer", "id": "cus_1"}, None),
        ({"object": "charge", "id": 7}, About("charge", "7")),
        ({"object": "charge", "id": "c" * 300}, None),
        ({}, None),
    ],
)
def test_where_an_event_says_to_look(receiver, thing, about):
    assert receiver.verify(signed(event(thing))).about == ((about,) if about else ())


def test_an_event_of_a_connected_account_concerns_nothing_of_ours(receiver):
    thing = {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}
    assert receiver.verify(signed(event(thing, account="acct_another"))).about == ()


# --- the stand-in ----------------------------------------------------------------------------------------------------


def test_the_stand_ins_objects_have_no_field_that_the_library_does_not_know(server, stripe):
    charge = bought(server, stripe, keep_method=True)
    server.dispute(charge.intent_id)
    state = subscribed(server, stripe)
    server.renew(state.subscription_id)
    for row in server.rows.values():
        known = get_object_class("V1", row["object"]).__annotations__
        assert row.keys() - known.keys() <= {"url"}, row["object"]
