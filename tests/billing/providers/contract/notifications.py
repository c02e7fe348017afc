"""What a provider tells us: believed where it is its own, and refused where it is not."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from billing.providers.base import (
    Forged,
)
from tests.billing.providers.contract.base import FamilyHooks, incoming_of


class NotificationsContract(FamilyHooks):
    def test_what_the_provider_tells_is_believed_and_says_where_to_look(self, server, member):
        order, checkout, charge = self.paid(server, member)
        told = [server.taken()]
        if self.disputes:
            self.dispute(server, charge.intent_id)
            told.append(server.taken())
            if self.wins_disputes:
                self.win_dispute(server, charge.intent_id)
                told.append(server.taken())
        self.refund_there(server, charge.intent_id, charge.amount)
        self.settle_refund(server, charge.intent_id)
        told.append(server.taken())
        seen: set[str] = set()
        for deliveries in told:
            notices = [member.verify(incoming_of(delivery)) for delivery in deliveries]
            assert any(notice.about for notice in notices), "nothing said where to look"
            for notice in notices:
                assert 0 < len(notice.event_id) <= 255
                assert notice.kind
                assert len(notice.kind) <= 120
                for about in notice.about:
                    assert self.looks_at(member, about, order, checkout.session_id, {charge.intent_id}), about
            fresh = {notice.event_id for notice in notices}
            assert not fresh & seen, "another event under the id of an earlier one"
            seen |= fresh

    def test_a_repeated_notification_is_the_same_event(self, server, member):
        delivery, _ = self.notified(server, member)
        assert member.verify(incoming_of(delivery)) == member.verify(incoming_of(delivery))

    def test_a_declined_or_expired_checkout_is_told_rightly_if_at_all(self, server, member):
        for end in (self.decline, self.expire):
            order = self.order(server)
            checkout = member.create_checkout(order)
            end(server, checkout.session_id)
            for delivery in server.taken():
                for about in member.verify(incoming_of(delivery)).about:
                    state = member.read_checkout(checkout.session_id, order.reference)
                    intents = {state.charge.intent_id} if state.charge else set()
                    assert self.looks_at(member, about, order, checkout.session_id, intents), about

    def test_a_forged_notification_is_refused(self, server, member):
        delivery, _ = self.notified(server, member)
        believed = []
        for name, forged in self.forgeries(delivery).items():
            try:
                member.verify(incoming_of(forged))
            except Forged:
                continue
            believed.append(name)
        assert set(believed) == self.unseen_forgeries

    def test_a_notification_signed_with_another_key_is_refused(self, server, member):
        delivery, _ = self.notified(server, member)
        another = self.member_class(self.another_key(server.block))
        with pytest.raises(Forged):
            another.verify(incoming_of(delivery))

    def test_a_stale_notification_is_refused(self, server, member):
        if not self.timestamped:
            pytest.skip("its notifications carry no time")
        delivery, _ = self.notified(server, member)
        incoming = incoming_of(delivery)
        member.verify(incoming)
        for hours in (-1, 1):
            with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)), pytest.raises(Forged):
                member.verify(incoming)
