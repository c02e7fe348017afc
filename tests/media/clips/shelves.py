"""What tests of clips ask of the rows and of the storage."""

from pathlib import Path

from django.utils import timezone

from media.models import Rendition, StorageUse, StoredContent, StrayFile
from media.services import clips, strays


def content_of(asset):
    return StoredContent.objects.get(pk=asset.content_id)


def stored(site):
    """Keys of all files in the storage."""
    root = Path(site.MEDIA_ROOT)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def wanted():
    return sorted(Rendition.objects.values_list("key", flat=True))


def used(person):
    return StorageUse.objects.get(organization_id=person.organization_id).used_bytes


def settle(site):
    """After the sweep there is every file that a row wants, and no other."""
    StrayFile.objects.update(due_at=timezone.now())
    strays.delete_due()
    assert stored(site) == wanted()
    assert not StrayFile.objects.exists()
    assert not list(clips.folder().glob("*"))
    for use in StorageUse.objects.all():
        contents = StoredContent.objects.filter(organization_id=use.organization_id)
        assert use.used_bytes == sum(contents.values_list("stored_bytes", flat=True))
