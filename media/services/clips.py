"""A clip, from its upload to what is shown of it: written down at once, worked on by a job that says how far it is.

The row is the truth. A job holds it by a lease and by the number of its attempt: whoever was taken over changes nothing
any more, and what it stored is written down to be deleted. Until then the upload is the rendition `source`.
"""

import hashlib
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from common.errors import Forbidden, PayloadTooLarge, Unprocessable, UnsupportedMediaType
from common.jobs import enqueue_on_commit
from media import clips, drawing, scanning
from media.clips import Converted
from media.drawing import Picture
from media.formats import Format
from media.models import Asset, Purpose, Rendition, StoredContent, Upload, Visibility
from media.services import clip_records, quota, strays
from media.services.clip_records import LEASE, LostLeaseError
from media.services.intake import Use, attach, file_key, rendition_of
from media.services.takedowns import refuse_taken_down
from media.storages import default_name, storage_of

log = structlog.get_logger(__name__)
Status = StoredContent.Status
RENEWED_EVERY_SECONDS = 15.0
SAID_EVERY_SECONDS = 1.0
TOLD_EVERY_PERCENT = 4
NUDGED_AGAIN_AFTER = timedelta(minutes=5)
FOLDER_NAME = re.compile(r"[0-9a-f]{32}-\d+")
FETCHED, CONVERTED = 10, 95  # percent
REFUSALS = (UnsupportedMediaType, Unprocessable, PayloadTooLarge, Forbidden)


@transaction.atomic
def begin(wanted: Use, upload: Upload, found: Format) -> Asset:
    """The asset of a clip that has arrived, still `processing`; asked again for the same upload, the same one.

    Raises UnsupportedMediaType for a clip as somebody's portrait, Forbidden `STORAGE_FULL`, Conflict where the upload
    was swept meanwhile.
    """
    if wanted.purpose == Purpose.AVATAR:
        raise UnsupportedMediaType("A portrait is a picture. Please send a JPEG, PNG, WebP, GIF or AVIF.")
    begun = Asset.objects.select_related("content").filter(owner_id=wanted.owner_id, key=wanted.key).first()
    if begun:
        return begun
    quota.count(wanted.organization_id, upload.size)
    content = StoredContent.objects.create(
        owner_id=wanted.owner_id,
        organization_id=wanted.organization_id,
        shape=wanted.shape,
        family=found.family,
        status=Status.PROCESSING,
        progress=0,
        stored_bytes=upload.size,
    )
    source = (upload.storage, upload.incoming_key)
    Rendition.objects.create(
        content=content,
        name=Rendition.Name.SOURCE,
        storage=source[0],
        key=source[1],
        mime_type=found.mime_type,
        size=upload.size,
    )
    strays.claim([source])
    nudge(content.pk)
    return attach(wanted, content, upload.filename)


def nudge(content_id: uuid.UUID) -> None:
    from media import tasks  # the job calls back into this module

    enqueue_on_commit(tasks.work_on_clip, content_id, queue="media")


def folder() -> Path:
    """Where clips lie while they are worked on, each try in a folder of its own."""
    return settings.DATA_DIR / "clips"


# --- the job ----------------------------------------------------------------------------------------------------------


def work(content_id: uuid.UUID) -> None:
    """Makes of an upload what is shown of it. Safe to run twice: of several at once only one has the lease."""
    content = clip_records.claim(content_id)
    if content is None:
        return
    try:
        with _own_folder(content) as place, _renewing(content):
            _work(content, place)
    except LostLeaseError:
        log.info("clip taken over or deleted", content=str(content.pk))
    except REFUSALS as problem:
        clip_records.refuse(content, problem)
    except Exception:
        if clip_records.hand_back(content):
            raise
        log.info("clip taken over or deleted", content=str(content.pk))


def _work(content: StoredContent, place: Path) -> None:
    steps = _Steps(content)
    source, sha256 = _fetch(content, place, steps)
    refuse_taken_down(sha256)
    if clip_records.join_twin(content, sha256):
        return
    scanning.scan(source)
    converted = clips.convert(source, place, progress=lambda percent: steps(_between(FETCHED, CONVERTED, percent)))
    source.unlink()
    picture = drawing.draw(converted.poster, place) if converted.poster else None
    made = _renditions(content, converted, picture)
    files = [(row.storage, row.key) for row, _ in made]
    strays.announce(files)
    try:
        steps(CONVERTED)
        for row, path in made:
            storage_of(row.storage).put(row.key, path, row.mime_type)
        clip_records.finish(
            content,
            sha256=sha256,
            clip=converted.clip,
            blurhash=picture.blurhash if picture else "",
            rows=[row for row, _ in made],
        )
    except BaseException:
        strays.discard_quietly(files)
        raise


