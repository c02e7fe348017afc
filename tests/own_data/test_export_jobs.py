"""The job behind a copy: killed half-way, run twice, cancelled, and with more data than memory."""

import subprocess
import sys
import threading
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import registry, tasks
from accounts.models import DataExport
from accounts.services import delete_account, exports
from accounts.services.archive import write_archive
from chat.models import Message
from common.models import OutgoingMail, new_id
from tests.live import ROOT, LiveSite
from tests.own_data.conftest import read

commits = pytest.mark.django_db(transaction=True)


def asked(person):
    return exports.request_export(user_id=person.id)


def state(export):
    export.refresh_from_db()
    return export.status


@pytest.fixture
def halfway(monkeypatch):
    """`halfway(act)`: `act` is run while the archive is being written."""

    def interrupt(act):
        monkeypatch.setattr(exports, "SAID_EVERY_SECONDS", 0)

        def part(user):
            yield "first.json", {"a": 1}
            act()
            yield "second.json", {"b": 2}

        monkeypatch.setitem(registry._export_parts, "zz_test", registry.ExportPart("", part, lambda user: 2))

    return interrupt


def files(export):
    return sorted(path.name for path in exports.folder().glob(f"{export.pk.hex}*"))


# --- one at a time ----------------------------------------------------------------------------------------------------


@commits
def test_two_jobs_at_once_make_one_copy(owner, halfway, archive):
    export = asked(owner)
    second: list[Any] = []
    halfway(lambda: second.append(exports.make_export(export.pk)))
    exports.make_export(export.pk)
    assert state(export) == "ready"
    assert export.attempts == 1
    assert files(export) == [export.file]
    assert OutgoingMail.objects.filter(kind="export_ready").count() == 1
    assert "zz_test/second.json" in archive(export).namelist()


