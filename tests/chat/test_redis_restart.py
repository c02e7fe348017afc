"""Redis goes away and comes back in mid-chat: the site stays up, and nobody misses a word."""

import asyncio
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from stack.services import Services
from tests.chat.watching import TEXT, is_end_of, text_from, topic_of
from tests.live import LiveSite, Wire
from tests.standins.openai_server import OpenAIServer

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def private_redis(tmp_path: Path, settings):
    """A Redis of this test's own, for the test process and the site alike."""
    from common import redis

    services = Services(tmp_path, durable=False, database=False)
    services.start()
    settings.REDIS_URL = services.redis_url
    redis.client.cache_clear()
    yield services
    services.stop()
    redis.client.cache_clear()


async def test_a_reply_survives_a_restart_of_redis(private_redis, owner, conversation):
    with OpenAIServer(models=("stand-in",)) as provider:
        provider.script(text=TEXT, chunk_delay=0.08)
        speaking = {"TEXT_BASE_URL": provider.base_url, "TEXT_API_KEY": provider.api_key, "TEXT_MODEL": "stand-in"}
        with LiveSite(**speaking) as site:
            async with Wire(site, owner.token) as wire:
                await wire.ask("subscribe", topic=topic_of(conversation))
                reply = (await wire.ask("chat.send", conversation=conversation, text="Well?"))["data"]["reply"]
                await wire.until(lambda frame: frame["type"] == "chat.delta" and frame["data"]["index"] == 5)
                await asyncio.to_thread(private_redis.restart_redis)
                end = await wire.until(is_end_of(reply), seconds=30)
                assert end["data"]["text"] == TEXT
                assert text_from(wire.frames, reply) == TEXT
                sent = await wire.ask("chat.send", conversation=conversation, text="And now?", reply=False)
                assert sent["ok"]
                await wire.until(
                    lambda f: f["type"] == "chat.message" and f["data"]["id"] == sent["data"]["message"]["id"]
                )


async def test_while_redis_is_away_messages_are_kept_and_a_spend_is_refused(private_redis, api, owner, conversation):
    with LiveSite(responders=0) as site:
        async with Wire(site, owner.token) as wire:
            await wire.ask("subscribe", topic=topic_of(conversation))
            private_redis.redis.stop()
            path = f"/api/conversations/{conversation}/messages"
            said = await sync_to_async(api(owner).post)(path, {"text": "Anybody?", "reply": False})
            assert said.status_code == 201
            assert (await sync_to_async(api(owner).get)(path)).status_code == 200
            spend = await sync_to_async(api(owner).post)("/api/credits/spend", {"amount": "1", "feature": "test"})
            assert (spend.status_code, spend.json()["code"]) == (503, "NOT_READY")
            private_redis.redis.start()
            seen = await wire.until(
                lambda f: f["type"] == "chat.message" and f["data"]["text"] == "Anybody?", seconds=20
            )
            assert seen["seq"] == 2
