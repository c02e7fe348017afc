"""What becomes of a reply: written, stopped, failed, written anew, gone on with, and what each costs."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import Wallet
from chat.models import Message, Status, Variant
from chat.services import writing

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(api, owner, conversation):
    """A reply that nobody has begun to write."""
    return api(owner).post(f"/api/conversations/{conversation}/messages", {"text": "Well?"}).json()["reply"]


@pytest.fixture
def paying(owner):
    """The owner has no free messages left."""
    Wallet.objects.filter(organization_id=owner.organization_id).update(free_messages=0, free_messages_granted=0)


def wallet(api, owner):
    return api(owner).get("/api/wallet").json()


def test_a_written_reply_is_complete_and_counted(api, owner, asked, write_reply, character, conversation):
    assert write_reply(asked, "Mind the gutter.")
    reply = api(owner).get(f"/api/conversations/{conversation}/messages").json()["items"][0]
    assert (reply["text"], reply["status"]) == ("Mind the gutter.", "complete")
    assert reply["rev"] > asked["rev"]
    assert "next_index" not in reply
    assert api(owner).get(f"/api/characters/{character.pk}").json()["messages_amount"] == 1


def test_a_written_reply_costs_its_price(api, owner, paying, asked, write_reply):
    assert wallet(api, owner)["reserved"] == "0.1"
    write_reply(asked)
    assert (wallet(api, owner)["total"], wallet(api, owner)["reserved"]) == ("19.9", "0")
    assert Variant.objects.get(message_id=asked["id"]).cost == Decimal("0.1")


def test_a_reply_that_failed_before_its_first_word_costs_nothing(api, owner, paying, asked, write_reply):
    write_reply(asked, "", Status.FAILED)
    assert (wallet(api, owner)["total"], wallet(api, owner)["reserved"]) == ("20", "0")


def test_a_free_message_comes_back_when_nothing_was_written(api, owner, asked, write_reply):
    assert wallet(api, owner)["free_messages"] == 9
    write_reply(asked, "", Status.FAILED)
    assert wallet(api, owner)["free_messages"] == 10


def test_stopped_before_anybody_wrote_it_costs_nothing(api, owner, paying, asked):
    stopped = api(owner).post(f"/api/messages/{asked['id']}/stop").json()
    assert stopped["status"] == "stopped"
    assert wallet(api, owner)["total"] == "20"
    assert writing.claim(limit=10) == []


def test_stopping_twice_is_no_error(api, owner, asked):
    first = api(owner).post(f"/api/messages/{asked['id']}/stop")
    second = api(owner).post(f"/api/messages/{asked['id']}/stop")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


def test_a_running_reply_is_asked_to_stop(api, owner, asked):
    ((variant_id, token),) = writing.claim()
    api(owner).post(f"/api/messages/{asked['id']}/stop")
    assert writing.checkpoint(variant_id=variant_id, token=token, text="So", next_index=1) == "stop"


def test_another_variant_keeps_the_first_and_costs_again(api, owner, paying, asked, write_reply):
    write_reply(asked, "First.")
    again = api(owner).post(f"/api/messages/{asked['id']}/regenerate").json()
    assert (again["variant"], again["status"], again["text"], again["next_index"]) == (1, "pending", "", 0)
    write_reply(asked, "Second.")
    chosen = api(owner).post(f"/api/messages/{asked['id']}/select", {"variant": 0}).json()
    assert chosen["text"] == "First."
    assert [variant["status"] for variant in chosen["variants"]] == ["complete", "complete"]
    assert wallet(api, owner)["total"] == "19.8"


def test_while_one_is_written_there_is_no_other(api, owner, asked, problem):
    for action, body in (("regenerate", None), ("continue", None), ("select", {"variant": 0})):
        response = api(owner).post(f"/api/messages/{asked['id']}/{action}", body)
        assert problem(response) == (409, "CONFLICT")
    assert Variant.objects.filter(message_id=asked["id"]).count() == 1


def test_going_on_adds_to_the_same_variant_and_counts_deltas_on(api, owner, asked, write_reply):
    write_reply(asked, "Once upon")
    going_on = api(owner).post(f"/api/messages/{asked['id']}/continue").json()
    assert (going_on["text"], going_on["next_index"], going_on["status"]) == ("Once upon", 1, "pending")
    write_reply(asked, " a time.")
    message = Message.objects.get(pk=asked["id"])
    assert message.text == "Once upon a time."
    assert Variant.objects.get(message=message).next_index == 2


def test_going_on_that_fails_keeps_what_was_there(api, owner, asked, write_reply):
    write_reply(asked, "Once upon")
    api(owner).post(f"/api/messages/{asked['id']}/continue")
    write_reply(asked, "", Status.FAILED)
    assert Message.objects.get(pk=asked["id"]).text == "Once upon"


def test_ones_own_message_has_no_variants(api, owner, conversation, problem):
    sent = api(owner).post(f"/api/conversations/{conversation}/messages", {"text": "a", "reply": False}).json()
    for action in ("regenerate", "continue", "stop"):
        assert problem(api(owner).post(f"/api/messages/{sent['message']['id']}/{action}")) == (409, "CONFLICT")


@pytest.mark.parametrize("variant", [7, -1, "one", None, 10**12])
def test_an_unknown_variant_is_a_validation_error(api, owner, asked, write_reply, variant, problem):
    write_reply(asked)
    response = api(owner).post(f"/api/messages/{asked['id']}/select", {"variant": variant})
    assert problem(response) == (400, "VALIDATION_ERROR")


def test_an_unknown_message_is_not_found(api, owner, problem):
    assert problem(api(owner).post(f"/api/messages/{uuid.uuid4()}/regenerate")) == (404, "NOT_FOUND")
    assert problem(api(owner).post("/api/messages/seven/regenerate")) == (404, "NOT_FOUND")


def test_a_deleted_reply_is_stopped_and_not_charged(api, owner, paying, asked):
    api(owner).delete(f"/api/messages/{asked['id']}")
    assert wallet(api, owner)["total"] == "20"
    assert writing.claim(limit=10) == []


class TestLeases:
    def test_a_claimed_reply_is_nobody_elses(self, asked):
        assert len(writing.claim(limit=10)) == 1
        assert writing.claim(limit=10) == []

    def test_a_reply_whose_responder_died_is_taken_over_after_its_lease(self, asked):
        writing.claim()
        expire_leases()
        assert len(writing.claim()) == 1

    def test_who_lost_the_lease_changes_nothing_any_more(self, asked):
        ((variant_id, lost),) = writing.claim()
        old = writing.begin(variant_id, lost)
        expire_leases()
        ((_, token),) = writing.claim()
        assert writing.checkpoint(variant_id=variant_id, token=lost, text="ghost", next_index=1) == "lost"
        assert not writing.finish(assignment=old, status=Status.COMPLETE, text="ghost", next_index=1)
        new = writing.begin(variant_id, token)
        assert writing.finish(assignment=new, status=Status.COMPLETE, text="alive", next_index=1)
        assert Message.objects.get(pk=asked["id"]).text == "alive"

    def test_words_of_a_dead_responder_stay_as_a_failed_variant(self, asked):
        ((variant_id, token),) = writing.claim()
        writing.checkpoint(variant_id=variant_id, token=token, text="Half a sen", next_index=3)
        expire_leases()
        ((_, token),) = writing.claim()
        assignment = writing.begin(variant_id, token)
        assert (assignment.index, assignment.base_index, assignment.base_text) == (1, 0, "")
        writing.finish(assignment=assignment, status=Status.COMPLETE, text="A whole sentence.", next_index=4)
        first, second = Variant.objects.filter(message_id=asked["id"]).order_by("index")
        assert (first.status, first.text) == ("failed", "Half a sen")
        assert (second.status, second.text) == ("complete", "A whole sentence.")

    def test_a_reply_is_taken_over_twice_and_then_fails_without_a_price(self, api, owner, asked):
        for _ in range(4):
            ((variant_id, token),) = writing.claim()
            expire_leases()
        assert writing.begin(variant_id, token) is None
        message = api(owner).get(f"/api/conversations/{asked['conversation']}/messages").json()["items"][0]
        assert message["status"] == "failed"
        assert message["error"]["code"] == "PROVIDER_ERROR"
        assert wallet(api, owner)["free_messages"] == 10

    def test_what_a_leaving_responder_gives_back_is_taken_at_once(self, asked):
        ((variant_id, token),) = writing.claim()
        writing.give_back(variant_id=variant_id, token=token)
        assert len(writing.claim()) == 1


def expire_leases():
    Variant.objects.filter(status="streaming").update(lease_until=timezone.now() - timedelta(hours=1))
