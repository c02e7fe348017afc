"""The socket over the wire: signing in, commands, topics, replay, life and death."""

import asyncio
import json
import uuid
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from tests.live import LiveSite, Wire

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[LiveSite]:
    """One server for all of these tests: to start it takes longer than most of them."""
    with LiveSite(responders=0) as site:
        yield site


async def say(api, person, conversation, text):
    path = f"/api/conversations/{conversation}/messages"
    return (await sync_to_async(api(person).post)(path, {"text": text, "reply": False})).json()["message"]


class TestSigningIn:
    async def test_by_a_token_in_the_address(self, site, owner):
        async with Wire(site, owner.token) as wire:
            assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["ok"]

    async def test_by_a_first_frame(self, site, owner):
        async with Wire(site) as wire:
            refused = await wire.ask("chat.typing", conversation=uuid.uuid4())
            assert refused["error"]["code"] == "UNAUTHENTICATED"
            assert (await wire.ask("auth", token=owner.token))["data"] == {"user": str(owner.id)}
            assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["ok"]
            assert not (await wire.ask("auth", token=owner.token))["ok"]

    async def test_by_the_web_sessions_cookie_from_our_own_pages_only(self, site, owner):
        cookie = await sync_to_async(web_session)(owner)
        mine = {"Cookie": cookie, "Origin": site.url}
        async with Wire(site, additional_headers=mine) as wire:
            assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["ok"]
        foreign = {"Cookie": cookie, "Origin": "https://elsewhere.example"}
        async with Wire(site, additional_headers=foreign) as wire:
            assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["error"]["code"] == "UNAUTHENTICATED"

    @pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 5000])
    async def test_a_forged_token_closes_with_4001(self, site, db, token):
        async with Wire(site, token) as wire:
            assert await wire.until_closed() == 4001

    async def test_signing_out_closes_the_sockets_of_that_session_only_and_at_once(self, site, api, owner, join):
        async with Wire(site, owner.token) as wire, Wire(site, await sync_to_async(second_token)(owner)) as other:
            await wire.ask("ping")
            await other.ask("ping")
            await sync_to_async(api(owner).post)("/api/auth/signout", {"refresh": owner.refresh})
            assert await wire.until_closed(seconds=1) == 4001
            assert (await other.ask("ping"))["data"] == "pong"

    async def test_a_signed_out_token_opens_nothing(self, site, api, owner):
        await sync_to_async(api(owner).post)("/api/auth/signout", {"refresh": owner.refresh})
        async with Wire(site, owner.token) as wire:
            assert await wire.until_closed() == 4001

    async def test_a_refresh_token_used_twice_closes_the_sockets(self, site, api, owner):
        async with Wire(site, owner.token) as wire:
            await wire.ask("ping")
            for _ in range(2):
                await sync_to_async(api().post)("/api/auth/refresh", {"refresh": owner.refresh})
            assert await wire.until_closed(seconds=1) == 4001

    async def test_who_does_not_sign_in_is_shown_out_after_ten_seconds(self, site, db):
        async with Wire(site) as wire:
            assert await wire.until_closed(seconds=14) == 4001


class TestCommands:
    async def test_ping(self, site, owner):
        async with Wire(site, owner.token) as wire:
            assert (await wire.ask("ping"))["data"] == "pong"

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", '"ping"', "5", "\x00", '{"id": {}, "type": "ping"}', "{" * 5000]
    )
    async def test_a_frame_that_is_no_command_gets_an_error_and_the_socket_lives(self, site, owner, text):
        async with Wire(site, owner.token) as wire:
            await wire.raw(text)
            await wire._until(lambda: None in wire.answers or wire.close_code)
            assert wire.answers[None]["error"]["code"] == "VALIDATION_ERROR"
            assert (await wire.ask("ping"))["ok"]

    @pytest.mark.parametrize("kind", ["chat.dance", "", "__class__", "receive", "do_ping"])
    async def test_an_unknown_command_is_a_validation_error(self, site, owner, kind):
        async with Wire(site, owner.token) as wire:
            assert (await wire.ask(kind))["error"]["code"] == "VALIDATION_ERROR"

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"conversation": "here"},
            {"conversation": None, "text": "a"},
            {"conversation": str(uuid.uuid4()), "text": 5, "reply": []},
            {"conversation": str(uuid.uuid4()), "text": "a\x00"},
            {"conversation": str(uuid.uuid4()), "text": "a", "volume": 11},
            {"conversation": str(uuid.uuid4()), "text": "x" * 16_001},
        ],
    )
    async def test_a_wrong_payload_names_its_fields(self, site, owner, payload):
        async with Wire(site, owner.token) as wire:
            error = (await wire.ask("chat.send", **payload))["error"]
            assert error["code"] == "VALIDATION_ERROR"
            assert error["errors"]

    async def test_a_stranger_sends_nothing(self, site, owner, stranger, conversation):
        async with Wire(site, stranger.token) as wire:
            error = (await wire.ask("chat.send", conversation=conversation, text="hello"))["error"]
            assert (error["status"], error["code"]) == (404, "NOT_FOUND")

    async def test_a_frame_over_64_kib_closes_with_1009(self, site, owner):
        async with Wire(site, owner.token) as wire:
            await wire.raw(json.dumps({"type": "ping", "id": "x", "pad": "x" * 65_536}))
            assert await wire.until_closed() == 1009

    async def test_a_binary_frame_closes_with_1009(self, site, owner):
        async with Wire(site, owner.token) as wire:
            await wire.raw(b"\x00\x01")
            assert await wire.until_closed() == 1009


