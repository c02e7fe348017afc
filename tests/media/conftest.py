"""The storages for tests: a disk of their own, and stand-ins of S3 and of an IPFS node over real HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from media.storages import MediaStorage, storage_of
from tests.media.sending import Shelf
from tests.standins.kubo_server import KuboServer
from tests.standins.s3_server import S3Server


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def _kubo_server() -> Iterator[KuboServer]:
    with KuboServer() as server:
        yield server


@pytest.fixture
def media_root(settings: Any, tmp_path: Path) -> Path:
    """An empty folder for the storage `local`."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def s3(_s3_server: S3Server, settings: Any, media_root: Path, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The storage `s3` is there, and empty. Whatever is tried again is tried at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    settings.MEDIA_STORAGES = settings.MEDIA_STORAGES | {"s3": _s3_server.block}
    _s3_server.reset()
    return _s3_server


@pytest.fixture
def ipfs(_kubo_server: KuboServer, settings: Any, media_root: Path) -> KuboServer:
    """The storage `ipfs` is there, and empty."""
    settings.MEDIA_STORAGES = settings.MEDIA_STORAGES | {"ipfs": _kubo_server.block}
    _kubo_server.reset()
    return _kubo_server


@pytest.fixture(params=["local", "s3", "ipfs"])
def storage(request: pytest.FixtureRequest) -> MediaStorage:
    """Each member of the family in turn."""
    request.getfixturevalue({"local": "media_root"}.get(request.param, request.param))
    return storage_of(request.param)


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[[bytes], Path]:
    """`file_of(b"…")`: the path of a file with these bytes."""

    def write(data: bytes) -> Path:
        path = tmp_path / "to-be-stored"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(params=["local", "s3"])
def shelf(request: pytest.FixtureRequest, settings: Any, media_root: Path) -> Shelf:
    """New files go to each of these in turn."""
    settings.MEDIA_STORAGE = request.param
    return Shelf(request.param, media_root, request.getfixturevalue("s3") if request.param == "s3" else None)


@pytest.fixture
def local(settings: Any, media_root: Path) -> Shelf:
    """New files go to the disk, for what has nothing to do with where they are."""
    settings.MEDIA_STORAGE = "local"
    return Shelf("local", media_root)
