"""Many at once over real connections: everything happens once, nobody waits for ever, and the books agree."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuthSession
from billing.models import Entry, Reservation, Wallet
from characters.models import Character, Like, Persona
from characters.services import create_persona, delete_persona, fold_counters
from chat import services as chat
from chat.models import Conversation, Message, Variant
from chat.services import writing
from common.database import fetch_all
from tests.hostile.crowd import Rest, books_agree, together, until_all_is_said
from tests.live import LiveSite, Wire
from tests.people import Person
from tests.standins.openai_server import OpenAIServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]


@pytest.fixture
def rest(site: LiveSite) -> Callable[[Person], Rest]:
    return lambda person: Rest(site, person)


@pytest.fixture(autouse=True)
def _books(db: None) -> Iterator[None]:
    yield
    until_all_is_said()
    books_agree()


def statuses(answers: list[Any]) -> Counter[Any]:
    return Counter(answer.status_code if isinstance(answer, httpx.Response) else repr(answer) for answer in answers)


class TestSpending:
    def test_fifty_spends_take_what_there_is_and_no_more(self, rest, owner):
        caller, body = rest(owner), {"amount": "0.5", "feature": "race"}
        answers = together([lambda: caller.post("/api/credits/spend", body) for _ in range(50)])
        assert statuses(answers) == {200: 40, 402: 10}
        left = sorted(Decimal(answer.json()["remaining_credits"]) for answer in answers if answer.status_code == 200)
        assert left == [Decimal(n) / 2 for n in range(40)]
        assert Wallet.objects.get(organization=owner.organization_id).total == 0

    def test_fifty_spends_with_one_key_are_one(self, rest, owner):
        caller, body, key = rest(owner), {"amount": "3", "feature": "race"}, {"Idempotency-Key": "once"}
        answers = together([lambda: caller.post("/api/credits/spend", body, **key) for _ in range(50)])
        answers.append(caller.post("/api/credits/spend", body, **key))
        assert statuses(answers).keys() <= {200, 409}
        assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 409)
        assert len({answer.json()["entry"]["id"] for answer in answers if answer.status_code == 200}) == 1
        assert Entry.objects.filter(kind="spend").count() == 1
        assert Wallet.objects.get(organization=owner.organization_id).total == 17

    def test_one_key_with_different_bodies_is_the_first_ones(self, rest, owner):
        caller = rest(owner)

        def spend(amount: int) -> httpx.Response:
            body = {"amount": amount, "feature": "race"}
            return caller.post("/api/credits/spend", body, **{"Idempotency-Key": "mine"})

        answers = together([lambda amount=amount: spend(amount) for amount in range(1, 11)])
        assert statuses(answers) == {200: 1, 409: 9}
        assert Entry.objects.filter(kind="spend").count() == 1


class TestLikes:
    def test_fifty_people_like_one_character_and_half_of_them_change_their_mind(self, rest, join, character):
        people = [rest(join(f"person{number}")) for number in range(50)]
        path = f"/api/characters/{character.pk}/like"
        assert statuses(together([lambda who=who: who.post(path) for who in people])) == {200: 50}
        assert Like.objects.filter(character=character).count() == 50
        calls = [lambda who=who: who.delete(path) for who in people[:25]]
        calls += [lambda who=who: who.post(path) for who in people[25:]]
        assert statuses(together(calls)) == {200: 50}
        assert people[0].get(f"/api/characters/{character.pk}").json()["likes_amount"] == 25
        fold_counters()
        assert Character.objects.get(pk=character.pk).likes_amount == 25 == Like.objects.count()

    def test_one_person_of_two_minds_is_counted_once_or_not(self, rest, stranger, character):
        caller, path = rest(stranger), f"/api/characters/{character.pk}/like"
        calls = [lambda: caller.post(path), lambda: caller.delete(path)] * 25
        assert statuses(together(calls)) == {200: 50}
        likes = Like.objects.filter(character=character).count()
        fold_counters()
        assert likes in (0, 1)
        assert Character.objects.get(pk=character.pk).likes_amount == likes


class TestSending:
    async def test_thirty_sends_with_one_client_id_are_one_message_one_reply_one_charge(
        self, site, rest, owner, conversation
    ):
        caller, body = rest(owner), {"text": "Once, please.", "client_id": "tab-1"}
        path = f"/api/conversations/{conversation}/messages"
        async with Wire(site, owner.token) as one, Wire(site, owner.token) as two:
            for wire in (one, two):
                await wire.ask("ping")
            over_rest = asyncio.to_thread(together, [lambda: caller.post(path, body) for _ in range(15)])
            over_sockets = [wire.ask("chat.send", conversation=conversation, **body) for wire in (one, two) * 8]
            answers, *frames = await asyncio.gather(over_rest, *over_sockets)
        assert statuses(answers) == {201: 15}
        said = [answer.json() for answer in answers] + [frame["data"] for frame in frames]
        assert len({answer["message"]["id"] for answer in said}) == 1
        assert len({answer["reply"]["id"] for answer in said}) == 1
        await asyncio.to_thread(until_all_is_said)
        assert await Message.objects.filter(conversation=conversation).acount() == 3
        assert await Reservation.objects.acount() == 1

    def test_one_idempotency_key_starts_one_conversation(self, rest, owner, character):
        caller, key = rest(owner), {"Idempotency-Key": "begin"}
        calls = [lambda: caller.post("/api/conversations", {"character": str(character.pk)}, **key)] * 30
        answers = together(calls)
        assert statuses(answers).keys() <= {201, 409}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert Conversation.objects.count() == 1

    def test_one_client_id_without_a_reply_is_one_message_too(self, rest, owner, conversation):
        caller, path = rest(owner), f"/api/conversations/{conversation}/messages"
        body = {"text": "Quietly.", "client_id": "tab-2", "reply": False}
        answers = together([lambda: caller.post(path, body) for _ in range(30)])
        assert statuses(answers) == {201: 30}
        assert len({answer.json()["message"]["id"] for answer in answers}) == 1


class TestOneReply:
    """Everything one may do to a reply, at once, while it is being written."""

    @pytest.fixture(autouse=True)
    def _rich(self, owner: Person, provider: OpenAIServer) -> None:
        from billing.services import grant_credits

        grant_credits(organization_id=owner.organization_id, amount=10_000, key="rich")
        provider.forget_scripts()

    def test_nothing_fails_and_nothing_hangs(self, rest, owner, conversation, provider):
        provider.default = type(provider.default)(text="word " * 12, chunk_delay=0.01)
        caller, path = rest(owner), f"/api/conversations/{conversation}/messages"
        for round_number in range(3):
            reply = caller.post(path, {"text": "Tell me."}).json()["reply"]["id"]
            calls = self.everything(caller, path, reply)
            storm = random.Random(round_number).choices(calls, k=38)
            if round_number == 2:
                storm += [lambda gone=f"/api/messages/{reply}": caller.delete(gone)] * 2
            assert statuses(together(storm)).keys() <= {200, 201, 204, 400, 404, 409}
        until_all_is_said()
        assert not Reservation.objects.filter(status="held").exists()
        assert Wallet.objects.get(organization=owner.organization_id).reserved == 0

    @staticmethod
    def everything(caller: Rest, path: str, reply: str) -> list[Callable[[], httpx.Response]]:
        of_reply = f"/api/messages/{reply}"
        return [
            lambda: caller.post(f"{of_reply}/regenerate"),
            lambda: caller.post(f"{of_reply}/continue"),
            lambda: caller.post(f"{of_reply}/stop"),
            lambda: caller.post(f"{of_reply}/select", {"variant": 0}),
            lambda: caller.post(f"{of_reply}/select", {"variant": 1}),
            lambda: caller.post(path, {"text": "And?", "reply_to": reply}),
            lambda: caller.get(path),
        ]

    def test_conversations_are_deleted_while_their_replies_are_written(self, rest, owner, start, provider):
        provider.default = type(provider.default)(text="word " * 4, chunk_delay=0.002)
        caller = rest(owner)
        for _ in range(3):
            conversations = [start(owner) for _ in range(6)]
            calls = []
            for conversation in conversations:
                path = f"/api/conversations/{conversation}"
                for _ in range(3):
                    caller.post(f"{path}/messages", {"text": "Quick!"})
                calls.append(lambda path=path: caller.delete(path))
                calls.append(lambda path=path: caller.post(f"{path}/messages", {"text": "Wait!"}))
            assert statuses(together(calls)).keys() <= {201, 204, 404}
        until_all_is_said()
        assert not Reservation.objects.filter(status="held").exists()


class TestLocks:
    """Message, variant, wallet, conversation: who takes them in another order waits for somebody who waits for them."""

    @pytest.fixture
    def reply(self, owner: Person, conversation: uuid.UUID) -> Iterator[Any]:
        """A reply that a responder of this process holds: the site's own never sees it free."""
        with transaction.atomic():
            sent = chat.send_message(conversation_id=conversation, user_id=owner.id, text="Well?")
            ((_, token),) = writing.claim()
        yield Variant.objects.select_related("message").get(lease_token=token)
        Variant.objects.filter(message=sent.reply["id"]).update(status="stopped")

    @pytest.fixture
    def beside(self) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
        with ThreadPoolExecutor(1) as pool:
            yield lambda call: pool.submit(closing(call))

    def test_a_conversation_is_deleted_from_its_messages_on(self, owner, conversation, reply, beside):
        with transaction.atomic():
            Message.objects.select_for_update(no_key=True).get(pk=reply.message_id)
            deleted = beside(lambda: chat.delete_conversation(conversation_id=conversation, user_id=owner.id))
            until_somebody_waits()
            assert Variant.objects.select_for_update(no_key=True, nowait=True).get(pk=reply.pk)
            assert Wallet.objects.select_for_update(nowait=True).get(organization=owner.organization_id)
        deleted.result(10)
        assert Variant.objects.get(pk=reply.pk).stop_requested

    def test_what_is_written_is_saved_while_somebody_has_the_message(self, reply, beside):
        held = {"variant_id": reply.pk, "token": reply.lease_token}
        with transaction.atomic():
            Message.objects.select_for_update(no_key=True).get(pk=reply.message_id)
            saved = beside(lambda: writing.checkpoint(**held, text="So", next_index=1))
            assert saved.result(5) == "held"
        assert writing.checkpoint(**held, text="So it", next_index=2) == "held"
        assert Message.objects.get(pk=reply.message_id).status == "streaming"

    def test_a_message_is_answered_while_somebody_has_it(self, owner, conversation, reply, beside):
        said = {"conversation_id": conversation, "user_id": owner.id, "text": "Listen.", "reply_to": reply.message_id}
        with transaction.atomic():
            Message.objects.select_for_update(no_key=True).get(pk=reply.message_id)
            answered = beside(lambda: chat.send_message(**said))
            assert answered.result(5).message["reply_to"] == reply.message_id

    def test_a_reply_in_a_conversation_that_is_gone_is_not_written(self, conversation, reply):
        Conversation.objects.filter(pk=conversation).update(deleted_at=timezone.now())
        assert writing.begin(reply.pk, reply.lease_token) is None
        assert Variant.objects.get(pk=reply.pk).status == "stopped"
        assert not Reservation.objects.filter(status="held").exists()


