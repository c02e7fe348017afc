"""Files and rows can't change in one transaction. So a file's name is written down before it is stored, and again when
it is not wanted any more; what is written down and due, the sweep deletes.
"""

import uuid
from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from common.errors import Conflict
from common.jobs import enqueue_on_commit
from media.models import Rendition, StrayFile
from media.storages import StorageError, storage_of

log = structlog.get_logger(__name__)
WORK_AT_MOST = timedelta(hours=2)  # longer than any request or job takes to store what it has announced
FileName = tuple[str, str]  # storage and key
AT_ONCE = 100
LONGEST_WAIT = timedelta(hours=6)


def announce(files: Iterable[FileName], *, lasting: timedelta = WORK_AT_MOST) -> None:
    """Before files are stored: unless they are claimed in time, they go again. Call it outside a transaction."""
    due_at = timezone.now() + lasting
    StrayFile.objects.bulk_create([StrayFile(storage=storage, key=key, due_at=due_at) for storage, key in files])


def claim(files: Iterable[FileName]) -> None:
    """In the transaction that refers to them. Raises Conflict where the sweep has been faster."""
    wanted = list(files)
    now = timezone.now()
    for storage, key in wanted:
        if not StrayFile.objects.filter(storage=storage, key=key, due_at__gt=now).delete()[0]:
            raise Conflict("This took too long. Nothing was kept; please send it again.")


def discard(files: Iterable[FileName]) -> None:
    """In the transaction that lets go of them, or after a failure: they are deleted at once, or by the sweep."""
    from media import tasks  # the job calls back into this module

    now = timezone.now()
    rows = [StrayFile(storage=storage, key=key, due_at=now) for storage, key in files]
    if rows:
        StrayFile.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["storage", "key"], update_fields=["due_at", "updated_at"]
        )
        enqueue_on_commit(tasks.delete_strays, queue="media")


def delete_due() -> int:
    """Deletes every file that is due; returns how many. Any number of these may run at once."""
    deleted = 0
    while (gone := _delete_some()) is not None:
        deleted += gone
    return deleted


@transaction.atomic
def hurry() -> int:
    """Makes due what was put off after a failure, and has all that is due deleted now; returns how many files.

    What is still being stored keeps its time.
    """
    from media import tasks  # the job calls back into this module

    now = timezone.now()
    StrayFile.objects.filter(attempts__gt=0, due_at__gt=now).update(due_at=now)
    enqueue_on_commit(tasks.delete_strays, queue="media")
    return StrayFile.objects.filter(due_at__lte=now).count()


@transaction.atomic
def _delete_some() -> int | None:
    """How many files, or None where nothing was due. What a storage refuses, and the rest of that storage, waits."""
    due = StrayFile.objects.select_for_update(skip_locked=True).filter(due_at__lte=timezone.now())
    rows = list(due.order_by("due_at")[:AT_ONCE])
    if not rows:
        return None
    wanted = _wanted(rows)
    over = [row.pk for row in rows if (row.storage, row.key) in wanted]
    gone: list[uuid.UUID] = []
    away: set[str] = set()
    for row in rows:
        if row.pk in over:
            log.info("file not deleted, for a row wants it", storage=row.storage, key=row.key)
        elif row.storage not in away and _delete(row):
            gone.append(row.pk)
        else:
            away.add(row.storage)
            _put_off(row.pk, row.attempts)
    StrayFile.objects.filter(pk__in=over + gone).delete()
    return len(gone)


def _wanted(rows: list[StrayFile]) -> set[FileName]:
    """Those that a row refers to: they were let go of by who heard of a failure after the commit."""
    found = Rendition.objects.filter(key__in=[row.key for row in rows]).values_list("storage", "key")
    return set(found)


def _delete(row: StrayFile) -> bool:
    try:
        storage_of(row.storage).remove(row.key)
    except (StorageError, OSError) as error:
        log.warning("file not deleted yet", storage=row.storage, key=row.key, error=type(error).__name__)
        return False
    return True


def _put_off(row_id: uuid.UUID, attempts: int) -> None:
    wait = min(timedelta(minutes=2**attempts), LONGEST_WAIT)
    StrayFile.objects.filter(pk=row_id).update(due_at=timezone.now() + wait, attempts=F("attempts") + 1)


def discard_quietly(files: Iterable[FileName]) -> None:
    """After a failure, where the database itself may be away: then what was announced falls due by itself.

    The failure may have come after all was committed; the sweep looks whether a row wants the file.
    """
    try:
        discard(files)
    except DatabaseError:
        log.warning("files not discarded yet", exc_info=True)
