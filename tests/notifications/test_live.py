"""Frames over real processes and the real wire."""

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from notifications import services
from tests.live import LiveSite, Wire

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[LiveSite]:
    with LiveSite(responders=0) as site:
        yield site


def is_of(kind):
    return lambda frame: frame["type"] == kind


async def call(site, person, method, path):
    """The REST API of the live site."""
    import httpx

    async with httpx.AsyncClient(base_url=site.url, headers=person.headers) as http:
        return (await http.request(method, f"/api/notifications{path}")).raise_for_status()


async def test_what_is_told_arrives_and_nobody_else_hears(site, tell, owner, stranger):
    async with Wire(site, owner.token) as wire, Wire(site, stranger.token) as other:
        await wire.ask("ping")
        await other.ask("ping")
        told = await sync_to_async(tell)(owner, "Curtain up", body="In five minutes.")
        frame = await wire.until(is_of("notification"))
        assert frame["topic"] == f"user:{owner.id}"
        assert frame["data"]["unread"] == 1
        (item,) = (await call(site, owner, "GET", "")).json()["items"]
        assert frame["data"] == item | {"unread": 1}
        assert item["id"] == str(told.pk)
        await other.ask("ping")
        assert other.of("notification") == []


async def test_what_one_device_reads_and_deletes_the_other_hears(site, tell, owner):
    first, second = [await sync_to_async(tell)(owner) for _ in range(2)]
    async with Wire(site, owner.token) as wire:
        await wire.ask("ping")
        await call(site, owner, "POST", f"/{first.pk}/read")
        frame = await wire.until(is_of("notification.read"))
        assert (frame["data"]["ids"], frame["data"]["unread"]) == ([str(first.pk)], 1)
        await call(site, owner, "DELETE", f"/{second.pk}")
        frame = await wire.until(is_of("notification.deleted"))
        assert frame["data"] == {"ids": [str(second.pk)], "unread": 0}
        await call(site, owner, "POST", f"/{first.pk}/unread")
        frame = await wire.until(lambda frame: is_of("notification.read")(frame) and not frame["data"]["read_at"])
        assert frame["data"]["unread"] == 1


async def test_who_was_away_hears_it_after_all(site, tell, owner):
    await sync_to_async(tell)(owner, "Seen")
    async with Wire(site, owner.token) as wire:
        latest = (await wire.ask("subscribe", topic=f"user:{owner.id}"))["data"]["latest"]
    told = await sync_to_async(tell)(owner, "Missed")
    await sync_to_async(services.mark_read)(user_id=owner.id, notification_id=told.pk)
    async with Wire(site, owner.token) as again:
        await again.ask("subscribe", topic=f"user:{owner.id}", since=latest)
        frame = await again.until(is_of("notification.read"))
        assert [frame["data"]["title"] for frame in again.of("notification")] == ["Missed"]
        assert frame["data"]["unread"] == 1
