"""Files on a Kubo node of IPFS, by its RPC API. Whoever knows a file's CID can have it: nothing private belongs here.

IPFS names files by their content and we by keys, so each stands in the node's MFS as well, which also keeps it from the
node's garbage collection. A file is first added as a whole and then named, so no key ever shows half of one.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from django.core.files.base import File
from django.core.files.storage import Storage

from media.storages.base import PIECE, MediaStorage, Stat, StorageError, check_key

ROOT = "/troupe"
MISSING = ("does not exist", "no such file", "not a directory")  # the API has no codes for its errors
TIMEOUT = httpx.Timeout(60, connect=5)


class _MissingError(StorageError):
    """There is nothing under this path."""


class IPFSStorage(MediaStorage, Storage):
    name = "ipfs"

    def __init__(self, block: dict[str, Any]) -> None:
        auth = (block["PROJECT_ID"], block["PROJECT_SECRET"]) if block["PROJECT_ID"] else None
        self.http = httpx.Client(
            base_url=f"{block['API_URL']}/api/v0/",
            auth=auth,
            timeout=TIMEOUT,
            transport=httpx.HTTPTransport(retries=1, limits=httpx.Limits(max_connections=32)),
        )

    def put(self, key: str, path: Path, content_type: str) -> None:
        place = _place(key)
        cid = self._add(path)
        source = {"arg": [f"/ipfs/{cid}", place], "parents": "true"}
        try:
            self._ask("files/cp", source)
        except StorageError:
            found = self._find(place)
            if found is None:
                raise
            if found["Hash"] != cid:  # another file stands there, which cp does not replace
                self.remove(key)
                self._ask("files/cp", source)
        found = self._find(place)
        if found is None or found["Size"] != path.stat().st_size:
            self.remove(key)
            raise StorageError("The IPFS node has not kept what it was given.")

    def stat(self, key: str) -> Stat | None:
        found = self._find(_place(key))
        return Stat(found["Size"]) if found else None

    def read(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        place = _place(key)
        found = self._find(place)
        if found is None:
            raise FileNotFoundError
        left = min(found["Size"], found["Size"] if last is None else last + 1) - first
        if left <= 0:
            return
        query = {"arg": place, "offset": str(first), "count": str(left)}
        with _plain_errors(), self.http.stream("POST", "files/read", params=query) as response:
            try:
                self._require(response)
            except _MissingError:
                raise FileNotFoundError from None
            for piece in response.iter_bytes(PIECE):
                left -= len(piece)
                yield piece
        if left:
            raise StorageError("The IPFS node broke off.")  # its errors in mid-stream come in a trailer, or not at all

    def remove(self, key: str) -> None:
        place = _place(key)
        if self._find(place) is None:
            return
        with suppress(_MissingError):  # somebody else was faster
            self._ask("files/rm", {"arg": place})
        # a node may say that all is well and name its error only in the body: so its files have to tell
        if self._find(place) is not None:
            raise StorageError("The IPFS node has not deleted the file.")

    def check(self) -> None:
        self._ask("files/stat", {"arg": "/"})

    def _add(self, path: Path) -> str:
        """The CID of the file, which nothing keeps until it has a name."""
        query = {"pin": "false", "cid-version": "1", "quieter": "true", "progress": "false"}
        with path.open("rb") as file:
            answer = self._ask("add", query, files={"file": ("file", file, "application/octet-stream")})
        lines = answer.text.strip().splitlines()
        return str(_object(lines[-1] if lines else "")["Hash"])

    def _find(self, place: str) -> "_Answer | None":
        """`{Hash, Size, …}` of a file."""
        try:
            found = _object(self._ask("files/stat", {"arg": place}).text)
        except _MissingError:
            return None
        return found if found["Type"] == "file" else None

    def _ask(self, command: str, query: dict[str, Any], **options: Any) -> httpx.Response:
        with _plain_errors():
            response = self.http.post(command, params=query, **options)
            self._require(response)
            return response

    @staticmethod
    def _require(response: httpx.Response) -> None:
        if response.is_success:
            return
        text = response.read().decode(errors="replace").lower()
        if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and any(words in text for words in MISSING):
            raise _MissingError("The IPFS node has no such file.")
        raise StorageError(f"The IPFS node refuses: HTTP {response.status_code}.")

    # what Django asks of a storage

    def _open(self, name: str, mode: str = "rb") -> File:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # whoever opens it closes it
        file.writelines(self.read(name))
        file.seek(0)
        return File(file, name)

    def _save(self, name: str, content: File) -> str:
        with tempfile.NamedTemporaryFile() as file:
            file.writelines(content.chunks())
            file.flush()
            self.put(name, Path(file.name), "")
        return name

    def delete(self, name: str) -> None:
        self.remove(name)

    def exists(self, name: str) -> bool:
        return self.stat(name) is not None

    def size(self, name: str) -> int:
        found = self.stat(name)
        if found is None:
            raise FileNotFoundError
        return found.size


class _Answer(dict[str, Any]):
    """What a node answers; a StorageError where it lacks what we look for."""

    def __missing__(self, name: str) -> Any:
        raise StorageError(f"The IPFS node's answer has no {name}.")


def _object(text: str) -> _Answer:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StorageError("The IPFS node's answer can't be read.")
    return _Answer(found)


def _place(key: str) -> str:
    """The file's path in MFS: two levels and no more, so that no empty folders are left behind."""
    digest = hashlib.sha256(check_key(key).encode()).hexdigest()
    return f"{ROOT}/{digest[:2]}/{quote(key, safe='')}"


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise StorageError(f"The IPFS node can't be reached, or broke off: {type(error).__name__}.") from error
