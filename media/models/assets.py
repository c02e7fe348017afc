"""What people have made of stored files, and what they are about to send."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.models import BaseModel
from media.models.files import StoredContent


class Purpose(models.TextChoices):
    AVATAR = "avatar"
    CHARACTER = "character"
    CHAT = "chat"
    GENERATION = "generation"
    CONTENT = "content"
    EVENT_COVER = "event_cover"
    OTHER = "other"


class Visibility(models.TextChoices):
    PUBLIC = "public"
    PRIVATE = "private"


ALWAYS_PRIVATE = (Purpose.CHAT, Purpose.CONTENT)


class Asset(BaseModel):
    """A use of a stored file: under an address of its own, for one purpose, seen by all or by few."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assets")
    organization = models.ForeignKey("accounts.Organization", models.PROTECT, related_name="+")
    content = models.ForeignKey(StoredContent, models.PROTECT, related_name="assets")
    key = models.CharField(max_length=80, unique=True)
    purpose = models.CharField(max_length=12, choices=Purpose)
    visibility = models.CharField(max_length=8, choices=Visibility)
    filename = models.CharField(max_length=200, blank=True, help_text="as its owner called it; only ever shown")
    taken_down_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(purpose__in=ALWAYS_PRIVATE) | Q(visibility="private"), name="asset_private_purposes"
            ),
        ]
        indexes = [
            models.Index(fields=["content", "purpose", "visibility"], name="asset_same_use"),
            models.Index(fields=["owner", "-id"], name="asset_of_owner"),
            models.Index(fields=["organization", "-id"], name="asset_of_organization"),
        ]

    def __str__(self) -> str:
        return self.key


class Upload(BaseModel):
    """An upload that was asked for: where its bytes may be put until then, and what they must be.

    `key` is that of the asset it becomes; the bytes wait under `incoming/<id>` of `storage`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads")
    organization = models.ForeignKey("accounts.Organization", models.PROTECT, related_name="+")
    key = models.CharField(max_length=80, unique=True)
    storage = models.CharField(max_length=8)
    filename = models.CharField(max_length=200)
    content_type = models.CharField(max_length=60)
    size = models.PositiveBigIntegerField()
    purpose = models.CharField(max_length=12, choices=Purpose)
    visibility = models.CharField(max_length=8, choices=Visibility)
    expires_at = models.DateTimeField()
    asset = models.ForeignKey(Asset, models.SET_NULL, null=True, related_name="uploads")
    confirmed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a call that confirms it has until then")

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_expiry")]

    @property
    def incoming_key(self) -> str:
        return f"incoming/{self.pk}"

    def __str__(self) -> str:
        return self.key
