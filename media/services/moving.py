"""Moving files from one storage to another while they are in use.

A file is copied under a new name, read back, and only then its row is led to the copy. A run that ends at any moment
leaves every row with a whole file: what it had copied in vain falls due by itself, and the next run goes on where rows
still name another storage. Several runs at once share the work.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from common.database import by_key, fetch_one
from common.errors import Conflict
from media import limits
from media.models import Asset, Rendition, StoredContent, Visibility
from media.services import strays
from media.services.intake import file_key
from media.storages import StorageError, storage_of

log = structlog.get_logger(__name__)
# a page or an address signed before may still lead to the old file
OLD_KEPT = timedelta(minutes=30)
SLOWEST = 100 * 1024  # bytes a second: what copies slower is taken for dead
FAILURES_IN_A_ROW = 5
PROBLEMS_KEPT = 20


class StoppedError(StorageError):
    """One file after the other failed, so the rest would too."""


class _BrokenError(StorageError):
    """The file itself is lost or spoilt: no fault of the storages, and no reason to stop."""


@dataclass
class Tally:
    """How far a run is. `left_private` are not public, and the target shows files to anybody."""

    found: int = 0
    found_bytes: int = 0
    moved: int = 0
    moved_bytes: int = 0
    failed: int = 0
    elsewhere: int = 0  # another run moved it, or it was deleted meanwhile
    left_private: int = 0
    problems: list[str] = field(default_factory=list)


def move(
    *, to: str, source: str | None = None, limit: int | None = None, keep: bool = False, told: Callable[[Tally], None]
) -> Tally:
    """Moves files to the storage `to`, of all others or of `source` alone, at most `limit`; `told` hears of each.

    `keep` leaves the old copies where they are: no row names them any more. What a clip's job works on stays for the
    next run. Raises StorageError where a storage is not there, StoppedError when nothing succeeds any more.
    """
    storage_of(to).check()
    if source:
        storage_of(source)
    wanted = _wanted(to, source)
    rows = _public(wanted) if to == "ipfs" else wanted
    tally = Tally(left_private=wanted.count() - rows.count() if to == "ipfs" else 0)
    sums = rows.aggregate(count=Count("pk"), bytes=Sum("size"))
    tally.found, tally.found_bytes = sums["count"], sums["bytes"] or 0
    in_a_row = 0
    for row in by_key(rows):
        if limit is not None and tally.moved >= limit:
            break
        try:
            moved = _move_one(row, to, keep=keep)
        except (StorageError, OSError, Conflict) as error:
            in_a_row += not isinstance(error, _BrokenError)
            tally.failed += 1
            if len(tally.problems) < PROBLEMS_KEPT:
                tally.problems.append(f"{row.storage}:{row.key}: {error}")
            log.warning("file not moved", storage=row.storage, key=row.key, to=to, error=str(error))
            if in_a_row >= FAILURES_IN_A_ROW:
                raise StoppedError(f"{in_a_row} files in a row could not be moved; the last: {error}") from error
        else:
            in_a_row = 0
            tally.moved += moved
            tally.moved_bytes += row.size if moved else 0
            tally.elsewhere += not moved
        told(tally)
    return tally


def _wanted(to: str, source: str | None) -> QuerySet[Rendition]:
    rows = Rendition.objects.exclude(storage=to).exclude(name=Rendition.Name.SOURCE)
    rows = rows.exclude(content__status=StoredContent.Status.PROCESSING)
    return rows.filter(storage=source) if source else rows


def _public(rows: QuerySet[Rendition]) -> QuerySet[Rendition]:
    """Those that everybody may see by every one of their uses."""
    uses = Asset.objects.filter(content=OuterRef("content_id"))
    hidden = uses.filter(~Q(visibility=Visibility.PUBLIC) | Q(taken_down_at__isnull=False))
    return rows.filter(Exists(uses)).exclude(Exists(hidden))


def _move_one(row: Rendition, to: str, *, keep: bool) -> bool:
    """False where another run moves it, or it is gone or moved already."""
    if not _is_free(row.pk):
        return False
    copy = (to, file_key(row.content_id, row.name, row.key.rpartition(".")[2]))
    strays.announce([copy], lasting=max(strays.WORK_AT_MOST, timedelta(seconds=row.size / SLOWEST)))
    try:
        # no row is locked while the file is copied: only other runs are kept away from it
        with transaction.atomic():
            moved = _is_free(row.pk) and _still_there(row) and _copy_and_switch(row, copy, keep=keep)
    except BaseException:
        strays.discard_quietly([copy])
        raise
    if not moved:
        strays.discard_quietly([copy])
    return moved


def _is_free(row_id: uuid.UUID) -> bool:
    """Takes the row for this run until the transaction ends, unless another has it."""
    row = fetch_one("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"moving {row_id}"])
    return bool(row and row[0])


def _still_there(row: Rendition) -> bool:
    return Rendition.objects.filter(pk=row.pk, storage=row.storage, key=row.key).exists()


def _copy_and_switch(row: Rendition, copy: strays.FileName, *, keep: bool) -> bool:
    storage, key = copy
    with tempfile.TemporaryDirectory(prefix=limits.TEMPORARY) as folder:
        path = Path(folder, "file")
        try:
            storage_of(row.storage).fetch(row.key, path)
        except FileNotFoundError:
            raise _BrokenError("the file is not there") from None
        if not _is_file_of(row, _pieces(path)):
            raise _BrokenError("the file is not the one that was stored")
        storage_of(storage).put(key, path, row.mime_type)
    if not _is_file_of(row, storage_of(storage).read(key)):
        raise StorageError("the copy is not the file")
    locked = Rendition.objects.select_for_update().filter(pk=row.pk, storage=row.storage, key=row.key).first()
    if locked is None:
        return False
    strays.claim([copy])
    locked.storage, locked.key = copy
    locked.save(update_fields=["storage", "key", "updated_at"])
    if not keep:
        strays.announce([(row.storage, row.key)], lasting=OLD_KEPT)
    return True


def _is_file_of(row: Rendition, pieces: Iterator[bytes]) -> bool:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return (size, digest.hexdigest()) == (row.size, row.sha256)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            yield piece
