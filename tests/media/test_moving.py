"""`manage.py move_media`: files go from one storage to another while the site runs, and none is lost on its way."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from common.models import new_id
from media.models import Asset, Rendition, StoredContent, StrayFile
from media.services import assets, moving, strays
from media.services.intake import file_key
from media.storages import storage_of
from media.storages.s3 import ObjectStorage
from tests.live import ROOT, LiveSite


@pytest.fixture
def stored(owner, s3, file_of):
    """`stored(b"…")`: a file of the owner on the local disk, as the site has it."""

    def store(data=b"a picture", visibility="public", storage="local", **fields):
        content = StoredContent.objects.create(
            owner_id=owner.id,
            organization_id=owner.organization_id,
            sha256=hashlib.sha256(data + str(new_id()).encode()).hexdigest(),
            family="image",
            stored_bytes=len(data),
            **fields,
        )
        key = file_key(content.pk, "original", "webp")
        storage_of(storage).put(key, file_of(data), "image/webp")
        Asset.objects.create(
            owner_id=owner.id,
            organization_id=owner.organization_id,
            content=content,
            key=f"other/{content.pk}",
            purpose="other",
            visibility=visibility,
        )
        return Rendition.objects.create(
            content=content,
            name="original",
            storage=storage,
            key=key,
            mime_type="image/webp",
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    return store


def move(to="s3", **options):
    """What the command says, and its exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command("move_media", to=to, stdout=out, stderr=out, **options)
    except SystemExit as end:
        code = end.code
    return SimpleNamespace(text=out.getvalue(), code=code)


def content_of(row):
    row.refresh_from_db()
    return b"".join(storage_of(row.storage).read(row.key))


def sweep(hours=3):
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=True):
        strays.delete_due()


def in_s3():
    return sorted(Rendition.objects.filter(storage="s3").values_list("key", flat=True))


class TestMoving:
    def test_every_file_goes_and_its_rows_with_it(self, stored, s3, media_root):
        rows = [stored(f"picture {number}".encode() * 100) for number in range(3)]
        said = move()
        assert said.code == 0
        assert "3 of 3 files, 3 kB of 3 kB" in said.text
        for number, row in enumerate(rows):
            assert content_of(row) == f"picture {number}".encode() * 100
            assert row.storage == "s3"
        assert s3.keys() == in_s3()
        assert storage_of("s3").stat(rows[0].key).content_type == "image/webp"

    def test_the_old_file_stays_for_a_while_for_whoever_is_looking(self, stored, media_root):
        row = stored()
        move()
        old = storage_of(row.storage).stat(row.key)
        strays.delete_due()
        assert old is not None
        sweep(hours=1)
        assert storage_of("local").stat(row.key) is None
        assert content_of(row) == b"a picture"
        assert not StrayFile.objects.exists()

    def test_there_and_back_again(self, stored, s3):
        row = stored()
        move("s3")
        assert move("local").code == 0
        assert content_of(row) == b"a picture"
        assert row.storage == "local"
        sweep()
        assert content_of(row) == b"a picture"
        assert s3.keys() == []

    def test_a_second_run_finds_nothing_to_do(self, stored, s3):
        stored()
        move()
        s3.behave()
        assert move().code == 0
        assert [method for method, _ in s3.asked if method == "PUT"] == []

    def test_no_more_than_so_many(self, stored):
        rows = [stored() for _ in range(3)]
        assert "2 of 3 files" in move(limit=2).text
        assert Rendition.objects.filter(storage="s3").count() == 2
        move()
        assert {content_of(row) for row in rows} == {b"a picture"}

    def test_of_one_storage_alone(self, stored, ipfs):
        here, there = stored(), stored(b"on ipfs", storage="ipfs")
        move(source="ipfs")
        assert (content_of(here), here.storage) == (b"a picture", "local")
        assert (content_of(there), there.storage) == (b"on ipfs", "s3")

    def test_old_copies_may_be_kept(self, stored):
        row = stored()
        key = row.key
        move(keep=True)
        sweep()
        assert content_of(row) == b"a picture"
        assert storage_of("local").stat(key)

    def test_what_a_job_works_on_stays(self, stored):
        busy = stored(status="processing")
        source = stored()
        Rendition.objects.filter(pk=source.pk).update(name="source")
        move()
        assert not in_s3()
        assert content_of(busy) == b"a picture"


