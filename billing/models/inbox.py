"""What providers tell us: stored first, answered at once, worked off by a job."""

from django.db import models
from django.db.models import Q

from common.models import BaseModel


class WebhookEvent(BaseModel):
    """One notification, as it came. `about` is what it concerns: `[[what, id], …]` (`billing.providers.base.About`)."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    provider = models.CharField(max_length=16)
    event_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=120)
    about = models.JSONField(default=list)
    body = models.TextField()
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, help_text="when it is due, or until when somebody works on it")
    repeats = models.PositiveIntegerField(default=0, help_text="how often it came again")
    error = models.TextField(blank=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_once")]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(status="waiting"), name="webhook_event_due"),
            models.Index(fields=["created_at"], condition=~Q(status="done"), name="webhook_event_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.provider} ({self.status})"