@commits
def test_two_people_asking_many_times_at_once_get_one_copy_each(owner, stranger):
    answers: list[Any] = []

    def ask(person):
        try:
            answers.append((person.id, asked(person).pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[person]) for person in (owner, stranger) * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert len(set(answers)) == 2
    assert DataExport.objects.count() == 2


@commits
def test_a_job_that_runs_once_more_changes_nothing(owner):
    export = asked(owner)
    tasks.make_export(export.pk)
    made = exports.file_of(DataExport.objects.get()).stat().st_mtime_ns
    tasks.make_export(export.pk)
    assert exports.file_of(DataExport.objects.get()).stat().st_mtime_ns == made
    assert OutgoingMail.objects.filter(kind="export_ready").count() == 1


@commits
def test_a_job_for_what_is_gone_does_nothing(owner):
    tasks.make_export(new_id())
    assert not list(exports.folder().iterdir())


# --- killed, failing, cancelled ---------------------------------------------------------------------------------------

KILLED = """
import os, django
django.setup()
from accounts import registry
from accounts.services import exports

def part(user):
    yield "first.json", {"a": "x" * 100_000}
    print("half-way", flush=True)
    import time; time.sleep(60)
    yield "second.json", {}

registry.add_export_part("zz_test", part)
exports.make_export(os.environ["EXPORT"])
"""


@commits
def test_a_killed_workers_copy_is_taken_over_and_its_half_file_removed(owner, settings, archive, data_dir):
    export = asked(owner)
    environment = LiveSite(DATA_DIR=str(data_dir), EXPORT=str(export.pk), DJANGO_SETTINGS_MODULE="config.settings")
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=ROOT, env=environment._environment(), stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"half-way\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert state(export) == "running"
    half = files(export)
    assert half == [f"{export.pk.hex}-1.part"]

    exports.make_export(export.pk)  # the lease is still the dead one's
    assert (state(export), files(export)) == ("running", half)
    DataExport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert exports.sweep_exports() == 1  # nudged; the half file is still whose the row says
    tasks.make_export(export.pk)
    assert (state(export), export.attempts) == ("ready", 2)
    assert files(export) == [f"{export.pk.hex}-2.zip"]
    assert "account/profile.json" in archive(export).namelist()


@commits
def test_one_that_was_taken_over_changes_nothing_any_more(owner, halfway):
    export = asked(owner)
    taken: list[bool] = []

    def take_over():
        if not taken:
            taken.append(True)
            DataExport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            exports.make_export(export.pk)

    halfway(take_over)
    exports.make_export(export.pk)
    assert (state(export), export.attempts) == ("ready", 2)
    assert files(export) == [f"{export.pk.hex}-2.zip"]
    assert OutgoingMail.objects.filter(kind="export_ready").count() == 1


@commits
def test_an_error_is_tried_again_and_given_up_after_three_tries(owner, halfway):
    def fail():
        raise OSError("the disk is full")

    export = asked(owner)
    halfway(fail)
    for attempt in (1, 2, 3):
        with pytest.raises(OSError, match="disk"):
            exports.make_export(export.pk)
        assert (state(export), export.attempts, files(export)) == ("pending", attempt, [])
    exports.make_export(export.pk)
    assert state(export) == "failed"
    assert not OutgoingMail.objects.filter(kind="export_ready").exists()
    assert asked(owner).pk != export.pk


@commits
def test_who_leaves_meanwhile_gets_no_copy(owner, halfway):
    export = asked(owner)
    halfway(lambda: delete_account(user_id=owner.id, actor=owner.user))
    exports.make_export(export.pk)
    assert (state(export), files(export)) == ("failed", [])
    assert not OutgoingMail.objects.filter(kind="export_ready").exists()


@commits
def test_a_lost_nudge_is_made_good(owner):
    export = asked(owner)
    assert exports.sweep_exports() == 0
    DataExport.objects.update(updated_at=timezone.now() - timedelta(minutes=2))
    assert exports.sweep_exports() == 1
    assert exports.sweep_exports() == 0
    tasks.make_export(export.pk)
    assert state(export) == "ready"


@commits
def test_files_that_nobody_wants_are_removed_and_others_are_not(owner):
    export = asked(owner)
    exports.make_export(export.pk)
    for name in (f"{new_id().hex}-1.zip", f"{export.pk.hex}-7.part"):
        (exports.folder() / name).write_bytes(b"half")
    (exports.folder() / "notes.txt").write_text("of the operator")
    assert exports.sweep_exports() == 2
    assert sorted(path.name for path in exports.folder().iterdir()) == sorted([f"{export.pk.hex}-1.zip", "notes.txt"])


@commits
def test_only_the_sites_own_user_may_look_into_the_folder(owner):
    exports.make_export(asked(owner).pk)
    assert exports.folder().stat().st_mode & 0o077 == 0


# --- progress and size ------------------------------------------------------------------------------------------------


def fill(conversation, person, count):
    """So many messages of a hundred characters, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO chat_message (id, created_at, updated_at, conversation_id, seq, rev, author_kind,
                                      author_user_id, text, status, variant, tokens)
            SELECT gen_random_uuid(), now(), now(), %s, 1 + n, 1 + n, 'user', %s, repeat('word ', 20), 'complete', 0, 20
            FROM generate_series(1, %s) n
            """,
            [conversation.pk, person.id, count],
        )
        cursor.execute("UPDATE chat_conversation SET last_seq = %s WHERE id = %s", [count + 1, conversation.pk])


@pytest.mark.django_db
def test_progress_rises_to_the_end(owner, odile, talk, tmp_path):
    fill(talk(owner, odile), owner, 500)
    said: list[int] = []
    write_archive(tmp_path / "whole.zip", owner.user, said.append)
    assert said == sorted(said)
    assert said[-1] <= 99
    assert len({step for step in said if 10 < step < 90}) > 40


@pytest.mark.django_db
def test_twenty_times_the_messages_take_no_more_memory(owner, odile, talk, made, tmp_path):
    conversation = talk(owner, odile)
    peaks = []
    for count in (1_000, 20_000):
        Message.objects.filter(author_user=owner.user).delete()
        fill(conversation, owner, count)
        tracemalloc.start()
        write_archive(tmp_path / f"{count}.zip", owner.user, lambda progress: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 3_000_000
    assert peaks[1] < peaks[0] + 500_000
    found = made(owner)
    (name,) = [name for name in found.namelist() if name.startswith("conversations/")]
    assert len(read(found, name)["messages"]) == 20_001
