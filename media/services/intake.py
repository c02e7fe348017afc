"""One way in for every picture, however it came: looked at, scanned, drawn anew, stored once, counted."""

import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.db import IntegrityError, transaction

from accounts.models import Organization
from common.errors import Conflict, NotFound, UnsupportedMediaType, ValidationProblem
from common.models import new_id
from media import drawing, limits, scanning, timing
from media.drawing import Drawn, Picture
from media.formats import Format, format_of
from media.models import Asset, Purpose, Rendition, StoredContent, Visibility
from media.models.assets import ALWAYS_PRIVATE
from media.receiving import Received
from media.services import quota, strays, takedowns
from media.services.away import told_when_away
from media.storages import default_name, storage_of

SQUARE = "square"
HEAD_BYTES = 4096
TRIES = 3


@dataclass(frozen=True)
class Use:
    """Whose a file is, who pays for its place, what it is for, who sees it, and under which key it will stand."""

    owner_id: uuid.UUID
    organization_id: uuid.UUID
    purpose: str
    visibility: str
    key: str

    @property
    def is_square(self) -> bool:
        return self.purpose == Purpose.AVATAR

    @property
    def shape(self) -> str:
        """What parts it from another content of the same bytes."""
        is_apart = default_name(self.visibility) != default_name(Visibility.PUBLIC)
        return " ".join([SQUARE] * self.is_square + [Visibility.PRIVATE.value] * is_apart)


def use(
    *,
    owner_id: uuid.UUID,
    organization_id: uuid.UUID,
    purpose: str = Purpose.OTHER,
    visibility: str | None = None,
) -> Use:
    """A new use. What is for chat or paid content is private, other things are public unless it is said.

    Raises ValidationProblem for a public file of a private purpose, NotFound for an organisation that is not theirs.
    """
    if purpose in ALWAYS_PRIVATE and visibility == Visibility.PUBLIC:
        raise ValidationProblem(errors={"visibility": ["Files for this purpose are always private."]})
    seen_by = Visibility.PRIVATE if purpose in ALWAYS_PRIVATE else visibility or Visibility.PUBLIC
    theirs = Organization.objects.filter(pk=organization_id, memberships__user_id=owner_id, deleted_at=None)
    if not theirs.exists():
        raise NotFound("There is no such organisation.")
    return Use(owner_id, organization_id, purpose, seen_by, f"{purpose}/{new_id()}")


def checked_format(path: Path) -> Format:
    """What the file is by its own first bytes. Raises UnsupportedMediaType."""
    with path.open("rb") as file:
        found = format_of(file.read(HEAD_BYTES))
    if found is None:
        raise UnsupportedMediaType("Please send a JPEG, PNG, WebP, GIF or AVIF picture.")
    return found


@told_when_away()
def take_picture(wanted: Use, received: Received) -> Asset:
    """Makes an asset of a picture that was received; the same picture for the same use is the same asset.

    Raises UnsupportedMediaType, PayloadTooLarge, Unprocessable (broken, too many pixels; a virus or what was
    taken down `CONTENT_REJECTED`), Forbidden `STORAGE_FULL`, Unavailable (storage or scanner away).
    """
    if received.size > limits.MOST_IMAGE_BYTES:
        raise limits.too_large("image")
    if checked_format(received.path).family != "image":
        raise UnsupportedMediaType("Video and audio come by a presigned upload: POST /api/upload/presigned.")
    if asset := _again(wanted, received):
        return asset
    quota.require_room(wanted.organization_id, 1)  # how much it takes is known when it is drawn
    with timing.step("scan"):
        scanning.scan(received.path)
    with tempfile.TemporaryDirectory(prefix=limits.TEMPORARY) as folder:
        picture = _drawn(received.path, Path(folder), square=wanted.is_square)
        with timing.step("store"):
            return _store(wanted, received, picture)


