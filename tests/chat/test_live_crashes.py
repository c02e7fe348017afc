"""Processes that die, leave or come twice while a reply is written. Each test has a site of its own."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from tests.chat.watching import TEXT, expire_leases, is_end_of, text_from_variant, topic_of, until_status
from tests.live import LiveSite, Wire
from tests.standins.openai_server import OpenAIServer

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=("stand-in",)) as server:
        yield server


@pytest.fixture
def speaking(provider: OpenAIServer) -> dict[str, str]:
    """The environment of a site of a test's own, whose characters speak through the stand-in."""
    return {"TEXT_BASE_URL": provider.base_url, "TEXT_API_KEY": provider.api_key, "TEXT_MODEL": "stand-in"}


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


async def test_the_server_says_bye_before_it_goes(owner):
    with LiveSite(responders=0) as site:
        async with Wire(site, owner.token) as wire:
            await wire.ask("ping")
            stopping = asyncio.create_task(asyncio.to_thread(site.stop, "server"))
            bye = await wire.until(lambda frame: frame["type"] == "bye")
            assert bye["data"]["retry_in_ms"] > 0
            assert await wire.until_closed() == 1012
            await stopping
