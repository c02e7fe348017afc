"""Sending files in each of the three ways, and looking whether rows and files agree afterwards."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyvips
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F, Sum
from django.test import Client

from media.models import Rendition, StorageUse, StoredContent, StrayFile
from media.services import quota, strays
from media.storages import storage_of
from tests.conftest import Api
from tests.media.forged import photo
from tests.people import Person
from tests.standins.s3_server import S3Server

FILE, BASE64, BATCH = "/api/upload/file", "/api/upload/base64", "/api/upload/migrate-base64-batch"
PRESIGNED, CONFIRM, DELETE = "/api/upload/presigned", "/api/upload/confirm", "/api/upload/delete"
BROWSER = httpx.Client(trust_env=False)


@cache
def picture(number: int = 0, width: int = 96, height: int = 64, suffix: str = ".png") -> bytes:
    """Another small picture for each number."""
    shifted = (photo(width, height) + number).cast("uchar").copy(interpretation="srgb")
    return bytes(shifted.write_to_buffer(suffix))


@cache
def large(width: int = 1200, height: int = 600) -> bytes:
    """One that has all variants, and is quickly drawn."""
    plain = pyvips.Image.black(width, height).linear([1, 1, 1], [200, 60, 90])
    return bytes(plain.cast("uchar").copy(interpretation="srgb").write_to_buffer(".png", compression=1))


def by_form(person: Person | None, data: bytes, name: str = "a.png", **fields: Any) -> Any:
    return Api(person).client.post(FILE, {"file": SimpleUploadedFile(name, data), **fields})


def by_base64(person: Person | None, data: bytes, **fields: Any) -> Any:
    return Api(person).post(BASE64, {"base64_data": base64.b64encode(data).decode(), **fields})


def wear(person: Person | None, data: bytes, name: str = "me.png") -> Any:
    """Makes it the person's portrait."""
    return Api(person).client.post("/api/users/me/profile-picture", {"file": SimpleUploadedFile(name, data)})


def invited(person: Person | None, data: bytes, **fields: Any) -> Any:
    wish = {"filename": "a.png", "content_type": "image/png", "size": len(data), "purpose": "other"}
    return Api(person).post(PRESIGNED, wish | fields)


def confirmed(person: Person | None, key: str) -> Any:
    return Api(person).post(CONFIRM, {"key": key})


@dataclass
class Shelf:
    """One storage under test: what stands in it, and how a browser sends to it."""

    name: str
    root: Path
    s3: S3Server | None = None

    def keys(self) -> set[str]:
        if self.s3:
            return set(self.s3.keys())
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def put(self, invitation: dict[str, Any], data: bytes, *, url: str | None = None, **headers: str) -> int:
        """Follows an invitation; the answer's status."""
        url, headers = url or invitation["upload_url"], invitation["headers"] | headers
        if self.s3:
            return BROWSER.put(url, content=data, headers=headers).status_code
        sent = {name: value for name, value in headers.items() if name != "Content-Type"}
        kind = headers.get("Content-Type", "")
        return Client().put(path_of(url), data, content_type=kind, headers=sent).status_code

    def send(self, person: Person, data: bytes, **fields: Any) -> Any:
        """All three steps; the answer to the last, or the refusal of the first."""
        answer = invited(person, data, **fields)
        if answer.status_code != 201:
            return answer
        invitation = answer.json()
        assert self.put(invitation, data) in (200, 204)
        return confirmed(person, invitation["key"])


def by_any_way(shelf: Shelf, person: Person, data: bytes, **fields: Any) -> list[Any]:
    return [by_form(person, data, **fields), by_base64(person, data, **fields), shelf.send(person, data, **fields)]


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def look(url: str, client: Client | None = None, **headers: str) -> Any:
    """GETs one of our own addresses, by default as nobody."""
    return (client or Client()).get(path_of(url), headers=headers)


def body(response: Any) -> bytes:
    """What was sent, also where a redirect leads to the storage."""
    if response.status_code == 302:
        return BROWSER.get(response.headers["Location"]).content
    return b"".join(response.streaming_content) if response.streaming else response.content


def sweep(hours: int = 0) -> None:
    """What is due is deleted, as if so many hours had passed."""
    StrayFile.objects.update(due_at=F("due_at") - timedelta(hours=hours))
    strays.delete_due()


def kept(shelf: Shelf) -> set[str]:
    """The files that a row stands for."""
    return set(Rendition.objects.filter(storage=shelf.name).values_list("key", flat=True))


def assert_whole(shelf: Shelf, *, hours: int = 0) -> None:
    """After the sweep each file has its row, each row its file, each content a use, and all sums are right."""
    sweep(hours)
    assert shelf.keys() == kept(shelf)
    assert not StoredContent.objects.filter(assets=None).exists()
    for content in StoredContent.objects.annotate(size=Sum("renditions__size")):
        assert content.stored_bytes == content.size
    used = dict(StorageUse.objects.exclude(used_bytes=0).values_list("organization_id", "used_bytes"))
    sums = StoredContent.objects.values_list("organization_id").annotate(Sum("stored_bytes"))
    assert used == dict(sums)


def forget(variant: str) -> None:
    """As if this variant of the one content there is had never been made."""
    row = Rendition.objects.select_related("content").get(name=variant)
    quota.give_back(row.content.organization_id, row.size)
    StoredContent.objects.filter(pk=row.content_id).update(stored_bytes=F("stored_bytes") - row.size)
    lose([row])
    row.delete()


def lose(renditions: Iterable[Rendition]) -> None:
    """Somebody has deleted the files behind our back."""
    for rendition in renditions:
        with suppress(FileNotFoundError):
            storage_of(rendition.storage).remove(rendition.key)
