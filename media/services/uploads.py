"""Uploads past us: straight to the storage under a signed address, looked at when their sender says they are there."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from common.errors import Conflict, Gone, NotFound, Unprocessable, UnsupportedMediaType, ValidationProblem
from media import limits, links
from media.formats import MIME_TYPES, format_of
from media.models import Asset, Rendition, Upload, Visibility
from media.receiving import Received, received, shown_name
from media.services import clips, quota, strays
from media.services.away import told_when_away
from media.services.intake import HEAD_BYTES, Use, take_picture
from media.storages import SignedPut, default_name, storage_of

CONFIRM_AT_MOST = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(days=1)
AT_ONCE = 500
GRACE = timedelta(hours=1)  # for who began in time and is slow


@dataclass(frozen=True)
class Invitation:
    """Where a file may be put, and how."""

    upload: Upload
    put: SignedPut


@told_when_away()
def begin(*, wanted: Use, filename: str, content_type: str, size: int) -> Invitation:
    """Writes down what is to come and signs an address for it, good for an hour.

    Raises UnsupportedMediaType, PayloadTooLarge, ValidationProblem, Forbidden `STORAGE_FULL`.
    """
    family = MIME_TYPES.get(content_type.partition(";")[0].strip().lower())
    if family is None or not (content_type.isascii() and content_type.isprintable()):
        raise UnsupportedMediaType(f"Send one of: {', '.join(sorted(MIME_TYPES))}.")
    if size > limits.most_bytes(family):
        raise limits.too_large(family)
    # how much a picture takes is known when it is drawn
    quota.require_room(wanted.organization_id, 1 if family == "image" else size)
    upload = Upload(
        owner_id=wanted.owner_id,
        organization_id=wanted.organization_id,
        key=wanted.key,
        storage=default_name(Visibility.PRIVATE),  # as it comes it is nobody's to see, whatever becomes of it
        filename=shown_name(filename),
        content_type=content_type,
        size=size,
        purpose=wanted.purpose,
        visibility=wanted.visibility,
        expires_at=timezone.now() + timedelta(seconds=settings.S3_UPLOAD_EXPIRATION),
    )
    with transaction.atomic():
        upload.save(force_insert=True)
        # whatever is put there is gone in the end, unless it is confirmed in time
        strays.announce([(upload.storage, upload.incoming_key)], lasting=_seconds(upload) + GRACE)
    return Invitation(upload, _signed(upload))


def _seconds(upload: Upload) -> timedelta:
    return upload.expires_at - timezone.now()


def _signed(upload: Upload) -> SignedPut:
    seconds = int(_seconds(upload).total_seconds())
    signed = storage_of(upload.storage).signed_put(
        upload.incoming_key, content_type=upload.content_type, size=upload.size, seconds=seconds
    )
    if signed:
        return signed
    expires = int(upload.expires_at.timestamp())
    sign = links.signature("upload", str(upload.pk), expires)
    url = f"{settings.PUBLIC_URL}/api/upload/local/{upload.pk}?expires={expires}&signature={sign}"
    return SignedPut(url, "PUT", {"Content-Type": upload.content_type})


@told_when_away()
def receive_local(*, upload_id: uuid.UUID, content_type: str, pieces: Iterable[bytes]) -> None:
    """Our own end of a signed address, where the storage has none. What was put there before is replaced.

    Raises NotFound, Gone when it is too late or confirmed, Conflict while it is being confirmed, ValidationProblem for
    another type or size.
    """
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is None:
        raise NotFound
    _require_open(upload)
    if content_type != upload.content_type:
        raise ValidationProblem(errors={"content_type": [f"This address takes {upload.content_type} alone."]})
    with received(_at_most(upload.size, pieces), most=upload.size) as file:
        if file.size != upload.size:
            raise _another_size(upload.size, str(file.size))
        _keep(upload, file)


def _at_most(size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise _another_size(size, "more")
        yield piece


def _another_size(announced: int, came: str) -> ValidationProblem:
    return ValidationProblem(errors={"size": [f"{announced} bytes were announced, {came} came."]})


def _keep(upload: Upload, file: Received) -> None:
    """Puts it there while nobody confirms it: what came after that would be nobody's."""
    held = _claimed(upload.owner_id, upload.key)
    if held.asset:
        raise _done()
    try:
        storage_of(held.storage).put(held.incoming_key, file.path, held.content_type)
    finally:
        _release(held)


def _release(upload: Upload) -> None:
    """Unless it took so long that somebody else has it now."""
    Upload.objects.filter(pk=upload.pk, lease_until=upload.lease_until).update(lease_until=None)