@contextmanager
def _own_folder(content: StoredContent) -> Iterator[Path]:
    """A folder for this try; what a killed try has left behind goes first."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(folder().glob(f"{content.pk.hex}-*"))
    place = folder() / f"{content.pk.hex}-{content.attempts}"
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        _remove([place])


@contextmanager
def _renewing(content: StoredContent) -> Iterator[None]:
    """Keeps the lease while the work goes on: a scan, or a storage that is sent gigabytes, says nothing meanwhile."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED_EVERY_SECONDS):
            try:
                clip_records.held(content).update(lease_until=timezone.now() + LEASE)
            except DatabaseError:
                log.warning("lease of a clip not renewed", content=str(content.pk), exc_info=True)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name="lease of a clip", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Steps:
    """Says how far the work is, at most once a second. Raises LostLeaseError.

    The owner hears of some of it: their topic keeps so many frames, and other things are told there too.
    """

    def __init__(self, content: StoredContent) -> None:
        self.content, self.said, self.told = content, time.monotonic(), 0

    def __call__(self, progress: int) -> None:
        if time.monotonic() - self.said < SAID_EVERY_SECONDS:
            return
        self.said = time.monotonic()
        is_told = progress - self.told >= TOLD_EVERY_PERCENT
        clip_records.step(self.content, progress, is_told=is_told)
        self.told = progress if is_told else self.told


def _fetch(content: StoredContent, place: Path, steps: _Steps) -> tuple[Path, str]:
    """The upload as a file here, and its SHA-256."""
    source = content.renditions.filter(name=Rendition.Name.SOURCE).first()
    if source is None:
        raise LostLeaseError
    path, digest, size = place / "source", hashlib.sha256(), 0
    with path.open("wb") as file:
        for piece in storage_of(source.storage).read(source.key):
            size += len(piece)
            if size > source.size:
                raise Unprocessable("This file was changed after it was confirmed. Please send it again.")
            digest.update(piece)
            file.write(piece)
            steps(_between(0, FETCHED, size * 100 // source.size))
    return path, digest.hexdigest()


def _renditions(content: StoredContent, made: Converted, picture: Picture | None) -> list[tuple[Rendition, Path]]:
    """The rows of what is kept, not yet in the database, and their files here."""
    seen_by = content.assets.values_list("visibility", flat=True)
    visibility = Visibility.PRIVATE if Visibility.PRIVATE in seen_by else Visibility.PUBLIC
    original = Rendition(
        content_id=content.pk,
        name=Rendition.Name.ORIGINAL,
        storage=default_name(visibility),
        key=file_key(content.pk, Rendition.Name.ORIGINAL, made.path.suffix.removeprefix(".")),
        mime_type=made.mime_type,
        size=made.path.stat().st_size,
        width=made.clip.width,
        height=made.clip.height,
        sha256=_sha256(made.path),
    )
    rows = [(original, made.path)]
    for drawn in picture.files if picture else ():
        name = Rendition.Name.POSTER if drawn.name == Rendition.Name.ORIGINAL else drawn.name
        rows.append((rendition_of(content.pk, replace(drawn, name=name), visibility), drawn.path))
    return rows


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _between(first: int, last: int, percent: int) -> int:
    return first + (last - first) * percent // 100


# --- the sweep --------------------------------------------------------------------------------------------------------


def work_off() -> int:
    """Has abandoned clips taken over and forgotten ones begun, and removes what killed tries left in the folder here.

    Returns how many clips and folders that were. Safe to run at any time.
    """
    now = timezone.now()
    idle = Q(lease_until__lt=now) | Q(lease_until=None, updated_at__lt=now - NUDGED_AGAIN_AFTER)
    rows = StoredContent.objects.filter(idle, status=Status.PROCESSING)
    found = list(rows.order_by("created_at").values_list("pk", flat=True)[:100])
    rows.filter(pk__in=found).update(lease_until=None, updated_at=now)  # not nudged again at once
    for content_id in found:
        nudge(content_id)
    return len(found) + _remove_unwanted()


def _remove_unwanted() -> int:
    if not folder().is_dir():
        return 0
    there = {path.name: path for path in folder().iterdir() if FOLDER_NAME.fullmatch(path.name)}
    live = StoredContent.objects.filter(status=Status.PROCESSING, lease_until__gte=timezone.now())
    wanted = {f"{pk.hex}-{attempts}" for pk, attempts in live.values_list("pk", "attempts")}
    return _remove(path for name, path in there.items() if name not in wanted)


def _remove(paths: Iterable[Path]) -> int:
    found = list(paths)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return len(found)
