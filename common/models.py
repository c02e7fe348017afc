"""The base of every table: a UUIDv7 key that sorts by time, and when the row was made and last changed.

And the tables of the ground floor itself.
"""

import uuid

import uuid_utils.compat
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now


def new_id() -> uuid.UUID:
    """A UUIDv7: unique, and greater than every id made a millisecond or more before."""
    return uuid_utils.compat.uuid7()


class BaseModel(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class AuditEntry(models.Model):
    """Who did what to which row, and why. Written by `common.audit.record`, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=80)
    target_type = models.CharField(max_length=80)
    target_id = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["target_type", "target_id", "-created_at"], name="audit_target")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"


class IdempotencyKey(models.Model):
    """One use of an `Idempotency-Key`: who, which path, which body, and the answer once there is one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    caller = models.CharField(max_length=80)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "path", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.caller} {self.path} {self.key}"


class OutboxEvent(models.Model):
    """A tracked event (`common.tracking.track`), until analytics has read it. Holds no prompt and no message text."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80)
    user_id = models.UUIDField(null=True)
    properties = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class OutgoingMail(BaseModel):
    """One mail to one address. Written by `common.mail.send`; a job sends it, a sweep finds what was left lying.

    Holds what the text is made from, never the text: a link in it is a secret, made when the mail is sent.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent", "handed over"
        FAILED = "failed"
        SUPPRESSED = "suppressed"

    class Delivery(models.TextChoices):
        UNKNOWN = "", "not told"
        DEFERRED = "deferred"
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        COMPLAINED = "complained"

    to = models.EmailField()
    user_id = models.UUIDField(null=True, help_text="whose account it is about")
    kind = models.CharField(max_length=40)
    locale = models.CharField(max_length=16)
    timezone = models.CharField(max_length=64)
    context = models.JSONField(default=dict)
    link = models.JSONField(null=True, help_text="an address, or what a sealed link is made from")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=now)
    lease_until = models.DateTimeField(null=True, help_text="a worker that has said nothing by then is taken for dead")
    sent_at = models.DateTimeField(null=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.UNKNOWN, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = "mail"
        constraints = [
            models.CheckConstraint(
                condition=Q(status="sending", lease_until__isnull=False) | (~Q(status="sending") & Q(lease_until=None)),
                name="mail_lease_while_sending",
            ),
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False) | (~Q(status="sent") & Q(sent_at=None)),
                name="mail_sent_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(status="queued"), name="mail_due"),
            models.Index(fields=["lease_until"], condition=Q(status="sending"), name="mail_leased"),
            models.Index(fields=["provider_message_id"], condition=~Q(provider_message_id=""), name="mail_at_provider"),
            models.Index(
                fields=["to"], name="mail_to", opclasses=["varchar_pattern_ops"]
            ),  # its beginning is looked for
            models.Index(fields=["user_id"], condition=Q(user_id__isnull=False), name="mail_of_person"),
            models.Index(fields=["created_at"], name="mail_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class MailEvent(models.Model):
    """What the mail provider told of one mail, under the provider's own id, so that a repeat changes nothing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event_id = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20)
    mail = models.ForeignKey(OutgoingMail, models.CASCADE, null=True, related_name="events")
    provider_message_id = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    occurred_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["provider_message_id"], name="mail_event_message"),
            models.Index(fields=["created_at"], name="mail_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class MailSuppression(BaseModel):
    """An address that gets no mail from us any more, because it bounced or its owner called us spam."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced"
        COMPLAINED = "complained"

    address = models.EmailField(help_text="in lower case")
    reason = models.CharField(max_length=10, choices=Reason)
    detail = models.TextField(blank=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address"], condition=Q(lifted_at=None), name="mail_suppressed_once")
        ]
        indexes = [models.Index(fields=["address"], name="mail_suppressed", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return f"{self.reason} {self.id}"
