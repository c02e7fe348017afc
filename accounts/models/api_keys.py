"""Keys of programs that call on behalf of a person or an organisation."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models.organizations import Organization
from common.models import BaseModel


class Scope(models.TextChoices):
    CHAT = "chat"
    IMAGES = "images"
    SPEND = "spend"


class ApiKey(BaseModel):
    """The key itself is shown once; the row keeps its hash, and its beginning so that people can tell keys apart.

    It acts as `user` (who made it) and pays from `organization`; a personal key's is the personal one. It ends with the
    membership.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="api_key_may_do_something")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
