"""A person's copy of their own data: asked for, made by a job, fetched for some days, gone.

The row is the truth. A job holds it by a lease and by the number of its attempt: whoever was taken over changes nothing
any more, and what it wrote is removed. A file without a row that wants it is removed by the sweep.
"""

import time
import uuid
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import DataExport, User
from accounts.selectors.own_data import EXPORT_LINK, EXPORT_PURPOSE, newest_export
from accounts.services.archive import write_archive
from common import mail
from common.errors import RateLimited
from common.jobs import enqueue_on_commit

log = structlog.get_logger(__name__)
Status = DataExport.Status
UNFINISHED = (Status.PENDING, Status.RUNNING)
DAY = timedelta(days=1)
NUDGED_AGAIN_AFTER = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(days=30)
SAID_EVERY_SECONDS = 1.0


class LostLeaseError(Exception):
    """Somebody else makes this export now, or nobody wants it any more."""


def folder() -> Path:
    return settings.DATA_DIR / "exports"


def file_of(export: DataExport) -> Path:
    return folder() / export.file


@transaction.atomic
def request_export(*, user_id: uuid.UUID) -> DataExport:
    """A new export, or the one that is being made. Raises RateLimited for a fourth within a day."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)
    newest = newest_export(user_id)
    if newest and newest.status in UNFINISHED:
        return newest
    _check_limit(user_id)
    export = DataExport.objects.create(user_id=user_id)
    nudge(export.pk)
    return export


def _check_limit(user_id: uuid.UUID) -> None:
    now = timezone.now()
    made = DataExport.objects.filter(user_id=user_id, created_at__gt=now - DAY).exclude(status=Status.FAILED)
    times = list(made.order_by("created_at").values_list("created_at", flat=True))
    if len(times) < settings.EXPORTS_A_DAY:
        return
    raise RateLimited(
        f"You have asked for {len(times)} copies within a day. Please wait until tomorrow.",
        retry_after=max(1, int((times[-settings.EXPORTS_A_DAY] + DAY - now).total_seconds())),
        bucket="data_export",
        current_count=len(times),
        max_allowed=settings.EXPORTS_A_DAY,
    )


def nudge(export_id: uuid.UUID) -> None:
    from accounts import tasks  # the job calls back into this module

    enqueue_on_commit(tasks.make_export, export_id, queue="low")


def cancel_exports(user: User) -> None:
    """A job that is at work notices at its next step and removes what it has written."""
    DataExport.objects.filter(user=user, status__in=UNFINISHED).update(status=Status.FAILED, lease_until=None)


# --- the job ----------------------------------------------------------------------------------------------------------


def make_export(export_id: uuid.UUID) -> None:
    """Makes the file and mails the link. Safe to run twice: of several at once only one has the lease."""
    export = _claim(export_id)
    if export is None:
        return
    _remove_files(export, but=export.file)
    part = file_of(export).with_suffix(".part")
    try:
        write_archive(part, export.user, _Steps(export))
        part.rename(file_of(export))
        _finish(export)
    except Exception:
        _remove(part, file_of(export))
        if _hand_back(export):
            raise
        log.info("export taken over or cancelled", export=str(export.pk))


def _claim(export_id: uuid.UUID) -> DataExport | None:
    """The export with a lease and the number of this attempt, or None where there is nothing to do."""
    now = timezone.now()
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    free = Q(status=Status.PENDING) | Q(status=Status.RUNNING, lease_until__lt=now)
    with transaction.atomic():
        export = (
            DataExport.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("user")
            .filter(free, pk=export_id)
            .first()
        )
        if export is None:
            return None
        export.attempts += 1
        if export.attempts > settings.EXPORT_TRIES:
            _give_up(export)
            return None
        export.status, export.progress = Status.RUNNING, 0
        export.file = f"{export.pk.hex}-{export.attempts}.zip"
        export.lease_until = now + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
        export.save(update_fields=["attempts", "status", "progress", "file", "lease_until", "updated_at"])
        return export


def _give_up(export: DataExport) -> None:
    log.error("export failed for good", export=str(export.pk), attempts=export.attempts - 1)
    DataExport.objects.filter(pk=export.pk).update(status=Status.FAILED, lease_until=None, file="")


def _held(export: DataExport) -> QuerySet[DataExport]:
    return DataExport.objects.filter(pk=export.pk, status=Status.RUNNING, attempts=export.attempts)


class _Steps:
    """Says how far the work is, and keeps the lease, at most once a second. Raises LostLeaseError."""

    def __init__(self, export: DataExport) -> None:
        self.export, self.said = export, time.monotonic()

    def __call__(self, progress: int) -> None:
        if time.monotonic() - self.said < SAID_EVERY_SECONDS:
            return
        self.said = time.monotonic()
        until = timezone.now() + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
        if not _held(self.export).update(progress=progress, lease_until=until):
            raise LostLeaseError


@transaction.atomic
def _finish(export: DataExport) -> None:
    now, path, user = timezone.now(), file_of(export), export.user
    size = path.stat().st_size
    kept = timedelta(days=settings.EXPORT_KEPT_DAYS)
    ready = {"status": Status.READY, "progress": 100, "size": size, "ready_at": now, "expires_at": now + kept}
    if not _held(export).update(**ready, lease_until=None, updated_at=now):
        raise LostLeaseError
    mail.send(
        "export_ready",
        to=user.email,
        context={"days": settings.EXPORT_KEPT_DAYS, "size": size},
        link=mail.SealedLink(path=EXPORT_LINK, purpose=EXPORT_PURPOSE, row_id=export.pk),
        locale=user.locale,
        timezone=user.timezone,
        user_id=user.pk,
    )


def _hand_back(export: DataExport) -> bool:
    """After an error: the next try may begin at once. False where it is no longer ours."""
    return bool(_held(export).update(status=Status.PENDING, lease_until=None, updated_at=timezone.now()))


# --- the sweep --------------------------------------------------------------------------------------------------------


def sweep_exports() -> int:
    """Ends copies whose time is over, has abandoned ones taken over, and removes files that nobody wants any more;
    returns how many rows and files it touched. Safe to run at any time."""
    now = timezone.now()
    ended = DataExport.objects.filter(status=Status.READY, expires_at__lte=now).update(status=Status.EXPIRED)
    lost = Q(status=Status.PENDING, updated_at__lt=now - NUDGED_AGAIN_AFTER) | Q(
        status=Status.RUNNING, lease_until__lt=now
    )
    waiting = list(DataExport.objects.filter(lost).values_list("pk", flat=True)[:100])
    DataExport.objects.filter(pk__in=waiting, status=Status.PENDING).update(updated_at=now)
    for export_id in waiting:
        nudge(export_id)
    old = DataExport.objects.filter(status__in=(Status.EXPIRED, Status.FAILED), created_at__lt=now - FORGOTTEN_AFTER)
    return ended + len(waiting) + old.delete()[0] + _remove_unwanted()


def _remove_unwanted() -> int:
    if not folder().is_dir():
        return 0
    files = [path for path in folder().iterdir() if path.suffix in (".zip", ".part")]
    names = [f"{path.stem}.zip" for path in files]
    live = DataExport.objects.filter(status__in=(Status.RUNNING, Status.READY), file__in=names)
    wanted = set(live.values_list("file", flat=True))
    unwanted = [path for path in files if f"{path.stem}.zip" not in wanted]
    _remove(*unwanted)
    return len(unwanted)


def _remove_files(export: DataExport, *, but: str) -> None:
    _remove(*(path for path in folder().glob(f"{export.pk.hex}-*") if path.name != but))


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
