"""What tests that watch a reply arrive have in common."""

import asyncio
from datetime import timedelta

from django.utils import timezone

from chat.models import Message, Variant

TEXT = " ".join(f"word{number}" for number in range(60))


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


async def until_status(reply, status, seconds=15):
    async with asyncio.timeout(seconds):
        while await Message.objects.filter(pk=reply["id"], status=status).acount() == 0:
            await asyncio.sleep(0.05)


def expire_leases():
    Variant.objects.filter(status="streaming").update(lease_until=timezone.now() - timedelta(hours=1))


def text_from_variant(frames, reply, variant):
    return "".join(
        frame["data"]["text"]
        for frame in frames
        if frame["type"] == "chat.delta"
        and frame["data"]["message"] == reply["id"]
        and frame["data"]["variant"] == variant
    )
