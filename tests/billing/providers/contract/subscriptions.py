"""Subscriptions, kept cards, the portal, the list of a day: for those who offer them."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from billing.providers.base import (
    KeptCharge,
    PlanChange,
    ProviderError,
)
from tests.billing.providers.contract.base import FamilyHooks, incoming_of, now, paid_charges, same, today, until_done


class SubscriptionsContract(FamilyHooks):
    def test_a_subscription_begins_with_its_first_charge(self, server, member):
        order, state = self.subscribed(server, member)
        assert state.status == "active"
        assert (state.amount, state.currency, state.every) == (order.amount, order.currency, "month")
        assert state.reference == order.reference
        assert timedelta(days=27) < state.period_end - state.period_start < timedelta(days=32)
        assert not state.cancel_at_period_end
        (charge,) = paid_charges(state)
        assert (charge.amount, charge.currency) == (order.amount, order.currency)
        assert charge.subscription_id == state.subscription_id
        assert charge.period_end
        assert abs(charge.period_end - state.period_end) < timedelta(days=1)
        assert same(member, state) == state

    def test_a_year_is_a_year(self, server, member):
        _, state = self.subscribed(server, member, every="year")
        assert state.every == "year"
        assert timedelta(days=364) < state.period_end - state.period_start < timedelta(days=367)

    def test_nobody_knows_an_unknown_subscription(self, member):
        self.needs(member, "subscribe")
        assert member.read_subscription(self.unknown_intent) is None

    def test_a_renewal_is_another_charge_of_the_next_period(self, server, member):
        order, first = self.subscribed(server, member)
        server.taken()
        self.renew(server, first.subscription_id)
        state = same(member, first)
        assert state.status == "active"
        assert abs(state.period_start - first.period_end) < timedelta(days=1)
        assert state.period_end > first.period_end
        assert len({charge.intent_id for charge in paid_charges(state)}) == 2
        assert all(charge.amount == order.amount for charge in paid_charges(state))
        notices = [member.verify(incoming_of(delivery)) for delivery in server.taken()]
        intents = {charge.intent_id for charge in state.charges}
        assert any(notice.about for notice in notices)
        for notice in notices:
            assert all(self.looks_at(member, about, order, "", intents) for about in notice.about)

    def test_a_renewal_that_failed_is_past_due(self, server, member):
        _, first = self.subscribed(server, member)
        self.fail_renewal(server, first.subscription_id)
        state = same(member, first)
        assert state.status == "past_due"
        assert len(paid_charges(state)) == 1

    def test_it_ends_with_its_period_unless_it_is_taken_back(self, server, member):
        _, state = self.subscribed(server, member)
        for _ in range(2):
            member.cancel_subscription(state.subscription_id, at_period_end=True)
            cancelled = same(member, state)
            assert (cancelled.status, cancelled.cancel_at_period_end) == ("active", True)
        member.resume_subscription(state.subscription_id)
        resumed = same(member, state)
        assert (resumed.status, resumed.cancel_at_period_end) == ("active", False)

    def test_it_ends_at_once_and_once(self, server, member):
        _, state = self.subscribed(server, member)
        for _ in range(2):
            member.cancel_subscription(state.subscription_id, at_period_end=False)
            assert same(member, state).status == "cancelled"
        member.cancel_subscription(state.subscription_id, at_period_end=True)
        assert same(member, state).status == "cancelled"

    def test_a_charge_of_a_subscription_is_refunded_like_any_other(self, server, member):
        _, state = self.subscribed(server, member)
        (charge,) = paid_charges(state)
        member.refund(self.refund_order(charge))
        assert self.refunded(server, member, charge.intent_id) == charge.amount

    def test_a_change_of_plan_is_shown_before_it_is_made_and_made_once(self, server, member):
        self.needs(member, "change_plan")
        order, first = self.subscribed(server, member)
        amount = order.amount * 3
        change = PlanChange(
            key=str(uuid.uuid4()),
            subscription_id=first.subscription_id,
            description="The larger plan",
            amount=amount,
            currency=order.currency,
            every="month",
            price_ref=self.price_ref(server, amount, order.currency, "month"),
        )
        proration = member.preview_change(change)
        assert (proration.next_amount, proration.currency) == (amount, order.currency)
        assert proration.due_now <= amount
        assert proration.next_at > datetime.now(UTC)
        assert same(member, first) == first
        if url := member.change_plan(change):
            self.approve_change(server, url)
        changed = same(member, first)
        assert (changed.status, changed.amount, changed.subscription_id) == ("active", amount, first.subscription_id)
        member.change_plan(change)
        assert {charge.intent_id for charge in paid_charges(same(member, first))} == {
            charge.intent_id for charge in paid_charges(changed)
        }

    # --- the rest ---

    def test_a_kept_card_is_charged_once_for_a_reference(self, server, member):
        self.needs(member, "keep")
        _, _, charge = self.paid(server, member, keep_method=True)
        assert charge.customer_id
        assert charge.method_id
        kept = KeptCharge(
            str(uuid.uuid4()), "Automatic top-up", 2 * self.amount, self.currency, charge.customer_id, charge.method_id
        )
        first = member.charge_kept(kept)
        assert (first.status, first.amount, first.reference) == ("paid", 2 * self.amount, kept.reference)
        assert first.intent_id != charge.intent_id
        assert member.charge_kept(kept).intent_id == first.intent_id
        assert now(member, first.intent_id).status == "paid"

    @pytest.mark.parametrize("hang_up", [False, True], ids=["500", "hang-up"])
    def test_a_lost_answer_and_a_retry_charge_a_kept_card_once(self, server, member, hang_up):
        self.needs(member, "keep")
        self.needs_a_wire()
        _, _, charge = self.paid(server, member, keep_method=True)
        server.taken()
        kept = KeptCharge(
            str(uuid.uuid4()), "Automatic top-up", self.amount, self.currency, charge.customer_id, charge.method_id
        )
        server.misbehave(*self.keeping, times=1, after=True, hang_up=hang_up)
        first = until_done(lambda: member.charge_kept(kept))
        assert member.charge_kept(kept).intent_id == first.intent_id
        if "list_charges" in member.abilities:
            assert [c.reference for c in member.list_charges(today())].count(kept.reference) == 1

    def test_a_card_that_was_not_kept_is_refused(self, server, member):
        self.needs(member, "keep")
        kept = KeptCharge(str(uuid.uuid4()), "Top-up", self.amount, self.currency, "cus_nobody", "card_nobody")
        with pytest.raises(ProviderError) as refused:
            member.charge_kept(kept)
        assert refused.value.permanent

    def test_the_portal_has_an_address(self, server, member):
        self.needs(member, "portal")
        _, checkout, charge = self.paid(server, member, keep_method="keep" in member.abilities)
        customer_id = charge.customer_id or checkout.customer_id
        assert customer_id
        assert member.portal_url(customer_id, "https://troupe.example/wallet/plan").startswith(("https://", "http://"))

    def test_the_list_of_a_day_has_its_charges_and_no_others(self, server, member):
        self.needs(member, "list_charges")
        _, _, charge = self.paid(server, member)
        assert charge.paid_at
        day = charge.paid_at.astimezone(UTC).date()
        listed = [c for c in member.list_charges(day) if c.intent_id == charge.intent_id]
        assert [(c.status, c.amount, c.currency) for c in listed] == [("paid", charge.amount, charge.currency)]
        for other in (day - timedelta(days=1), day + timedelta(days=1)):
            assert charge.intent_id not in {c.intent_id for c in member.list_charges(other)}
