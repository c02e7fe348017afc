"""Temporary files of killed processes are removed once nobody can be at work on them."""

import os
import time

import pytest

from media import limits, tasks
from media.receiving import received

DAY = 86_400


@pytest.fixture
def temporary(tmp_path, monkeypatch, settings):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings.FILE_UPLOAD_TEMP_DIR = None
    return tmp_path


def aged(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_is_older_than_a_day_goes_and_nothing_else(temporary):
    old_file, new_file = temporary / f"{limits.TEMPORARY}a", temporary / f"{limits.TEMPORARY}b"
    old_folder, foreign = temporary / f"{limits.TEMPORARY}c", temporary / "somebody-elses"
    for path in (old_file, new_file, foreign):
        path.write_bytes(b"x")
    old_folder.mkdir()
    (old_folder / "picture").write_bytes(b"x")
    link = temporary / f"{limits.TEMPORARY}d"
    link.symlink_to(foreign)
    for path in (old_file, old_folder, foreign):
        aged(path, DAY + 60)
    os.utime(link, (time.time() - DAY - 60,) * 2, follow_symlinks=False)
    assert tasks.sweep_temporary() == 3
    assert sorted(temporary.iterdir()) == sorted([new_file, foreign])
    assert tasks.sweep_temporary() == 0


def test_what_is_being_received_is_among_them(temporary):
    with received([b"x"], most=10) as file:
        assert file.path.name.startswith(limits.TEMPORARY)
        assert tasks.sweep_temporary() == 0
        aged(file.path, DAY + 60)
        assert tasks.sweep_temporary() == 1
        file.path.write_bytes(b"")  # as it must be there when the work ends
