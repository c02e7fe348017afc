"""Files on this machine's disk, below MEDIA_ROOT. All processes must see the same folder."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage

from media.storages.base import PIECE, MediaStorage, Stat, StorageError, check_key

FILE_MODE, FOLDER_MODE = 0o640, 0o750
PART = ".part"  # a file in the making: `.<name>.<random>.part`, beside the place where it will stand
MADE_AGAIN = 10


class LocalStorage(MediaStorage, FileSystemStorage):
    name = "local"

    def __init__(self, block: dict[str, Any]) -> None:
        super().__init__(file_permissions_mode=FILE_MODE, directory_permissions_mode=FOLDER_MODE)

    def put(self, key: str, path: Path, content_type: str) -> None:
        with _plain_errors(), path.open("rb") as source:
            target = self._at(key)
            part, file = self._begin(target)
            try:
                with file:
                    shutil.copyfileobj(source, file, PIECE)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _keep_names(target.parent)

    def stat(self, key: str) -> Stat | None:
        with _plain_errors():
            path = self._at(key)
            return Stat(path.stat().st_size) if path.is_file() else None

    def read(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        with _plain_errors(), _missing_where_no_folder():
            path = self._at(key)
            if path.is_dir():
                raise FileNotFoundError
            with path.open("rb") as file:
                file.seek(first)
                left = PIECE if last is None else last - first + 1
                while left > 0 and (piece := file.read(min(left, PIECE))):
                    yield piece
                    left -= 0 if last is None else len(piece)

    def fetch(self, key: str, path: Path) -> None:
        with _plain_errors(), _missing_where_no_folder():
            source = self._at(key)
            if source.is_dir():
                raise FileNotFoundError
            try:
                shutil.copyfile(source, path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def remove(self, key: str) -> None:
        with _plain_errors():
            path = self._at(key)
            try:
                path.unlink(missing_ok=True)
                for entry in os.scandir(path.parent):
                    if entry.name.startswith(f".{path.name}.") and entry.name.endswith(PART):
                        Path(entry.path).unlink(missing_ok=True)
            except (FileNotFoundError, NotADirectoryError):
                return  # its folder is gone already
            self._remove_empty(path.parent)

    def check(self) -> None:
        with _plain_errors():
            part, file = self._begin(Path(self.location) / "check")
            file.close()
            part.unlink()

    def _at(self, key: str) -> Path:
        try:
            return Path(self.path(check_key(key)))
        except SuspiciousFileOperation:
            raise StorageError("This can't be the key of a file.") from None

    def _begin(self, target: Path) -> tuple[Path, IO[bytes]]:
        """A new file beside `target`, under a name that nobody reads, and open."""
        part = target.with_name(f".{target.name}.{secrets.token_hex(6)}{PART}")
        for left in reversed(range(MADE_AGAIN)):
            try:
                self._make(target.parent)
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            except FileNotFoundError:  # somebody removed the last file of this folder, and the folder with it
                if not left:
                    raise
            else:
                return part, os.fdopen(handle, "wb")
        raise AssertionError

    def _make(self, folder: Path) -> None:
        root = Path(self.location)
        root.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for part in folder.relative_to(root).parts:
            above, root = root, root / part
            if not root.is_dir():
                root.mkdir(FOLDER_MODE, exist_ok=True)
                _keep_names(above)

    def _remove_empty(self, folder: Path) -> None:
        root = Path(self.location)
        for each in (folder, *folder.parents):
            if each == root:
                return
            try:
                each.rmdir()
            except OSError:  # somebody else's file stands there
                return


def _keep_names(folder: Path) -> None:
    """A file outlives a power cut when the folder that names it has reached the disk too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Of what the system refuses, the reason without the path."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"The disk refuses: {error.strerror or type(error).__name__}.") from error


@contextmanager
def _missing_where_no_folder() -> Iterator[None]:
    """Nothing stands below a key that is a file's."""
    try:
        yield
    except NotADirectoryError as error:
        raise FileNotFoundError from error
