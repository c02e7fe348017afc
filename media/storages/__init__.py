"""Which storages there are. `media.storages.base` says what each can be asked."""

import os
import threading
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from media.storages.base import MediaStorage, SignedPut, Stat, StorageError

__all__ = ["MediaStorage", "SignedPut", "Stat", "StorageError", "default_name", "names", "storage_of"]

# loaded when first used, as some bring large libraries
MEMBERS = {
    "local": "media.storages.local.LocalStorage",
    "s3": "media.storages.s3.ObjectStorage",
    "ipfs": "media.storages.ipfs.IPFSStorage",
}


class _Made:
    """The members of this process, each with the settings it was made of: their connections serve all threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.members: dict[str, tuple[dict[str, Any], MediaStorage]] = {}

    def get(self, name: str, block: dict[str, Any]) -> MediaStorage:
        with self.lock:
            if name not in self.members or self.members[name][0] != block:
                self.members[name] = (dict(block), import_string(MEMBERS[name])(block))
            return self.members[name][1]


_made = _Made()


def _forget() -> None:
    """Two processes can't share a connection."""
    global _made  # noqa: PLW0603
    _made = _Made()


os.register_at_fork(after_in_child=_forget)


def names() -> list[str]:
    """Those that this site can reach."""
    return [name for name in MEMBERS if name in settings.MEDIA_STORAGES]


def storage_of(name: str) -> MediaStorage:
    """The storage of that name. Raises StorageError for one that is not set up here."""
    if name not in MEMBERS or name not in settings.MEDIA_STORAGES:
        raise StorageError(f"The storage {name} is not set up here.")
    return _made.get(name, settings.MEDIA_STORAGES[name])


def default_name(visibility: str) -> str:
    """Where a new file goes. What is on IPFS anybody may find, so private files stay here then."""
    if settings.MEDIA_STORAGE == "ipfs" and visibility != "public":
        return "local"
    return settings.MEDIA_STORAGE
