"""How much of a storage an organisation fills."""

from django.db import models
from django.db.models import Q

from common.models import BaseModel


class StorageUse(BaseModel):
    """The bytes of all stored contents of an organisation, kept by the same transactions that make and delete them."""

    organization = models.OneToOneField("accounts.Organization", models.CASCADE, related_name="storage_use")
    used_bytes = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "storage use"
        verbose_name_plural = "storage use"
        constraints = [models.CheckConstraint(condition=Q(used_bytes__gte=0), name="storage_use_not_negative")]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.used_bytes} bytes"