def _drawn(path: Path, folder: Path, *, square: bool) -> Picture:
    began = time.perf_counter()
    picture = drawing.draw(path, folder, square=square)
    # what is neither decoding nor encoding is waiting for a decoder that is free
    timing.took("wait", time.perf_counter() - began - sum(picture.seconds.values()))
    for name, seconds in picture.seconds.items():
        timing.took(name, seconds)
    return picture


def _again(wanted: Use, received: Received) -> Asset | None:
    """A new use of what this person has stored already, if they have. Raises Unprocessable `CONTENT_REJECTED`."""
    with transaction.atomic():
        takedowns.settle(received.sha256)
        content = (
            StoredContent.objects.select_for_update(no_key=True)
            .filter(
                owner_id=wanted.owner_id, sha256=received.sha256, shape=wanted.shape, status=StoredContent.Status.READY
            )
            .first()
        )
        return attach(wanted, content, received.filename) if content else None


def attach(wanted: Use, content: StoredContent, filename: str) -> Asset:
    """The asset of this use of a content, which its caller has locked: the one there is, or a new one."""
    same = content.assets.filter(purpose=wanted.purpose, visibility=wanted.visibility)
    return same.first() or Asset.objects.create(
        owner_id=wanted.owner_id,
        organization_id=wanted.organization_id,
        content=content,
        key=wanted.key,
        purpose=wanted.purpose,
        visibility=wanted.visibility,
        filename=filename,
    )


def _store(wanted: Use, received: Received, picture: Picture) -> Asset:
    for _ in range(TRIES):
        try:
            return _store_once(wanted, received, picture)
        except IntegrityError:  # the same picture came twice at once, and the other was faster
            if asset := _again(wanted, received):
                return asset
            # and was deleted again already
    raise Conflict("This picture is stored and deleted at the same time. Please send it again.", retry_after=1)


def _store_once(wanted: Use, received: Received, picture: Picture) -> Asset:
    content_id = new_id()
    renditions = [rendition_of(content_id, drawn, wanted.visibility) for drawn in picture.files]
    files = [(row.storage, row.key) for row in renditions]
    strays.announce(files)
    try:
        for row, drawn in zip(renditions, picture.files, strict=True):
            storage_of(row.storage).put(row.key, drawn.path, drawn.mime_type)
        return _record(wanted, received, picture, content_id, renditions)
    except BaseException:
        strays.discard_quietly(files)
        raise


def rendition_of(content_id: uuid.UUID, drawn: Drawn, visibility: str) -> Rendition:
    """The row of a file that was drawn, under a name that no other file will ever have."""
    return Rendition(
        content_id=content_id,
        name=drawn.name,
        storage=default_name(visibility),
        key=file_key(content_id, drawn.name, drawn.mime_type.rpartition("/")[2]),
        mime_type=drawn.mime_type,
        size=drawn.size,
        width=drawn.width,
        height=drawn.height,
        sha256=drawn.sha256,
    )


def file_key(content_id: uuid.UUID, name: str, extension: str) -> str:
    return f"files/{content_id.hex[-2:]}/{content_id}/{new_id().hex[-12:]}-{name}.{extension}"


@transaction.atomic
def _record(
    wanted: Use, received: Received, picture: Picture, content_id: uuid.UUID, renditions: list[Rendition]
) -> Asset:
    takedowns.settle(received.sha256)
    size = sum(row.size for row in renditions)
    quota.count(wanted.organization_id, size)
    content = StoredContent.objects.create(
        id=content_id,
        owner_id=wanted.owner_id,
        organization_id=wanted.organization_id,
        sha256=received.sha256,
        shape=wanted.shape,
        family="image",
        width=picture.width,
        height=picture.height,
        animated=picture.animated,
        blurhash=picture.blurhash,
        stored_bytes=size,
    )
    Rendition.objects.bulk_create(renditions)
    strays.claim((row.storage, row.key) for row in renditions)
    return attach(wanted, content, received.filename)