class TestPrivateFiles:
    def test_none_goes_where_anybody_could_have_it(self, stored, ipfs, owner):
        public, private, hidden, both = stored(b"1"), stored(b"2", "private"), stored(b"3"), stored(b"4")
        Asset.objects.filter(content=hidden.content_id).update(taken_down_at=timezone.now())
        Asset.objects.create(
            owner_id=owner.id, organization_id=owner.organization_id, content_id=both.content_id,
            key=f"chat/{new_id()}", purpose="chat", visibility="private",
        )  # fmt: skip
        said = move("ipfs")
        assert "1 of 1 files" in said.text
        assert "3 files: private or taken down, and stayed" in said.text
        assert content_of(public) == b"1"
        assert public.storage == "ipfs"
        assert {content_of(row) for row in (private, hidden, both)} == {b"2", b"3", b"4"}
        assert len(ipfs.names) == 1

    def test_they_go_where_they_stay_private(self, stored):
        row = stored(visibility="private")
        move("s3")
        assert content_of(row) == b"a picture"
        assert row.storage == "s3"


class Killed(BaseException):
    """As a process that is no more: nothing is tidied up."""


STEPS = {
    "before anything": (moving, "_copy_and_switch"),
    "before it is sent": (ObjectStorage, "put"),
    "before it is read back": (ObjectStorage, "read"),
    "before its row is led there": (strays, "claim"),
    "before the old file is let go": (Rendition, "save"),
}


