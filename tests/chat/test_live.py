"""The whole path over real processes and the real wire: said on a socket, written by a responder, seen as it comes."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from chat.models import Message, Variant
from tests.live import LiveSite, Wire
from tests.standins.openai_server import OpenAIServer

pytestmark = [pytest.mark.django_db(transaction=True)]

TEXT = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=("stand-in",)) as server:
        yield server


@pytest.fixture
def speaking(provider: OpenAIServer) -> dict[str, str]:
    """The environment of a site whose characters speak through the stand-in."""
    return {"TEXT_BASE_URL": provider.base_url, "TEXT_API_KEY": provider.api_key, "TEXT_MODEL": "stand-in"}


@pytest.fixture
def site(speaking: dict[str, str]) -> Iterator[LiveSite]:
    with LiveSite(**speaking) as site:
        yield site


def topic_of(conversation) -> str:
    return f"conversation:{conversation}"


def text_from(frames, reply) -> str:
    """What a client has on its screen after these frames: deltas in order, whole messages replace."""
    text, index = "", 0
    for frame in frames:
        data = frame["data"]
        if frame["type"] == "chat.delta" and data["message"] == reply["id"]:
            assert data["index"] <= index, "a delta is missing"
            if data["index"] == index:
                text, index = text + data["text"], index + 1
        elif frame["type"] in ("chat.message", "chat.updated") and data["id"] == reply["id"]:
            text, index = data["text"], data.get("next_index", index)
    return text


def is_end_of(reply):
    return lambda frame: (
        frame["type"] == "chat.updated"
        and frame["data"]["id"] == reply["id"]
        and frame["data"]["status"] not in ("pending", "streaming")
    )


async def test_a_reply_arrives_word_by_word_and_the_wallet_follows(site, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.01)
    async with Wire(site, owner.token) as wire:
        assert (await wire.ask("subscribe", topic=topic_of(conversation)))["ok"]
        answer = await wire.ask("chat.send", conversation=conversation, text="Tell me.", client_id="x1")
        assert answer["ok"], answer
        reply = answer["data"]["reply"]
        end = await wire.until(is_end_of(reply))
        deltas = [frame["data"] for frame in wire.of("chat.delta")]
        assert len(deltas) > 3
        assert [delta["index"] for delta in deltas] == list(range(len(deltas)))
        assert "".join(delta["text"] for delta in deltas) == TEXT == end["data"]["text"]
        numbers = [
            frame["seq"] for frame in wire.frames if frame.get("topic") == topic_of(conversation) and "seq" in frame
        ]
        assert numbers == [2, 3, 4]
        assert wire.of("wallet.updated")[-1]["data"]["free_messages"] == 9


async def test_reloading_in_mid_reply_loses_and_doubles_nothing(site, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.02)
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Tell me."))["data"]["reply"]
        await wire.until(lambda frame: frame["type"] == "chat.delta" and frame["data"]["index"] == 2)
    async with Wire(site, owner.token) as again:
        await again.ask("subscribe", topic=topic_of(conversation), since=1)
        await again.until(is_end_of(reply))
        before_end = [frame for frame in again.frames if not is_end_of(reply)(frame)]
        assert text_from(before_end, reply) == TEXT
        assert len([f for f in again.frames if f["type"] == "chat.message"]) == 2


async def test_two_tabs_see_the_same(site, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.005)
    async with Wire(site, owner.token) as one, Wire(site, owner.token) as two:
        for wire in (one, two):
            await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await one.ask("chat.send", conversation=conversation, text="Tell us."))["data"]["reply"]
        for wire in (one, two):
            await wire.until(is_end_of(reply))
        of_topic = [[f for f in wire.frames if f.get("topic") == topic_of(conversation)] for wire in (one, two)]
        assert of_topic[0] == of_topic[1]


async def test_closing_the_tab_stops_nothing(site, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.01)
    async with Wire(site, owner.token) as wire:
        reply = (await wire.ask("chat.send", conversation=conversation, text="Go on."))["data"]["reply"]
    await until_status(reply, "complete")


async def test_stop_ends_it_at_once_and_keeps_what_was_said(site, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.05)
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Go on."))["data"]["reply"]
        await wire.until(lambda frame: frame["type"] == "chat.delta" and frame["data"]["index"] == 1)
        assert (await wire.ask("chat.stop", message=reply["id"]))["ok"]
        end = await wire.until(is_end_of(reply), seconds=1)
        assert end["data"]["status"] == "stopped"
        assert TEXT.startswith(end["data"]["text"])
        assert end["data"]["text"]
        assert await asyncio.to_thread(provider.wait_until, lambda server: server.hung_up == 1)


async def test_another_variant_streams_from_index_zero(site, provider, owner, conversation):
    provider.script(text="First words.")
    provider.script(text="Second words.")
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
        await wire.until(is_end_of(reply))
        assert (await wire.ask("chat.regenerate", message=reply["id"]))["ok"]
        await wire.until(lambda frame: is_end_of(reply)(frame) and frame["data"]["variant"] == 1)
        second = [frame["data"] for frame in wire.of("chat.delta") if frame["data"]["variant"] == 1]
        assert second[0]["index"] == 0
        assert "".join(delta["text"] for delta in second) == "Second words."


async def test_a_provider_that_fails_costs_nothing_and_says_so(site, provider, owner, conversation):
    for _ in range(3):
        provider.script(status=500, error={"message": "boom", "type": "server_error"})
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
        end = await wire.until(is_end_of(reply), seconds=20)
        assert end["data"]["status"] == "failed"
        assert "boom" not in str(end)
        assert wire.of("wallet.updated")[-1]["data"]["free_messages"] == 10


async def test_a_responder_killed_in_mid_reply_is_replaced(speaking, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.1)
    provider.script(text="Take two.")
    with LiveSite(**speaking) as site:
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=topic_of(conversation))
            reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
            await wire.until(lambda frame: frame["type"] == "chat.delta" and frame["data"]["index"] == 3)
            site.stop("responder0", signal.SIGKILL)
            await sync_to_async(expire_leases)()
            site.start_responder("responder1")
            end = await wire.until(is_end_of(reply), seconds=30)
            assert end["data"]["text"] == "Take two."
            assert [variant["status"] for variant in end["data"]["variants"]] == ["failed", "complete"]
            assert text_from_variant(wire.frames, reply, 1) == "Take two."
            assert wire.of("wallet.updated")[-1]["data"]["free_messages"] == 9


async def test_a_responder_asked_to_leave_finishes_its_reply(speaking, provider, owner, conversation):
    provider.script(text=TEXT, chunk_delay=0.01)
    with LiveSite(**speaking) as site:
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=topic_of(conversation))
            reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
            await wire.until(lambda frame: frame["type"] == "chat.delta")
            assert await asyncio.to_thread(site.stop, "responder0") == 0
            end = await wire.until(is_end_of(reply))
            assert end["data"]["text"] == TEXT


async def test_two_responders_never_write_the_same_reply(speaking, provider, owner, start):
    conversations = [await sync_to_async(start)(owner) for _ in range(10)]
    with LiveSite(responders=2, **speaking) as site:
        async with Wire(site, owner.token) as wire:
            replies = [
                (await wire.ask("chat.send", conversation=one, text="All at once."))["data"]["reply"]
                for one in conversations
            ]
            for reply in replies:
                await until_status(reply, "complete")
    assert len(provider.completions) == 10


async def test_the_server_says_bye_before_it_goes(site, owner):
    async with Wire(site, owner.token) as wire:
        await wire.ask("ping")
        stopping = asyncio.create_task(asyncio.to_thread(site.stop, "server"))
        bye = await wire.until(lambda frame: frame["type"] == "bye")
        assert bye["data"]["retry_in_ms"] > 0
        assert await wire.until_closed() == 1012
        await stopping


async def until_status(reply, status, seconds=15):
    async with asyncio.timeout(seconds):
        while await Message.objects.filter(pk=reply["id"], status=status).acount() == 0:
            await asyncio.sleep(0.05)


def expire_leases():
    from django.utils import timezone

    Variant.objects.filter(status="streaming").update(lease_until=timezone.now())


def text_from_variant(frames, reply, variant):
    return "".join(
        frame["data"]["text"]
        for frame in frames
        if frame["type"] == "chat.delta"
        and frame["data"]["message"] == reply["id"]
        and frame["data"]["variant"] == variant
    )
