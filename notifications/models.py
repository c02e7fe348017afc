"""What people are told: one row for each of them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.models import BaseModel

TITLE_LENGTH, BODY_LENGTH = 200, 1000


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, user_id: uuid.UUID) -> "NotificationQuerySet":
        """Those a person has and has not deleted."""
        return self.filter(user_id=user_id, deleted_at=None)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)


class Notification(BaseModel):
    """Something a person was told, in the words they read; `actor` is whose doing it is.

    `key` makes a repeat of the same news no news. A deleted row has lost its words and stays for a while for its key.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=TITLE_LENGTH)
    body = models.TextField(max_length=BODY_LENGTH, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    reference_type = models.CharField(max_length=40, blank=True)
    reference_id = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=120, null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], condition=Q(key__isnull=False), name="notification_once"),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(read_at__isnull=False), name="notification_deleted_is_read"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], condition=Q(deleted_at=None), name="notification_list"),
            models.Index(fields=["user", "-id"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(fields=["read_at"], condition=Q(read_at__isnull=False), name="notification_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