async def test_a_flood_of_commands_closes_with_4008(owner):
    with LiveSite(responders=0, RATE_LIMIT_FACTOR="1") as site:
        async with Wire(site, owner.token) as wire:
            for number in range(150):
                try:
                    await wire.raw(json.dumps({"id": str(number), "type": "ping"}))
                except Exception:
                    break
            assert await wire.until_closed() == 4008


class TestTopics:
    @pytest.mark.parametrize("topic", ["", "weather:1", "conversation", "conversation:x", None, 5, "x" * 200])
    async def test_an_unknown_topic_is_refused(self, site, owner, topic):
        async with Wire(site, owner.token) as wire:
            assert (await wire.ask("subscribe", topic=topic))["error"]["code"] in ("VALIDATION_ERROR", "NOT_FOUND")

    @pytest.mark.parametrize("since", ["1", -1, 1.5, True, 2**60])
    async def test_since_is_a_number_of_ours(self, site, owner, conversation, since):
        async with Wire(site, owner.token) as wire:
            answer = await wire.ask("subscribe", topic=f"conversation:{conversation}", since=since)
            assert answer["error"]["code"] == "VALIDATION_ERROR"

    async def test_a_stranger_may_not_follow(self, site, owner, stranger, conversation):
        async with Wire(site, stranger.token) as wire:
            for topic in (f"conversation:{conversation}", f"user:{owner.id}"):
                assert (await wire.ask("subscribe", topic=topic))["error"]["code"] == "NOT_FOUND"

    async def test_what_was_missed_comes_once_as_it_is_now(self, site, api, owner, conversation):
        first = await say(api, owner, conversation, "one")
        second = await say(api, owner, conversation, "two")
        await sync_to_async(api(owner).patch)(f"/api/messages/{first['id']}", {"text": "uno"})
        await sync_to_async(api(owner).delete)(f"/api/messages/{second['id']}")
        third = await say(api, owner, conversation, "three")
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=f"conversation:{conversation}", since=2)
            seen = [(f["type"], f["seq"], f["data"].get("text")) for f in wire.frames if "topic" in f]
        assert seen == [("chat.updated", 4, "uno"), ("chat.deleted", 5, None), ("chat.message", 6, "three")]
        assert third["seq"] == 6

    async def test_nothing_missed_brings_nothing(self, site, api, owner, conversation):
        message = await say(api, owner, conversation, "one")
        async with Wire(site, owner.token) as wire:
            answer = await wire.ask("subscribe", topic=f"conversation:{conversation}", since=message["seq"])
            assert answer["data"]["latest"] == message["seq"]
            assert wire.frames == []

    async def test_too_far_behind_is_a_gap_and_then_it_goes_on(self, site, api, owner, conversation):
        from chat.models import Conversation

        await Conversation.objects.filter(pk=conversation).aupdate(last_seq=2000)
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=f"conversation:{conversation}", since=1)
            gap = await wire.until(lambda frame: frame["type"] == "gap")
            assert gap["data"] == {"since": 1, "latest": 2000}
            await say(api, owner, conversation, "after")
            assert (await wire.until(lambda f: f["type"] == "chat.message"))["seq"] == 2001

    async def test_a_number_from_the_future_is_a_gap(self, site, owner, conversation):
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=f"conversation:{conversation}", since=99)
            assert (await wire.until(lambda f: f["type"] == "gap"))["data"]["latest"] == 1

    async def test_after_unsubscribing_it_is_quiet(self, site, api, owner, conversation):
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=f"conversation:{conversation}")
            await wire.ask("unsubscribe", topic=f"conversation:{conversation}")
            await say(api, owner, conversation, "one")
            await wire.ask("ping")
            assert wire.of("chat.message") == []

    async def test_a_burst_arrives_whole_and_in_order_whoever_sent_it(self, site, api, owner, conversation):
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=f"conversation:{conversation}")
            await asyncio.gather(*(say(api, owner, conversation, str(n)) for n in range(30)))
            await wire.until(lambda f: f.get("seq") == 31)
            assert [f["seq"] for f in wire.of("chat.message")] == list(range(2, 32))

    async def test_the_users_own_topic_replays_what_was_missed(self, site, api, owner):
        from billing import services

        async with Wire(site, owner.token) as wire:
            await wire.ask("ping")
            for number in range(3):
                await sync_to_async(services.grant_credits)(
                    organization_id=owner.organization_id, amount=1, key=f"gift-{number}"
                )
            await wire.until(lambda f: f["type"] == "wallet.updated" and f["data"]["total"] == "23")
            numbers = [f["seq"] for f in wire.of("wallet.updated")]
            assert numbers == list(range(numbers[0], numbers[0] + 3))
        async with Wire(site, owner.token) as again:
            await again.ask("subscribe", topic=f"user:{owner.id}", since=numbers[0])
            assert [f["data"]["total"] for f in again.of("wallet.updated")] == ["22", "23"]


def web_session(person) -> str:
    from django.test import Client

    from tests.people import PASSWORD

    client = Client()
    response = client.post("/sign-in", {"email": person.user.email, "password": PASSWORD})
    assert response.status_code in (302, 303)
    return f"session={client.cookies['session'].value}"


def second_token(person) -> str:
    from accounts import services
    from tests.people import PASSWORD

    return services.sign_in(email=person.user.email, password=PASSWORD).access