def until_somebody_waits() -> None:
    """Until another connection waits for a lock."""
    deadline = time.monotonic() + 10
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1"
    while not fetch_all(waiting, []):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


class TestPeople:
    def test_signing_out_while_requests_are_in_flight(self, rest, owner, conversation):
        caller, path = rest(owner), f"/api/conversations/{conversation}/messages"
        calls: list[Callable[[], httpx.Response]] = [
            lambda: caller.post(path, {"text": "Still here.", "reply": False})
        ] * 30
        calls += [lambda: caller.get("/api/wallet")] * 9
        calls.insert(20, lambda: caller.post("/api/auth/signout", {"refresh": owner.refresh}))
        answers = together(calls)
        assert statuses(answers).keys() <= {200, 201, 204, 401}
        sent = [answer for answer in answers if answer.status_code == 201]
        assert Message.objects.filter(conversation=conversation, author_kind="user").count() == len(sent)
        assert caller.get("/api/wallet").json()["code"] == "UNAUTHENTICATED"

    def test_a_person_whose_role_changes_while_they_refresh_is_signed_out_in_the_end(self, staff, join):
        for number in range(10):
            person = join(f"person{number}")

            def change(person: Person = person) -> None:
                accounts.set_access(
                    user=type(person.user).objects.get(pk=person.id), role="moderator", is_active=True,
                    actor=staff.user, reason="race",
                )  # fmt: skip

            def refresh(person: Person = person) -> Any:
                return accounts.refresh(refresh_token=person.refresh)

            changed, refreshed = together([closing(change), closing(refresh)])
            assert changed is None
            assert not isinstance(refreshed, Exception) or refreshed.code == "UNAUTHENTICATED"
            live = AuthSession.objects.filter(user=person.id, ended_at=None)
            assert not live.exists()

    def test_a_persona_is_deleted_while_conversations_take_it(self, owner, character):
        for _ in range(10):
            persona = create_persona(user_id=owner.id, fields={"name": "The lodger"})

            def begin(persona: Persona = persona) -> Any:
                return chat.start_conversation(
                    user_id=owner.id, organization_id=owner.organization_id, character_id=character.pk,
                    persona_id=persona.pk,
                ).pk  # fmt: skip

            def remove(persona: Persona = persona) -> None:
                delete_persona(persona_id=persona.pk, user_id=owner.id)

            *begun, removed = together([closing(begin)] * 5 + [closing(remove)])
            assert removed is None
            assert all(isinstance(one, uuid.UUID) or one.code == "NOT_FOUND" for one in begun), begun
        assert not Conversation.objects.exclude(persona=None).exists()


def closing(call: Callable[[], Any]) -> Callable[[], Any]:
    """For calls in this process: the thread gives its database connection back."""
    from django.db import connection

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return run
