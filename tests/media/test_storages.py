"""Every storage of the family keeps the same promises."""

import hashlib
import os
import random
import shutil
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile

from media.storages import StorageError, default_name, names, storage_of
from media.storages.base import PIECE, SignedPut
from tests.live import free_port
from tests.standins.kubo_server import PROJECT_SECRET
from tests.standins.s3_server import SECRET

KEY = "files/ab/0190-original.webp"
DATA = random.Random(5).randbytes(PIECE * 2 + 12_345)
LARGE = 20 * 1024 * 1024
REMOTE = pytest.mark.parametrize("storage", ["s3", "ipfs"], indirect=True)  # those with a wire that can break


@pytest.fixture
def left(request, storage, media_root):
    """Every name that stands in the storage, complete or not."""
    if storage.name == "local":
        return lambda: [str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file()]
    server = request.getfixturevalue(storage.name)
    return lambda: server.keys() + server.unfinished() if storage.name == "s3" else list(server.names)


@pytest.fixture
def put(storage, file_of):
    def put(data=DATA, key=KEY):
        storage.put(key, file_of(data), "image/webp")

    return put


def whole(storage, key=KEY):
    return b"".join(storage.read(key))


class TestContent:
    @pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(DATA)])
    def test_what_goes_in_comes_out(self, storage, put, size):
        put(DATA[:size])
        assert whole(storage) == DATA[:size]
        assert storage.stat(KEY).size == size

    def test_the_source_stays(self, storage, file_of):
        path = file_of(DATA)
        storage.put(KEY, path, "image/webp")
        assert path.read_bytes() == DATA

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (0, 0), (0, 9), (5, 5), (10, None), (PIECE - 1, PIECE), (1, len(DATA) - 2), (len(DATA) - 1, None),
            (0, len(DATA) - 1), (7, len(DATA) + 100), (len(DATA), None), (len(DATA), len(DATA) + 5),
            (len(DATA) + 7, None), (9, 8),
        ],
    )  # fmt: skip
    def test_a_part_of_it(self, storage, put, first, last):
        put()
        expected = DATA[first:] if last is None else DATA[first : last + 1]
        assert b"".join(storage.read(KEY, first, last)) == expected

    def test_the_first_bytes_of_nothing(self, storage, put):
        put(b"")
        assert b"".join(storage.read(KEY, 0, 4095)) == b""

    def test_fetched_to_a_file(self, storage, put, tmp_path):
        put()
        storage.fetch(KEY, tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == DATA

    def test_what_is_put_a_second_time_takes_the_place_of_the_first(self, storage, put, left):
        put()
        put(b"another")
        assert whole(storage) == b"another"
        assert storage.stat(KEY).size == 7
        assert len(left()) == 1

    def test_the_same_again_is_the_same(self, storage, put, left):
        put()
        put()
        assert whole(storage) == DATA
        assert len(left()) == 1

    def test_a_reader_who_stops_in_the_middle_leaves_the_storage_usable(self, storage, put):
        put()
        for _ in range(40):  # more than there are connections
            pieces = storage.read(KEY)
            assert next(pieces)
            pieces.close()
        assert whole(storage) == DATA

    @pytest.mark.parametrize(
        "key",
        [
            "x", "a/b/c/d/e/f", "files/a+b%2Fc#d.webp", "files/'quoted\" ;=,&?.webp", "files/ünï ☃ 文.webp",
            "files/~tilde...dots", "k" * 200, "files/%2e%2e/x", "files/a..b",
        ],
    )  # fmt: skip
    def test_odd_keys(self, storage, put, left, key):
        put(b"odd", key)
        assert whole(storage, key) == b"odd"
        assert storage.stat(key).size == 3
        storage.remove(key)
        assert left() == []

    def test_a_file_larger_than_what_may_be_held_in_memory(self, storage, tmp_path):
        path, digest, numbers = tmp_path / "large", hashlib.sha256(), random.Random(7)
        with path.open("wb") as file:
            for _ in range(LARGE // PIECE):
                piece = numbers.randbytes(PIECE)
                digest.update(piece)
                file.write(piece)
        storage.check()  # the connection and the library are there
        tracemalloc.start()
        try:
            storage.put(KEY, path, "video/mp4")
            read = hashlib.sha256()
            for piece in storage.read(KEY):
                assert len(piece) <= PIECE
                read.update(piece)
            storage.fetch(KEY, tmp_path / "fetched")
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert read.digest() == digest.digest()
        assert (tmp_path / "fetched").stat().st_size == LARGE
        assert most < 6 * 1024 * 1024


class TestWhatIsNotThere:
    def test_a_file(self, storage, tmp_path):
        assert storage.stat(KEY) is None
        with pytest.raises(FileNotFoundError):
            next(storage.read(KEY))
        with pytest.raises(FileNotFoundError):
            next(storage.read(KEY, 5, 9))
        with pytest.raises(FileNotFoundError):
            storage.fetch(KEY, tmp_path / "fetched")
        assert not (tmp_path / "fetched").exists()
        storage.remove(KEY)

    @pytest.mark.parametrize("key", ["files", "files/ab", f"{KEY}/more"])
    def test_a_folder_is_no_file_and_a_file_no_folder(self, storage, put, key, tmp_path):
        put()
        assert storage.stat(key) is None
        with pytest.raises(FileNotFoundError):
            next(storage.read(key))
        with pytest.raises(FileNotFoundError):
            storage.fetch(key, tmp_path / "fetched")
        storage.remove(f"{KEY}/more")
        assert whole(storage) == DATA

    def test_what_was_removed(self, storage, put, left):
        put()
        put(b"neighbour", "files/ab/0190-small.webp")
        storage.remove(KEY)
        storage.remove(KEY)
        assert storage.stat(KEY) is None
        assert whole(storage, "files/ab/0190-small.webp") == b"neighbour"
        storage.remove("files/ab/0190-small.webp")
        assert left() == []

    @pytest.mark.parametrize(
        "key",
        [
            "", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "a/./b", "a//b", "a/", ".hidden", "a/.x.part",
            "a\\b", "..\\x", "a\x00b", "a\nb", "a\x7fb", "k" * 201,
        ],
    )  # fmt: skip
    def test_a_key_that_leads_elsewhere_is_refused_by_every_method(self, storage, file_of, tmp_path, left, key):
        calls = [
            lambda: storage.put(key, file_of(DATA), "image/webp"),
            lambda: storage.stat(key),
            lambda: list(storage.read(key)),
            lambda: storage.fetch(key, tmp_path / "fetched"),
            lambda: storage.remove(key),
            lambda: storage.signed_put(key, content_type="image/webp", size=1, seconds=60),
            lambda: storage.signed_get(key, seconds=60, filename="x", content_type="image/webp", inline=True),
        ]
        for call in calls:
            with pytest.raises(StorageError):
                call()
        assert left() == []


class TestManyAtOnce:
    def test_files_of_one_folder_come_and_go(self, storage, tmp_path, left):
        def come_and_go(number):
            path = tmp_path / f"source{number}"
            path.write_bytes(DATA[: 1000 + number])
            for turn in range(4):
                key = f"files/cd/{number}-{turn}.webp"
                storage.put(key, path, "image/webp")
                assert whole(storage, key) == DATA[: 1000 + number]
                if turn % 2:
                    storage.remove(key)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(come_and_go, range(8)))
        assert len(left()) == 16


def _break_off(request, monkeypatch, storage):
    """Whatever is sent breaks off after a while."""
    if storage.name == "local":

        def copy_some(source, target, length=0):
            target.write(source.read(100_000))
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(shutil, "copyfileobj", copy_some)
    elif storage.name == "s3":
        request.getfixturevalue("s3").misbehave("PUT", times=50, cut=100_000)
    else:
        request.getfixturevalue("ipfs").misbehave("POST", "add", times=50, cut=100_000)


class TestTrouble:
    def test_one_that_broke_off_can_not_be_read(self, request, monkeypatch, storage, put, left):
        _break_off(request, monkeypatch, storage)
        with pytest.raises(StorageError):
            put()
        assert storage.stat(KEY) is None
        with pytest.raises(FileNotFoundError):
            next(storage.read(KEY))
        assert left() == []

    def test_what_stood_there_before_stays_whole(self, request, monkeypatch, storage, put):
        put(b"the first")
        _break_off(request, monkeypatch, storage)
        with pytest.raises(StorageError):
            put()
        assert whole(storage) == b"the first"

    @REMOTE
    def test_half_of_what_was_asked_for_is_an_error(self, request, storage, put, tmp_path):
        put()
        server = request.getfixturevalue(storage.name)
        method, path = ("GET", ".*") if storage.name == "s3" else ("POST", "files/read")
        server.misbehave(method, path, times=50, cut=PIECE + 5)
        with pytest.raises(StorageError):
            whole(storage)
        with pytest.raises(StorageError):
            storage.fetch(KEY, tmp_path / "fetched")
        assert not (tmp_path / "fetched").exists()

    @REMOTE
    @pytest.mark.parametrize("status", [500, 503])
    def test_one_refusal_is_an_error_in_plain_words(self, request, storage, put, status):
        put()
        server = request.getfixturevalue(storage.name)
        for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
            server.misbehave(method, times=100, status=status)
        for call in (put, lambda: whole(storage), lambda: storage.stat(KEY), lambda: storage.remove(KEY)):
            with pytest.raises(StorageError) as caught:
                call()
            assert SECRET not in str(caught.value)
            assert PROJECT_SECRET not in str(caught.value)
        server.behave()
        assert whole(storage) == DATA

    def test_a_storage_that_is_away(self, request, settings, storage, file_of, media_root):
        if storage.name == "local":
            media_root.parent.joinpath("media").write_text("a file where the folder should be")
        else:
            block = settings.MEDIA_STORAGES[storage.name]
            address = "ENDPOINT" if storage.name == "s3" else "API_URL"
            away = block | {address: f"http://127.0.0.1:{free_port()}"}
            settings.MEDIA_STORAGES = settings.MEDIA_STORAGES | {storage.name: away}
        away = storage_of(storage.name)
        for call in (away.check, lambda: away.put(KEY, file_of(DATA), "image/webp")):
            with pytest.raises(StorageError) as caught:
                call()
            assert SECRET not in str(caught.value)
            assert PROJECT_SECRET not in str(caught.value)

    def test_one_that_is_there(self, storage, left):
        storage.check()
        assert left() == []


class TestDjangosOwnWay:
    def test_it_is_a_storage_of_djangos(self, storage, left):
        name = storage.save("files/saved.txt", ContentFile(DATA))
        assert storage.exists(name)
        assert storage.size(name) == len(DATA)
        with storage.open(name) as file:
            assert file.read() == DATA
        storage.delete(name)
        assert not storage.exists(name)
        assert left() == []


class TestSigned:
    def test_only_s3_signs(self, storage):
        wanted = {"filename": "x.webp", "content_type": "image/webp", "inline": True}
        put = storage.signed_put(KEY, content_type="image/webp", size=9, seconds=60)
        assert isinstance(put, SignedPut) == (storage.name == "s3")
        assert isinstance(storage.signed_get(KEY, seconds=60, **wanted), str) == (storage.name == "s3")


class TestTheFamily:
    def test_new_files_go_where_the_settings_say(self, settings):
        for name in ("local", "s3", "ipfs"):
            settings.MEDIA_STORAGE = name
            assert default_name("public") == name

    def test_private_files_stay_here_where_others_would_be_public(self, settings):
        settings.MEDIA_STORAGE = "ipfs"
        assert default_name("private") == "local"
        settings.MEDIA_STORAGE = "s3"
        assert default_name("private") == "s3"

    @pytest.mark.parametrize("name", ["s3", "ipfs", "nowhere", "", "local\x00"])
    def test_one_that_is_not_set_up(self, settings, name):
        settings.MEDIA_STORAGES = {"local": {}}
        assert names() == ["local"]
        with pytest.raises(StorageError):
            storage_of(name)

    def test_it_is_made_once_and_again_for_other_settings(self, s3, settings):
        first = storage_of("s3")
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: storage_of("s3"), range(32))) == {first}
            assert len({id(client) for client in pool.map(lambda _: first.client, range(32))}) == 1
        settings.MEDIA_STORAGES = {"s3": s3.block | {"BUCKET": "another"}}
        assert storage_of("s3").bucket_name == "another"

    def test_a_child_process_makes_its_own(self):
        mine = storage_of("local")
        child = os.fork()
        if child == 0:
            os._exit(0 if storage_of("local") is not mine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert storage_of("local") is mine
