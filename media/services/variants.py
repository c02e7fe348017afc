"""Smaller copies of a picture that are not there yet: made once, however many ask for them at the same moment."""

import tempfile
import uuid
from pathlib import Path

from django.conf import settings
from django.db import transaction

from media import drawing, limits
from media.models import Rendition, StoredContent
from media.services import quota, strays
from media.services.intake import file_key
from media.storages import storage_of

SIDES = {"medium": 1024, "small": 512, "thumbnail": 256}


def wanted_name(content: StoredContent, variant: str) -> str:
    """The rendition that shows `variant`: where the picture is smaller than it, that is the original."""
    side = SIDES.get(variant)
    if side is None or max(content.width or 0, content.height or 0) <= side:
        return Rendition.Name.ORIGINAL
    return variant


def make(content_id: uuid.UUID, name: str) -> Rendition | None:
    """The rendition `name` of a picture, made from its original if it is missing. None where there is no original.

    Whoever comes second waits for the first, by the lock of the content's row. Raises as `drawing.draw`, StorageError.
    """
    original = Rendition.objects.filter(content_id=content_id, name=Rendition.Name.ORIGINAL).first()
    if original is None:
        return None
    file = (original.storage, file_key(content_id, name, settings.IMAGE_FORMAT))
    strays.announce([file])
    try:
        with transaction.atomic():
            content = StoredContent.objects.select_for_update().filter(pk=content_id).first()
            made = content.renditions.filter(name=name).first() if content else None
            if content and not made:
                return _make(content, original, name, file)
            strays.discard([file])
            return made
    except BaseException:
        strays.discard_quietly([file])
        raise


def _make(content: StoredContent, original: Rendition, name: str, file: strays.FileName) -> Rendition:
    with tempfile.TemporaryDirectory(prefix=limits.TEMPORARY) as folder:
        source = Path(folder, "source")
        storage_of(original.storage).fetch(original.key, source)
        (drawn,) = drawing.draw(source, Path(folder), names=[name]).files
        storage_of(file[0]).put(file[1], drawn.path, drawn.mime_type)
    strays.claim([file])
    quota.give_back(content.organization_id, -drawn.size)  # a copy of our own making is never refused
    content.stored_bytes += drawn.size
    content.save(update_fields=["stored_bytes", "updated_at"])
    return Rendition.objects.create(
        content=content,
        name=name,
        storage=file[0],
        key=file[1],
        mime_type=drawn.mime_type,
        size=drawn.size,
        width=drawn.width,
        height=drawn.height,
        sha256=drawn.sha256,
    )
