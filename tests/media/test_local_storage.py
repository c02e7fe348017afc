"""Files on the disk: what only this storage can get wrong."""

import os
import random
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media.storages import StorageError, storage_of
from media.storages.local import LocalStorage

KEY = "files/ab/0190-original.webp"
DATA = random.Random(5).randbytes(600_000)


class TestTheDisk:
    @pytest.fixture(autouse=True)
    def _root(self, media_root):
        self.root: Path = media_root
        self.storage = storage_of("local")

    def test_nobody_else_on_the_machine_may_look(self, file_of):
        self.storage.put(KEY, file_of(DATA), "image/webp")
        assert stat.S_IMODE((self.root / KEY).stat().st_mode) & 0o137 == 0
        for folder in (self.root, self.root / "files", (self.root / KEY).parent):
            assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0

    def test_no_empty_folders_are_left(self, file_of):
        self.storage.put(KEY, file_of(DATA), "image/webp")
        self.storage.put("files/other", file_of(DATA), "image/webp")
        self.storage.remove(KEY)
        assert [path.name for path in self.root.iterdir()] == ["files"]
        assert [path.name for path in (self.root / "files").iterdir()] == ["other"]
        self.storage.remove("files/other")
        assert list(self.root.iterdir()) == []

    def test_what_a_killed_process_left_goes_with_the_file(self, file_of):
        self.storage.put("files/0190.webp", file_of(DATA), "image/webp")
        (self.root / "files/.0190.webp.0123456789ab.part").write_bytes(b"half")
        (self.root / "files/.0190.webp2.0123456789ab.part").write_bytes(b"another's")
        self.storage.remove("files/0190.webp")
        assert [path.name for path in (self.root / "files").iterdir()] == [".0190.webp2.0123456789ab.part"]

    def test_one_that_was_killed_before_its_file_stood_there_is_cleaned_up_too(self):
        (self.root / "files").mkdir(parents=True)
        (self.root / "files/.0190.webp.0123456789ab.part").write_bytes(b"half")
        self.storage.remove("files/0190.webp")
        assert list(self.root.iterdir()) == []

    def test_of_two_under_one_key_one_is_there_whole(self, tmp_path):
        sources = [tmp_path / f"source{number}" for number in range(4)]
        for number, source in enumerate(sources):
            source.write_bytes(bytes([number]) * 300_000)
        stop = threading.Event()
        seen = []

        def look():
            while not stop.is_set():
                try:
                    seen.append(set(b"".join(self.storage.read(KEY))))
                except FileNotFoundError:
                    continue

        reader = threading.Thread(target=look)
        reader.start()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda source: self.storage.put(KEY, source, "image/webp"), sources * 5))
        stop.set()
        reader.join()
        assert all(len(bytes_) == 1 for bytes_ in seen)
        assert len(list((self.root / KEY).parent.iterdir())) == 1

    def test_a_folder_that_goes_while_a_file_comes_is_made_again(self, monkeypatch, file_of):
        make, lost = LocalStorage._make, []

        def make_and_lose(self, folder):
            make(self, folder)
            if len(lost) < 3:
                lost.append(folder.rmdir())

        monkeypatch.setattr(LocalStorage, "_make", make_and_lose)
        self.storage.put(KEY, file_of(DATA), "image/webp")
        assert b"".join(self.storage.read(KEY)) == DATA
        assert len(lost) == 3

    def test_a_full_disk_says_so_without_a_path(self, monkeypatch, file_of):
        def full(*_):
            raise OSError(28, "No space left on device", "/secret/path")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError) as caught:
            self.storage.put(KEY, file_of(DATA), "image/webp")
        assert "No space left on device" in str(caught.value)
        assert "/secret" not in str(caught.value)
