"""Files on a Kubo node: what only this storage can get wrong."""

import pytest

from media.storages import StorageError, storage_of
from tests.standins.kubo_server import PROJECT_SECRET, KuboServer

KEY, OTHER, DATA = "files/ab/0190-original.webp", "files/cd/0191-original.webp", b"a picture" * 50


@pytest.fixture
def storage(ipfs):
    return storage_of("ipfs")


@pytest.fixture
def path(file_of):
    return file_of(DATA)


def whole(storage, key=KEY):
    return b"".join(storage.read(key))


def test_two_keys_of_one_content_are_apart(ipfs, storage, path):
    storage.put(KEY, path, "image/webp")
    storage.put(OTHER, path, "image/webp")
    assert len(ipfs.names) == 2
    assert len(set(ipfs.names.values())) == 1
    storage.remove(KEY)
    ipfs.collect_garbage()
    assert whole(storage, OTHER) == DATA


def test_what_has_a_name_outlives_the_garbage_collection_and_nothing_else_does(ipfs, storage, path):
    storage.put(KEY, path, "image/webp")
    ipfs.misbehave("POST", "files/cp", status=500)
    with pytest.raises(StorageError):
        storage.put(OTHER, path.with_name("source2") if path.with_name("source2").write_bytes(b"2") else path, "x/y")
    assert len(list(ipfs.blocks.iterdir())) == 2
    ipfs.collect_garbage()
    assert len(list(ipfs.blocks.iterdir())) == 1
    assert whole(storage) == DATA


def test_content_is_named_by_version_1(ipfs, storage, path):
    storage.put(KEY, path, "image/webp")
    ((name, cid),) = ipfs.names.items()
    assert cid.startswith("bafkrei")
    assert name.startswith("/troupe/")
    assert name.count("/") == 3


def test_an_answer_that_was_lost_is_not_a_failure(ipfs, storage, path, monkeypatch):
    do = ipfs.cp

    def do_and_fail(*args):
        do(*args)
        raise ConnectionAbortedError

    monkeypatch.setattr(ipfs, "cp", do_and_fail)
    storage.put(KEY, path, "image/webp")
    assert whole(storage) == DATA


def test_a_node_that_says_it_has_taken_a_file_and_has_not(ipfs, storage, path, monkeypatch):
    monkeypatch.setattr(ipfs, "cp", lambda *_: None)
    with pytest.raises(StorageError):
        storage.put(KEY, path, "image/webp")


def test_a_node_that_has_kept_only_half(ipfs, storage, path, monkeypatch):
    size = ipfs._size
    monkeypatch.setattr(ipfs, "_size", lambda cid: size(cid) - 1)
    with pytest.raises(StorageError):
        storage.put(KEY, path, "image/webp")
    assert ipfs.names == {}


@pytest.mark.parametrize("answer", [b"", b"{}", b"<html>", b'{"Name": "file", "Bytes": 9}\n', b"[]"])
def test_a_node_that_answers_strangely(ipfs, storage, path, monkeypatch, answer):
    monkeypatch.setattr("tests.standins.kubo_server.json.dumps", lambda *_: answer.decode())
    with pytest.raises(StorageError):
        storage.put(KEY, path, "image/webp")
    for call in (storage.stat, lambda key: whole(storage, key), storage.remove):
        with pytest.raises(StorageError):
            call(KEY)


def test_a_node_that_says_it_has_deleted_and_has_not(ipfs, storage, path, monkeypatch):
    storage.put(KEY, path, "image/webp")
    monkeypatch.setattr(ipfs, "rm", lambda *_: "some files can't be removed")
    with pytest.raises(StorageError):
        storage.remove(KEY)


def test_a_wrong_secret_is_told_without_it(ipfs, settings, path):
    settings.MEDIA_STORAGES = {"ipfs": ipfs.block | {"PROJECT_SECRET": "not the secret"}}
    storage = storage_of("ipfs")
    for call in (storage.check, lambda: storage.put(KEY, path, "image/webp"), lambda: storage.stat(KEY)):
        with pytest.raises(StorageError, match="HTTP 401") as caught:
            call()
        assert "not the secret" not in str(caught.value)


def test_a_node_without_a_password(settings, path):
    class Open(KuboServer):
        @property
        def block(self):
            return super().block | {"PROJECT_ID": "", "PROJECT_SECRET": ""}

    with Open() as node:
        settings.MEDIA_STORAGES = {"ipfs": node.block}
        with pytest.raises(StorageError, match="401"):  # none was sent
            storage_of("ipfs").check()


def test_the_secret_is_in_no_message_of_a_node_that_is_away(ipfs, settings):
    settings.MEDIA_STORAGES = {"ipfs": ipfs.block | {"API_URL": "http://127.0.0.1:1"}}
    with pytest.raises(StorageError) as caught:
        storage_of("ipfs").check()
    assert PROJECT_SECRET not in repr(caught.value)
