"""Notes of files that no row wants: what is due is deleted, and never a file that a row refers to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from media import tasks
from media.models import Rendition, StrayFile
from media.services import strays
from media.storages import storage_of
from media.storages.s3 import ObjectStorage
from tests.media.sending import by_form, kept, picture

pytestmark = pytest.mark.django_db


def noted(key, file_of, storage="local", *, ago=timedelta(minutes=1)):
    storage_of(storage).put(key, file_of(b"nobody's"), "image/webp")
    return StrayFile.objects.create(storage=storage, key=key, due_at=timezone.now() - ago)


def test_a_note_of_a_file_that_a_row_wants_goes_and_the_file_stays(shelf, owner):
    by_form(owner, picture())
    strays.discard_quietly(Rendition.objects.values_list("storage", "key"))  # as after a failure that came too late
    assert tasks.delete_strays() == 0
    assert not StrayFile.objects.exists()
    assert shelf.keys() == kept(shelf) != set()


def test_a_failure_before_makes_what_was_announced_due(db):
    strays.announce([("local", "files/aa/a.webp"), ("local", "files/aa/b.webp")])
    strays.discard_quietly([("local", "files/aa/a.webp")])
    due = StrayFile.objects.filter(due_at__lte=timezone.now())
    assert list(due.values_list("key", flat=True)) == ["files/aa/a.webp"]


def test_a_storage_that_is_away_is_asked_once_and_keeps_no_other_waiting(media_root, s3, file_of, monkeypatch):
    there = [noted(f"files/aa/{number}.webp", file_of, "s3", ago=timedelta(hours=1)) for number in range(3)]
    here = noted("files/aa/here.webp", file_of)
    s3.misbehave("DELETE", times=99, status=503)
    asked, remove = [], ObjectStorage.remove
    monkeypatch.setattr(ObjectStorage, "remove", lambda storage, key: (asked.append(key), remove(storage, key)))
    assert tasks.delete_strays() == 1
    assert len(asked) == 1
    assert not StrayFile.objects.filter(pk=here.pk).exists()
    for note in there:
        note.refresh_from_db()
        assert note.attempts == 1
        assert note.due_at > timezone.now()
    s3.behave()
    StrayFile.objects.update(due_at=timezone.now())
    assert tasks.delete_strays() == 3
    assert s3.keys() == []
