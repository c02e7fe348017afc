"""What stands in a storage, and what must leave it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from common.models import BaseModel


class Family(models.TextChoices):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class StoredContent(BaseModel):
    """One picture or clip of one person, stored once however often they sent it.

    `sha256` is that of what was sent; a clip has none until its job has read it. `shape` parts a picture cut to a
    square from the same picture whole, and, where public files go to a storage that all can read, the private from the
    public. While a clip is worked on, its one rendition is the `source`, which nobody sees.
    """

    class Status(models.TextChoices):
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="stored_contents")
    organization = models.ForeignKey("accounts.Organization", models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)
    shape = models.CharField(max_length=16, blank=True, help_text="square, private, both, or nothing")
    family = models.CharField(max_length=8, choices=Family)
    status = models.CharField(max_length=10, choices=Status, default=Status.READY)
    progress = models.PositiveSmallIntegerField(default=100)
    error = models.CharField(max_length=200, blank=True, help_text="what its owner is told")
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    duration = models.FloatField(null=True, help_text="seconds")
    animated = models.BooleanField(default=False)
    blurhash = models.CharField(max_length=64, blank=True)
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="of all renditions, as the quota counts them")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, help_text="a worker that has said nothing by then is taken for dead")

    class Meta:
        verbose_name = "stored file"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "sha256", "shape"], condition=~Q(sha256=""), name="content_once_per_owner"
            ),
            models.CheckConstraint(
                condition=Q(status="processing") | Q(lease_until=None), name="content_lease_while_processing"
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="content_progress_percent"),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="content_sha256", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["created_at"], condition=Q(status="processing"), name="content_processing"),
        ]

    def __str__(self) -> str:
        return f"{self.family} {self.id}"


class Rendition(BaseModel):
    """One file of a content: the original as we keep it, a smaller variant, a clip's poster, or its source."""

    class Name(models.TextChoices):
        ORIGINAL = "original"
        MEDIUM = "medium"
        SMALL = "small"
        THUMBNAIL = "thumbnail"
        POSTER = "poster"
        SOURCE = "source"

    content = models.ForeignKey(StoredContent, models.CASCADE, related_name="renditions")
    name = models.CharField(max_length=10, choices=Name)
    storage = models.CharField(max_length=8)
    key = models.CharField(max_length=200)
    mime_type = models.CharField(max_length=60)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["content", "name"], name="rendition_once"),
            models.UniqueConstraint(fields=["storage", "key"], name="rendition_file_once"),
        ]
        indexes = [models.Index(fields=["sha256"], name="rendition_sha256", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return f"{self.name} of {self.content_id}"


class StrayFile(BaseModel):
    """A file that no row wants: not yet, while it is being stored, or not any more. The sweep deletes it when due."""

    storage = models.CharField(max_length=8)
    key = models.CharField(max_length=200)
    due_at = models.DateTimeField(default=now)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storage", "key"], name="stray_file_once")]
        indexes = [models.Index(fields=["due_at"], name="stray_file_due")]

    def __str__(self) -> str:
        return f"{self.storage}:{self.key}"
