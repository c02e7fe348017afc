"""Killed at any step, a process leaves no file without a row after the sweep, and no row without its file."""

import hashlib
import os
import signal
import threading
from pathlib import Path

import pytest
from django.db import connections

from accounts.models import User
from media import registry
from media.models import Asset, Rendition, StoredContent, StrayFile
from media.receiving import Received
from media.services import assets, avatars, intake, strays, uploads, variants
from media.storages import storage_of
from media.storages.local import LocalStorage
from media.storages.s3 import ObjectStorage
from tests.media.sending import assert_whole, body, by_form, confirmed, forget, invited, large, look, picture, sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_connections")]
MEMBERS = {"local": LocalStorage, "s3": ObjectStorage}


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


def and_die(function):
    """The function as it is, and then the end."""

    def run(*arguments, **options):
        function(*arguments, **options)
        die()

    return run


def nth_and_die(function, number):
    calls = []

    def run(*arguments, **options):
        result = function(*arguments, **options)
        calls.append(1)
        if len(calls) == number:
            die()
        return result

    return run


def killed(work, patch):
    """Runs `work` in a process of its own, in which `patch(setattr)` has laid a trap; fails unless it was killed."""
    connections.close_all()
    child = os.fork()
    if not child:
        status = 3
        try:
            with pytest.MonkeyPatch.context() as monkey:
                patch(monkey.setattr)
                work()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it ended with {os.waitstatus_to_exitcode(status)}"
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sent"
    path.write_bytes(large())
    return Received(Path(path), len(large()), hashlib.sha256(large()).hexdigest(), "a.png")


@pytest.fixture
def wanted(owner):
    return intake.use(owner_id=owner.id, organization_id=owner.organization_id)


def half_and_die(source, target, _=0):
    target.write(source.read(100))
    target.flush()
    die()


STEPS = {
    "nothing is announced yet": lambda patch, _: patch(strays, "announce", die),
    "all is announced": lambda patch, _: patch(strays, "announce", and_die(strays.announce)),
    "one file is there": lambda patch, shelf: patch(
        MEMBERS[shelf.name], "put", nth_and_die(MEMBERS[shelf.name].put, 1)
    ),
    "all files are there": lambda patch, _: patch(intake, "_record", die),
    "all is written and nothing committed": lambda patch, _: patch(intake, "attach", and_die(intake.attach)),
}


class TestStoring:
    @pytest.mark.parametrize("step", STEPS)
    def test_killed_when(self, shelf, owner, wanted, file, step):
        killed(lambda: intake.take_picture(wanted, file), lambda patch: STEPS[step](patch, shelf))
        assert not Asset.objects.exists()
        announced = StrayFile.objects.count()
        assert len(shelf.keys()) <= announced
        sweep()
        assert StrayFile.objects.count() == announced, "what may still be at work keeps its time"
        assert_whole(shelf, hours=3)
        assert shelf.keys() == set()
        assert not StrayFile.objects.exists()
        assert by_form(owner, large()).status_code == 201
        assert_whole(shelf)

    def test_killed_in_the_middle_of_a_file(self, local, owner, wanted, file):
        killed(
            lambda: intake.take_picture(wanted, file),
            lambda patch: patch("media.storages.local.shutil.copyfileobj", half_and_die),
        )
        assert len(local.keys()) == 1
        assert next(iter(local.keys())).endswith(".part")
        assert_whole(local, hours=3)
        assert local.keys() == set()

    def test_killed_when_all_is_committed(self, shelf, owner, wanted, file):
        killed(and_die(lambda: intake.take_picture(wanted, file)), lambda _: None)
        asset = Asset.objects.get()
        assert_whole(shelf, hours=3)
        assert body(look(f"/media/{asset.key}"))[8:12] == b"WEBP"

    def test_who_comes_back_after_the_sweep_keeps_nothing(self, local, owner, wanted, file, monkeypatch):
        """Slower than any sweep waits, and not even killed."""
        put = LocalStorage.put

        def late(*arguments):
            put(*arguments)
            sweep(hours=3)

        monkeypatch.setattr(LocalStorage, "put", late)
        with pytest.raises(intake.Conflict):
            intake.take_picture(wanted, file)
        assert not Asset.objects.exists()
        assert_whole(local, hours=3)


