"""Conversations, their messages, and the variants of a character's reply.

Every durable change of a conversation takes its next number (`Conversation.last_seq`). A message keeps the number that
made it (`seq`, its place) and that of its last change (`rev`), so a client that was away asks for what it missed.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from characters.models import Character, Persona
from common.models import BaseModel

TEXT_LIMIT = 16_000


class Conversation(BaseModel):
    class Kind(models.TextChoices):
        CHARACTER = "character"
        DIRECT = "direct"
        ROOM = "room"
        EVENT = "event"

    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=200, blank=True)
    character = models.ForeignKey(Character, models.PROTECT, null=True, blank=True, related_name="conversations")
    organization = models.ForeignKey(
        "accounts.Organization", models.PROTECT, related_name="+", help_text="who pays for the replies"
    )
    model = models.CharField(max_length=160, blank=True, help_text="`provider/name`; empty: the site's default")
    persona = models.ForeignKey(Persona, models.SET_NULL, null=True, blank=True, related_name="+")
    last_seq = models.BigIntegerField(default=0)
    last_message_at = models.DateTimeField(null=True, blank=True)
    tokens = models.PositiveIntegerField(default=0, help_text="an estimate of the whole history")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="character", character__isnull=False) | ~Q(kind="character"),
                name="conversation_has_its_character",
            ),
        ]
        indexes = [models.Index(fields=["character", "-created_at"], name="conversation_by_character")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Member(BaseModel):
    """A person in a conversation, and what is theirs alone: read up to where, archived, muted."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MODERATOR = "moderator"
        MEMBER = "member"

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="chat_memberships", db_index=False)
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    last_read_seq = models.BigIntegerField(default=0)
    archived = models.BooleanField(default=False)
    muted_until = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    # the conversation's, repeated here so that a person's list is one index scan
    last_message_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "user"], name="chat_member_once")]
        indexes = [
            models.Index(
                fields=["user", "-last_message_at", "-conversation"],
                condition=Q(left_at=None),
                name="chat_member_list",
            ),
            models.Index(fields=["user"], condition=Q(left_at__isnull=False), name="chat_member_left"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.conversation_id}"


class Status(models.TextChoices):
    PENDING = "pending"
    STREAMING = "streaming"
    COMPLETE = "complete"
    FAILED = "failed"
    STOPPED = "stopped"


IN_PROGRESS = (Status.PENDING, Status.STREAMING)


class Message(BaseModel):
    # A message is written in each index it stands in, so it stands only in those that somebody reads: a reference has
    # one of its own below, for the rows that have it.
    class AuthorKind(models.TextChoices):
        USER = "user"
        CHARACTER = "character"

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", db_index=False)
    seq = models.BigIntegerField()
    rev = models.BigIntegerField()
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", db_index=False)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", db_index=False)
    author_kind = models.CharField(max_length=10, choices=AuthorKind)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    author_character = models.ForeignKey(Character, models.PROTECT, null=True, related_name="+", db_index=False)
    text = models.TextField(help_text="of the selected variant")
    status = models.CharField(max_length=10, choices=Status, default=Status.COMPLETE)
    variant = models.PositiveIntegerField(default=0, help_text="the index of the selected variant")
    tokens = models.PositiveIntegerField(default=0)
    client_id = models.CharField(max_length=64, null=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_place_once"),
            models.UniqueConstraint(
                fields=["conversation", "client_id"],
                condition=Q(client_id__isnull=False),
                name="message_client_id_once",
            ),
            models.CheckConstraint(
                condition=Q(author_kind="user", author_user__isnull=False, author_character=None)
                | Q(author_kind="character", author_user=None, author_character__isnull=False),
                name="message_has_one_author",
            ),
            models.CheckConstraint(condition=Q(seq__gt=0, rev__gte=models.F("seq")), name="message_rev_follows_seq"),
        ]
        indexes = [
            models.Index(fields=["conversation", "rev"], name="message_changes"),
            *(
                models.Index(fields=[name], condition=Q(**{f"{name}__isnull": False}), name=f"message_{name}")
                for name in ("parent", "reply_to", "author_user", "author_character")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} #{self.seq}"


class Variant(BaseModel):
    """One wording of a character's message. While `pending` or `streaming` it is also the work item of the responder.

    A responder holds it by `lease_token` until `lease_until`; every write of the responder names its token, so that
    one whose lease was taken over changes nothing any more. `base_text` is what stood before the present run
    (`continue`), `base_index` how many deltas that was.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="variants", db_index=False)
    index = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status)
    base_text = models.TextField(blank=True)
    base_index = models.PositiveIntegerField(default=0)
    next_index = models.PositiveIntegerField(default=0)
    continuation = models.BooleanField(default=False)
    stop_requested = models.BooleanField(default=False)

    provider = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=160, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=7, default=0)
    reservation_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True, help_text="what a caller may know")
    error_private = models.TextField(blank=True, help_text="what only operators see")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "index"], name="variant_once")]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status__in=["pending", "streaming"]), name="variant_open")
        ]

    def __str__(self) -> str:
        return f"{self.message_id}/{self.index}"


class MessageTrace(BaseModel):
    """What a message said before it was edited or deleted, kept for moderators."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="traces")
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    action = models.CharField(max_length=10, choices=[("edit", "edit"), ("delete", "delete")])
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.action} of {self.message_id}"
