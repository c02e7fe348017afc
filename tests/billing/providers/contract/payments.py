"""Checkouts, charges, refunds and disputes: what every member can do."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.providers.base import (
    NotOffered,
    Payer,
    Provider,
    ProviderError,
)
from tests.billing.providers.contract.base import FamilyHooks, now, until_done


class PaymentsContract(FamilyHooks):
    def test_it_answers_the_whole_family(self, member):
        assert isinstance(member, Provider)
        assert member.name
        assert member.title
        assert member.abilities <= {"subscribe", "keep", "portal", "change_plan", "list_charges", "partial_refund"}
        assert member.currencies is None or self.currency in member.currencies

    # --- checkouts ---

    def test_a_checkout_has_an_address_and_a_name_and_is_open(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        assert checkout.url.startswith(("https://", "http://"))
        assert 0 < len(checkout.session_id) <= 200
        assert len(checkout.url) <= 2000
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.status == "open"
        assert state.charge is None or state.charge.status == "pending"
        assert self.payable(server, order.reference) == 1

    def test_a_repeat_makes_no_second_thing_to_pay(self, server, member):
        order = self.order(server)
        first, second = member.create_checkout(order), member.create_checkout(order)
        assert (first == second) or self.payable(server, order.reference) == 1
        assert self.payable(server, order.reference) == 1

    def test_names_in_any_writing_are_taken(self, server, member):
        payer = Payer(email="olivia+stage@troupe.example", name="Øyvind “The Ghost” <O’Brien> 🎭 & Söhne", locale="de")
        order = self.order(server, payer=payer, description="100 credits — “Ada’s” purse <b>&amp; 🎭 " + "x" * 160)
        assert member.create_checkout(order).url

    def test_a_payer_without_a_name_is_taken(self, server, member):
        assert member.create_checkout(self.order(server, payer=Payer(email="ada@troupe.example", name=""))).url

    def test_what_was_paid_says_how_much_and_for_what(self, server, member):
        order, checkout, charge = self.paid(server, member)
        assert (charge.status, charge.amount, charge.currency) == ("paid", order.amount, order.currency)
        assert charge.reference == order.reference
        assert 0 < len(charge.intent_id) <= 200
        assert (charge.refunded, charge.disputed) == (0, False)
        if self.dates_payments:
            assert charge.paid_at
            assert abs(charge.paid_at - datetime.now(UTC)) < timedelta(days=1)
        again = member.read_checkout(checkout.session_id, order.reference)
        assert again.status == "paid"
        assert again.charge == charge

    def test_a_charge_read_by_its_id_is_the_checkouts(self, server, member):
        order, _, charge = self.paid(server, member)
        read = now(member, charge.intent_id)
        assert (read.intent_id, read.status, read.amount, read.currency, read.reference) == (
            charge.intent_id,
            "paid",
            order.amount,
            order.currency,
            order.reference,
        )

    def test_currencies_with_other_decimals_keep_their_amount(self, server, member):
        for amount, currency in self.other_amounts:
            if member.currencies is None or currency in member.currencies:
                _, _, charge = self.paid(server, member, amount=amount, currency=currency)
                assert (charge.amount, charge.currency) == (amount, currency)

    def test_what_was_paid_can_not_be_paid_again(self, server, member):
        order, _, charge = self.paid(server, member)
        assert self.payable(server, order.reference) == 0
        try:
            again = member.create_checkout(order)
        except ProviderError as error:
            if not error.permanent:
                raise
        else:
            assert self.payable(server, order.reference) == 0
            assert member.read_checkout(again.session_id, order.reference).charge == charge

    def test_a_declined_card_pays_nothing(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        self.decline(server, checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.status in self.declined
        assert state.charge is None or state.charge.status in {"pending", "failed"}

    def test_an_expired_checkout_says_so_and_can_not_be_paid(self, server, member):
        order = self.order(server)
        checkout = member.create_checkout(order)
        self.expire(server, checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.status in {"expired", "failed"}
        assert state.charge is None or state.charge.status != "paid"
        assert self.payable(server, order.reference) == 0

    def test_a_charge_nobody_knows_is_none(self, member):
        assert member.read_charge(self.unknown_intent) is None

    @pytest.mark.parametrize("hang_up", [False, True], ids=["500", "hang-up"])
    def test_a_lost_answer_and_a_retry_make_one_checkout(self, server, member, hang_up):
        self.needs_a_wire()
        order = self.order(server)
        server.misbehave(*self.create, times=1, after=True, hang_up=hang_up)
        checkout = until_done(lambda: member.create_checkout(order))
        assert self.payable(server, order.reference) == 1
        self.pay(server, checkout.session_id)
        assert member.read_checkout(checkout.session_id, order.reference).status == "paid"
        assert self.payable(server, order.reference) == 0

    # --- refunds ---

    def test_the_whole_goes_back(self, server, member):
        _, _, charge = self.paid(server, member)
        answer = member.refund(self.refund_order(charge))
        assert answer.refund_id
        assert answer.status in {"pending", "succeeded"}
        assert self.refunded(server, member, charge.intent_id) == charge.amount
        assert now(member, charge.intent_id).status == "paid"

    def test_the_same_key_refunds_once(self, server, member):
        _, _, charge = self.paid(server, member)
        partly = "partial_refund" in member.abilities
        order = self.refund_order(charge, charge.amount // 3 if partly else None)
        first, second = member.refund(order), member.refund(order)
        assert first.refund_id == second.refund_id
        assert self.refunded(server, member, charge.intent_id) == order.amount

    def test_a_part_goes_back_and_then_the_rest(self, server, member):
        self.needs(member, "partial_refund")
        _, _, charge = self.paid(server, member)
        part = charge.amount // 3
        member.refund(self.refund_order(charge, part))
        assert self.refunded(server, member, charge.intent_id) == part
        member.refund(self.refund_order(charge, charge.amount - part, already=part))
        assert self.refunded(server, member, charge.intent_id) == charge.amount

    def test_a_part_is_refused_where_it_is_not_offered(self, server, member):
        if "partial_refund" in member.abilities:
            pytest.skip("is offered")
        _, _, charge = self.paid(server, member)
        with pytest.raises(NotOffered):
            member.refund(self.refund_order(charge, charge.amount // 3))
        assert self.refunded(server, member, charge.intent_id) == 0

    def test_more_than_is_left_is_refused(self, server, member):
        _, _, charge = self.paid(server, member)
        member.refund(self.refund_order(charge))
        self.settle_refund(server, charge.intent_id)
        with pytest.raises(ProviderError) as refused:
            member.refund(self.refund_order(charge, already=charge.amount))
        assert refused.value.permanent
        assert self.refunded(server, member, charge.intent_id) == charge.amount

    @pytest.mark.parametrize("hang_up", [False, True], ids=["500", "hang-up"])
    def test_a_lost_answer_and_a_retry_refund_once(self, server, member, hang_up):
        self.needs_a_wire()
        _, _, charge = self.paid(server, member)
        partly = "partial_refund" in member.abilities
        order = self.refund_order(charge, charge.amount // 3 if partly else None)
        server.misbehave(*self.refunding, times=1, after=True, hang_up=hang_up)
        until_done(lambda: member.refund(order))
        assert self.refunded(server, member, charge.intent_id) == order.amount

    def test_a_refund_made_at_the_provider_shows(self, server, member):
        _, _, charge = self.paid(server, member)
        self.refund_there(server, charge.intent_id, charge.amount)
        assert self.refunded(server, member, charge.intent_id) == charge.amount

    # --- disputes ---

    def test_a_dispute_shows_until_it_is_won(self, server, member):
        if not self.disputes:
            pytest.skip("tells nothing of disputes")
        _, _, charge = self.paid(server, member)
        self.dispute(server, charge.intent_id)
        assert now(member, charge.intent_id).disputed
        if self.wins_disputes:
            self.win_dispute(server, charge.intent_id)
            assert not now(member, charge.intent_id).disputed
