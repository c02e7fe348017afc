"""What killed processes have left in the folder for temporary files: uploads, and pictures being drawn or moved."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from media import limits

FORGOTTEN_AFTER = 86_400  # seconds; nothing takes so long


def sweep_temporary() -> int:
    """Removes what nobody can be at work on any more, on this machine; returns how many."""
    found = [path for path in _left() if path.lstat().st_mtime < time.time() - FORGOTTEN_AFTER]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(found)


def _left() -> Iterator[Path]:
    for folder in {settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir(), tempfile.gettempdir()}:
        yield from Path(folder).glob(f"{limits.TEMPORARY}*")
