"""A person's copy of their own data."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.models import BaseModel


class DataExport(BaseModel):
    """One request for a copy: made by a job, fetched by a link from a mail, gone after its time."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="data_exports")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    progress = models.PositiveSmallIntegerField(default=0, help_text="per cent")
    attempts = models.PositiveSmallIntegerField(default=0)
    file = models.CharField(max_length=200, blank=True, help_text="its name in the folder of exports")
    size = models.PositiveBigIntegerField(null=True, help_text="bytes")
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a job that has not moved by then is taken over")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(status__in=["pending", "running"]), name="data_export_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(ready_at__isnull=False, expires_at__isnull=False),
                name="data_export_ready_has_an_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["status", "lease_until"],
                condition=Q(status__in=["pending", "running"]),
                name="data_export_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"export of {self.user_id} ({self.status})"
