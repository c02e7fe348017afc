"""The whole path over real processes and the real wire: said on a socket, written by a responder, seen as it comes."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.chat.watching import TEXT, is_end_of, text_from, topic_of, until_status
from tests.live import LiveSite, Wire
from tests.standins.openai_server import OpenAIServer

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=("stand-in",)) as server:
        yield server


@pytest.fixture(scope="module")
def site(django_db_setup: None, shared_provider: OpenAIServer) -> Iterator[LiveSite]:
    """For the tests that leave its processes alone: to start them takes longer than most of these tests."""
    speaking = {"TEXT_BASE_URL": shared_provider.base_url, "TEXT_API_KEY": "test-key", "TEXT_MODEL": "stand-in"}
    with LiveSite(**speaking) as site:
        yield site


@pytest.fixture
def script(shared_provider: OpenAIServer) -> Callable[..., None]:
    """How the next reply goes."""
    shared_provider.forget_scripts()
    return shared_provider.script


async def test_a_reply_arrives_word_by_word_and_the_wallet_follows(site, script, owner, conversation):
    script(text=TEXT, chunk_delay=0.01)
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


async def test_reloading_in_mid_reply_loses_and_doubles_nothing(site, script, owner, conversation):
    script(text=TEXT, chunk_delay=0.02)
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


async def test_two_tabs_see_the_same(site, script, owner, conversation):
    script(text=TEXT, chunk_delay=0.005)
    async with Wire(site, owner.token) as one, Wire(site, owner.token) as two:
        for wire in (one, two):
            await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await one.ask("chat.send", conversation=conversation, text="Tell us."))["data"]["reply"]
        for wire in (one, two):
            await wire.until(is_end_of(reply))
        of_topic = [[f for f in wire.frames if f.get("topic") == topic_of(conversation)] for wire in (one, two)]
        assert of_topic[0] == of_topic[1]


async def test_closing_the_tab_stops_nothing(site, script, owner, conversation):
    script(text=TEXT, chunk_delay=0.01)
    async with Wire(site, owner.token) as wire:
        reply = (await wire.ask("chat.send", conversation=conversation, text="Go on."))["data"]["reply"]
    await until_status(reply, "complete")


async def test_stop_ends_it_at_once_and_keeps_what_was_said(site, script, shared_provider, owner, conversation):
    script(text=TEXT, chunk_delay=0.05)
    before = shared_provider.hung_up
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Go on."))["data"]["reply"]
        await wire.until(lambda frame: frame["type"] == "chat.delta" and frame["data"]["index"] == 1)
        assert (await wire.ask("chat.stop", message=reply["id"]))["ok"]
        end = await wire.until(is_end_of(reply), seconds=1)
        assert end["data"]["status"] == "stopped"
        assert TEXT.startswith(end["data"]["text"])
        assert end["data"]["text"]
        assert await asyncio.to_thread(shared_provider.wait_until, lambda server: server.hung_up > before)


async def test_another_variant_streams_from_index_zero(site, script, owner, conversation):
    script(text="First words.")
    script(text="Second words.")
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
        await wire.until(is_end_of(reply))
        assert (await wire.ask("chat.regenerate", message=reply["id"]))["ok"]
        await wire.until(lambda frame: is_end_of(reply)(frame) and frame["data"]["variant"] == 1)
        second = [frame["data"] for frame in wire.of("chat.delta") if frame["data"]["variant"] == 1]
        assert second[0]["index"] == 0
        assert "".join(delta["text"] for delta in second) == "Second words."


async def test_a_provider_that_fails_costs_nothing_and_says_so(site, script, owner, conversation):
    for _ in range(3):
        script(status=500, error={"message": "boom", "type": "server_error"})
    async with Wire(site, owner.token) as wire:
        await wire.ask("subscribe", topic=topic_of(conversation))
        reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
        end = await wire.until(is_end_of(reply), seconds=20)
        assert end["data"]["status"] == "failed"
        assert "boom" not in str(end)
        assert wire.of("wallet.updated")[-1]["data"]["free_messages"] == 10