@told_when_away()
def confirm(*, owner_id: uuid.UUID, key: str) -> Asset:
    """Makes the asset of an upload that has arrived; a repeat gives the same one. A clip is worked on afterwards.

    Raises NotFound, Gone, Conflict while nothing has arrived or another call confirms it, ValidationProblem where it
    is not what was announced, and as `take_picture`. What was refused for what it is can't be confirmed once more.
    """
    upload = _claimed(owner_id, key)
    if upload.asset:
        return upload.asset
    try:
        _require_arrived(upload)
        return _made(upload)
    except FileNotFoundError as error:  # swept meanwhile
        raise _nothing_there() from error
    except (Unprocessable, UnsupportedMediaType):
        _close(upload)
        raise
    finally:
        _release(upload)


@transaction.atomic
def _close(upload: Upload) -> None:
    """Whoever confirmed it again would only have it read and decoded again."""
    Upload.objects.filter(pk=upload.pk, asset=None).update(confirmed_at=timezone.now())
    strays.discard([(upload.storage, upload.incoming_key)])


@transaction.atomic
def _claimed(owner_id: uuid.UUID, key: str) -> Upload:
    rows = Upload.objects.select_for_update(of=("self",)).select_related("asset__content")
    upload = rows.filter(owner_id=owner_id, key=key).first()
    if upload is None:
        raise NotFound
    if upload.asset:
        return upload
    _require_open(upload)
    now = timezone.now()
    if upload.lease_until and upload.lease_until > now:
        raise Conflict("Another call is at work on this upload.", retry_after=1)
    upload.lease_until = now + CONFIRM_AT_MOST
    upload.save(update_fields=["lease_until", "updated_at"])
    return upload


def _require_open(upload: Upload) -> None:
    if upload.confirmed_at:
        raise _done()
    if upload.expires_at + GRACE < timezone.now():
        raise Gone("This upload took too long. Please begin again.")


def _done() -> Gone:
    return Gone("This upload is done already.")


def _nothing_there() -> Conflict:
    return Conflict("Nothing has arrived there yet. Send the file first.", retry_after=1)


def _require_arrived(upload: Upload) -> None:
    stat = storage_of(upload.storage).stat(upload.incoming_key)
    if stat is None:
        raise _nothing_there()
    if stat.size != upload.size:
        raise _another_size(upload.size, str(stat.size))


def _made(upload: Upload) -> Asset:
    wanted = Use(upload.owner_id, upload.organization_id, upload.purpose, upload.visibility, upload.key)
    storage = storage_of(upload.storage)
    head = b"".join(storage.read(upload.incoming_key, 0, HEAD_BYTES - 1))
    found = format_of(head)
    announced = MIME_TYPES[upload.content_type.partition(";")[0].strip().lower()]
    # whether an MP4 has pictures or sound alone, only looking into it will tell
    if found is None or (found.family == "image") != (announced == "image"):
        raise UnsupportedMediaType(f"This is not the {announced} that was announced.")
    if found.family != "image":
        with transaction.atomic():  # together: once the work has begun, what has arrived is soon gone
            return _finish(upload, clips.begin(wanted, upload, found))
    pieces = storage.read(upload.incoming_key)
    with received(pieces, most=limits.MOST_IMAGE_BYTES, filename=upload.filename) as file:
        return _finish(upload, take_picture(wanted, file))


@transaction.atomic
def _finish(upload: Upload, asset: Asset) -> Asset:
    if not Asset.objects.select_for_update(of=("self",), no_key=True).filter(pk=asset.pk).exists():
        raise Gone("This file was deleted meanwhile.")
    Upload.objects.filter(pk=upload.pk).update(asset=asset, confirmed_at=timezone.now())
    if asset.content.family == "image":
        strays.discard([(upload.storage, upload.incoming_key)])
    return asset


def forget_old() -> int:
    """Deletes rows that nobody can use any more; returns how many.

    A signed address may have been used once more after all was done, so whatever stands there now is deleted too.
    What is still a clip's source has to wait for its end.
    """
    forgotten = 0
    while found := _forget_some():
        forgotten += found
    return forgotten


@transaction.atomic
def _forget_some() -> int:
    source = Rendition.objects.filter(key=Concat(Value("incoming/"), Cast(OuterRef("pk"), CharField())))
    old = Upload.objects.select_for_update(of=("self",), skip_locked=True).filter(
        ~Exists(source), expires_at__lt=timezone.now() - FORGOTTEN_AFTER
    )
    rows = list(old[:AT_ONCE])
    strays.discard((upload.storage, upload.incoming_key) for upload in rows)
    Upload.objects.filter(pk__in=[upload.pk for upload in rows]).delete()
    return len(rows)