class TestInterruptions:
    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("end", [Killed, KeyboardInterrupt])
    def test_one_that_was_stopped_goes_on_and_leaves_nothing(self, stored, s3, monkeypatch, step, end):
        rows = [stored(f"picture {number}".encode()) for number in range(3)]
        place, name = STEPS[step]
        do, calls = getattr(place, name), []

        def do_some(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise end
            return do(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(place, name, do_some)
            if end is Killed:
                patched.setattr(strays, "discard_quietly", lambda _: None)
                with pytest.raises(Killed):
                    move()
            else:
                said = move()
                assert said.code == 130
                assert "run the same again" in said.text
        assert Rendition.objects.filter(storage="s3").count() == 1
        assert [content_of(row) for row in rows] == [f"picture {number}".encode() for number in range(3)]
        assert "2 of 2 files" in move().text
        sweep()
        assert [content_of(row) for row in rows] == [f"picture {number}".encode() for number in range(3)]
        assert s3.keys() == in_s3()
        assert not StrayFile.objects.exists()

    def test_a_row_that_is_deleted_while_its_file_is_on_its_way(self, stored, s3, owner, monkeypatch, media_root):
        row, other = stored(), stored(b"other")
        put = ObjectStorage.put

        def delete_first(self, key, *args):
            for asset in Asset.objects.filter(content=row.content_id):
                assets.delete_asset(owner_id=owner.id, asset_id=asset.pk)
            put(self, key, *args)

        monkeypatch.setattr(ObjectStorage, "put", delete_first)
        said = move()
        assert said.code == 0
        assert "1 files: deleted meanwhile" in said.text
        sweep()
        assert s3.keys() == in_s3()
        assert len(s3.keys()) == 1
        assert content_of(other) == b"other"
        assert [path for path in media_root.rglob("*") if path.is_file()] == []

    def test_one_that_is_stopped_just_after_its_commit_loses_nothing(self, stored, s3, monkeypatch):
        row = stored()

        @contextmanager
        def committed_and_stopped():
            with transaction.atomic():
                yield
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(moving, "transaction", SimpleNamespace(atomic=committed_and_stopped))
            assert move().code == 130
        strays.delete_due()
        StrayFile.objects.update(due_at=timezone.now())
        strays.delete_due()
        assert content_of(row) == b"a picture"
        assert (row.storage, s3.keys()) == ("s3", in_s3())

    def test_one_that_is_slower_than_it_may_be_starts_anew(self, stored, s3, monkeypatch):
        row = stored()
        put = ObjectStorage.put

        def put_late(self, *args):
            StrayFile.objects.update(due_at=timezone.now())
            strays.delete_due()
            put(self, *args)

        with monkeypatch.context() as patched:
            patched.setattr(ObjectStorage, "put", put_late)
            assert move().code == 1
        assert content_of(row) == b"a picture"
        sweep()
        assert s3.keys() == []
        assert move().code == 0


class TestChecksums:
    def test_a_spoilt_copy_is_found_and_the_old_file_stays(self, stored, s3, monkeypatch):
        row, other = stored(b"abc" * 1000), stored(b"def")
        read = ObjectStorage.read

        def flip(self, key, *args):
            data = b"".join(read(self, key, *args))
            yield data[:-1] + b"?" if len(data) == 3000 else data

        with monkeypatch.context() as patched:
            patched.setattr(ObjectStorage, "read", flip)
            said = move()
        assert said.code == 1
        assert "1 files: could not be moved" in said.text
        assert "the copy is not the file" in said.text
        assert (content_of(row), row.storage) == (b"abc" * 1000, "local")
        assert content_of(other) == b"def"
        sweep()
        assert s3.keys() == in_s3()

    def test_a_copy_that_is_cut_short_is_found(self, stored, s3, monkeypatch):
        row, put = stored(), ObjectStorage.put

        def put_half(self, key, path, content_type):
            path.write_bytes(path.read_bytes()[:-1])
            put(self, key, path, content_type)

        with monkeypatch.context() as patched:
            patched.setattr(ObjectStorage, "put", put_half)
            assert move().code == 1
        assert (content_of(row), row.storage) == (b"a picture", "local")

    def test_spoilt_and_missing_files_don_t_hold_up_the_others(self, stored, s3, media_root):
        rows = [stored(f"picture {number}".encode()) for number in range(9)]
        for row in rows[:4]:
            (media_root / row.key).write_bytes(b"picture ?")
        for row in rows[4:8]:
            (media_root / row.key).unlink()
        said = move()
        assert said.code == 1
        assert "1 of 9 files" in said.text
        assert "the file is not the one that was stored" in said.text
        assert "the file is not there" in said.text
        assert content_of(rows[8]) == b"picture 8"
        assert s3.keys() == in_s3()


class TestTrouble:
    def test_a_target_that_is_away_is_noticed_at_once(self, stored, s3):
        row = stored()
        s3.misbehave("HEAD", times=50, status=503)
        with pytest.raises(CommandError, match="goes on from here"):
            move()
        assert not StrayFile.objects.exists()
        assert content_of(row) == b"a picture"

    def test_one_that_goes_away_ends_the_run_and_not_every_file(self, stored, s3):
        rows = [stored() for _ in range(8)]
        s3.misbehave("PUT", times=500, status=500)
        with pytest.raises(CommandError, match="5 files in a row"):
            move()
        assert {row.storage for row in Rendition.objects.all()} == {"local"}
        s3.behave()
        assert "8 of 8 files" in move().text
        assert {content_of(row) for row in rows} == {b"a picture"}

    def test_a_storage_that_is_not_set_up(self, db, settings):
        settings.MEDIA_STORAGES = {"local": {}}
        with pytest.raises(CommandError, match="not set up"):
            move("s3")
        with pytest.raises(CommandError, match="not set up"):
            move("local", source="s3")

    def test_from_a_storage_to_itself(self, db):
        with pytest.raises(CommandError, match="two storages"):
            move("local", source="local")


@pytest.mark.django_db(transaction=True)
class TestSeveralAtOnce:
    def test_they_share_the_work(self, stored, s3):
        rows = [stored(f"picture {number}".encode()) for number in range(8)]
        s3.misbehave("PUT", times=100, delay=0.02)
        start, tallies = threading.Barrier(3), []

        def run():
            start.wait()
            try:
                tallies.append(moving.move(to="s3", told=lambda _: None))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(tally.moved for tally in tallies) == 8
        assert sum(tally.failed for tally in tallies) == 0
        assert len([path for method, path in s3.asked if method == "PUT"]) == 8
        assert [content_of(row) for row in rows] == [f"picture {number}".encode() for number in range(8)]
        assert s3.keys() == in_s3()

    def test_a_process_that_is_killed(self, stored, s3, media_root):
        rows = [stored(f"picture {number}".encode()) for number in range(4)]
        s3.misbehave("PUT", times=1)
        s3.misbehave("PUT", times=1, delay=60)
        block = s3.block
        environment = LiveSite()._environment() | {
            "DATA_DIR": str(media_root.parent), "S3_ENDPOINT": block["ENDPOINT"], "S3_REGION": block["REGION"],
            "S3_BUCKET": block["BUCKET"], "S3_ACCESS_KEY_ID": block["ACCESS_KEY_ID"],
            "S3_SECRET_ACCESS_KEY": block["SECRET_ACCESS_KEY"],
        }  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "manage.py", "move_media", "--to", "s3"],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len([1 for method, _ in list(s3.asked) if method == "PUT"]) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert Rendition.objects.filter(storage="s3").count() == 1
        assert StrayFile.objects.filter(storage="s3").count() == 1
        assert "3 of 3 files" in move().text
        sweep()
        assert [content_of(row) for row in rows] == [f"picture {number}".encode() for number in range(4)]
        assert s3.keys() == in_s3()
        assert not StrayFile.objects.exists()