class TestDeleting:
    @pytest.fixture
    def asset(self, shelf, owner):
        by_form(owner, large())
        return Asset.objects.get()

    def test_killed_before_the_commit_it_is_still_there(self, shelf, owner, asset):
        killed(
            lambda: assets.delete_asset(owner_id=owner.id, asset_id=asset.pk),
            lambda patch: patch(assets.quota, "give_back", and_die(assets.quota.give_back)),
        )
        assert Asset.objects.exists()
        assert_whole(shelf, hours=3)
        assert body(look(f"/media/{asset.key}"))[8:12] == b"WEBP"

    def test_killed_after_the_commit_its_files_follow(self, shelf, owner, asset):
        killed(and_die(lambda: assets.delete_asset(owner_id=owner.id, asset_id=asset.pk)), lambda _: None)
        assert not Asset.objects.exists()
        assert len(shelf.keys()) == StrayFile.objects.count() == 4
        assert_whole(shelf)
        assert shelf.keys() == set()

    @pytest.mark.parametrize("number", [1, 3])
    def test_killed_while_it_sweeps(self, shelf, owner, asset, number):
        assets.delete_asset(owner_id=owner.id, asset_id=asset.pk)
        member = MEMBERS[shelf.name]
        killed(strays.delete_due, lambda patch: patch(member, "remove", nth_and_die(member.remove, number)))
        assert StrayFile.objects.count() == 4
        assert_whole(shelf)
        assert shelf.keys() == set()
        assert not StrayFile.objects.exists()


class TestConfirming:
    @pytest.fixture
    def key(self, shelf, owner):
        invitation = invited(owner, picture()).json()
        assert shelf.put(invitation, picture()) in (200, 204)
        return invitation["key"]

    @pytest.mark.parametrize("step", ["it has begun", "it is an asset"])
    def test_killed_when(self, shelf, owner, key, step, time_machine):
        trap = {"it has begun": die, "it is an asset": and_die(intake.take_picture)}[step]
        killed(lambda: uploads.confirm(owner_id=owner.id, key=key), lambda patch: patch(uploads, "take_picture", trap))
        assert confirmed(owner, key).status_code == 409  # for all we know it is still at work
        uploads.Upload.objects.update(lease_until=None)
        answer = confirmed(owner, key)
        assert (answer.status_code, answer.json()["key"]) == (201, key)
        assert StoredContent.objects.count() == 1
        assert_whole(shelf, hours=3)

    def test_killed_and_never_heard_of_again(self, shelf, owner, key):
        killed(lambda: uploads.confirm(owner_id=owner.id, key=key), lambda patch: patch(uploads, "take_picture", die))
        assert_whole(shelf, hours=3)
        assert shelf.keys() == set()


def test_a_portrait_is_an_asset_or_nothing_and_the_person_has_one_that_is_there(local, owner, file):
    for trap in (and_die(intake.take_picture), die):
        killed(
            lambda: avatars.set_profile_picture(user_id=owner.id, file=file),
            lambda patch, trap=trap: patch(intake, "take_picture", trap),
        )
        assert User.objects.get(pk=owner.id).avatar == ""
        assert_whole(local, hours=3)


def test_a_variant_that_was_half_made_is_made_again(shelf, owner):
    url = by_form(owner, large()).json()["url"]
    forget("small")
    content_id = StoredContent.objects.get().pk
    killed(
        lambda: variants.make(content_id, "small"),
        lambda patch: patch(strays, "claim", die),
    )
    assert len(shelf.keys()) == 4
    assert_whole(shelf, hours=3)
    assert len(shelf.keys()) == 3
    assert body(look(f"{url}?variant=small"))[8:12] == b"WEBP"
    assert_whole(shelf)


def test_a_deletion_that_an_app_forbids_changes_nothing(local, owner, monkeypatch):
    by_form(owner, picture())
    asset = Asset.objects.get()

    def forbid(_):
        raise RuntimeError

    monkeypatch.setattr(registry.asset_deleted, "_functions", [*registry.asset_deleted._functions, forbid])
    with pytest.raises(RuntimeError):
        assets.delete_asset(owner_id=owner.id, asset_id=asset.pk)
    monkeypatch.undo()
    assert_whole_and_there(local, asset)


def assert_whole_and_there(shelf, asset):
    assert_whole(shelf, hours=3)
    (row,) = Rendition.objects.filter(content_id=asset.content_id)
    assert storage_of(shelf.name).stat(row.key).size == row.size
