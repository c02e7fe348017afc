"""People, whom they keep out, and whom they like to find again."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.contrib.postgres.indexes import OpClass
from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import names, registry
from accounts.models.organizations import Membership, Organization
from common.models import BaseModel


class Role(models.TextChoices):
    MEMBER = "member"
    CREATOR = "creator"
    MODERATOR = "moderator"
    SUPPORT = "support"
    FINANCE = "finance"
    ADMIN = "admin"


STAFF_ROLES = (Role.MODERATOR, Role.SUPPORT, Role.FINANCE, Role.ADMIN)


def join_staff_group(user: "User") -> None:
    """A person is in the group named after their staff role, and in no other (see `config.staff`)."""
    user.groups.set(Group.objects.filter(name=user.role) if user.role in STAFF_ROLES else [])


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A whole account, as `create_account` makes it. Without a password nobody can sign in with one.

        Checks nothing (see `services.sign_up`). Raises IntegrityError where the address or the username is taken.
        """
        user = self.model(email=self.normalize_email(email.strip()), **fields)
        user.is_superuser = user.role == Role.ADMIN
        user.set_password(password)
        return self.create_account(user)

    @transaction.atomic
    def create_account(self, user: "User") -> "User":
        """Saves the person, makes the personal organisation, and lets other apps give what a new account gets."""
        user.username = user.username or names.stand_in_username(user.pk)
        user.save(force_insert=True)
        organization = Organization.objects.create(name=user.display_name or user.username, personal=True)
        Membership.objects.create(user=user, organization=organization, role=Membership.Role.OWNER, personal=True)
        from allauth.account.models import EmailAddress  # its tables refer to this module's

        EmailAddress.objects.create(user=user, email=user.email.lower(), primary=True, verified=user.email_verified)
        if user.role in STAFF_ROLES:
            join_staff_group(user)
        registry.account_created(user, organization)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"role": Role.ADMIN, "email_verified": True} | fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """By address, in any case of letters. Raises User.DoesNotExist."""
        return self.by_email(username).get()

    async def aget_by_natural_key(self, username: str | None) -> "User":
        return await self.by_email(username).aget()

    def by_email(self, email: str | None) -> "models.QuerySet[User]":
        """Whoever has this address, in any case of letters: one person or nobody."""
        # the database lowers both sides, so that its idea of letters is the only one
        return self.alias(lowered=Lower("email")).filter(lowered=Lower(Value((email or "").strip())))


class User(BaseModel, AbstractBaseUser, PermissionsMixin):
    """A person. `banned_until` is moderation's to write.

    Someone who left (`deleted_at`) is hidden; signing in brings them back until they are anonymised for good.
    """

    email = models.EmailField()
    email_verified = models.BooleanField(default=False)
    username = models.CharField(max_length=30, unique=True)
    display_name = models.CharField(max_length=80, blank=True)
    bio = models.TextField(max_length=2000, blank=True)
    avatar = models.CharField(max_length=200, blank=True, help_text="its key in the media storage")
    locale = models.CharField(max_length=16, default="en")
    timezone = models.CharField(max_length=64, default="UTC")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    is_staff = models.GeneratedField(
        expression=Q(role__in=STAFF_ROLES),  # type: ignore[arg-type]  # the stubs forget that Q is one
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_active = models.BooleanField(default=True)
    banned_until = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    anonymised_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    utm = models.JSONField(default=dict, blank=True)
    last_login = None  # `last_seen_at` says it, for every kind of sign-in

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="user_email_once", violation_error_message="This address has an account already."
            ),
            models.CheckConstraint(condition=Q(username__regex=names.SHAPE_SQL), name="user_username_shape"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
            models.CheckConstraint(
                condition=Q(anonymised_at=None) | Q(deleted_at__isnull=False), name="user_anonymised_is_deleted"
            ),
        ]
        # the operators' search by the beginning of an address, which an index in the language's order can't serve
        indexes = [
            models.Index(OpClass(Lower("email"), name="text_pattern_ops"), name="user_email_prefix"),
            # the operators' filter by a role that few have
            models.Index(fields=["role", "id"], condition=~Q(role=Role.MEMBER), name="user_role"),
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False, anonymised_at=None),
                name="user_to_anonymise",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_banned(self) -> bool:
        return self.banned_until is not None and self.banned_until > timezone.now()


class FormerUsername(BaseModel):
    """A name that somebody gave up (`created_at`). For a while it is nobody else's, so that no one passes for them."""

    user = models.ForeignKey(User, models.CASCADE, related_name="former_usernames")
    username = models.CharField(max_length=30, unique=True)

    def __str__(self) -> str:
        return self.username


class Block(BaseModel):
    """`user` wants nothing of `blocked`. It holds in both directions (see `accounts.viewers`)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="blocks", db_index=False)
    blocked = models.ForeignKey(User, models.CASCADE, related_name="blocked_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "blocked"], name="block_once"),
            models.CheckConstraint(condition=~Q(user=models.F("blocked")), name="block_not_oneself"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} blocks {self.blocked_id}"


class Favourite(BaseModel):
    """Something a person wants to find again. What it is, its own app knows (`accounts.registry`)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="favourites", db_index=False)
    target_type = models.CharField(max_length=20)
    target_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "target_type", "target_id"], name="favourite_once"),
        ]
        indexes = [models.Index(fields=["target_type", "target_id"], name="favourite_target")]

    def __str__(self) -> str:
        return f"{self.target_type} {self.target_id}"


class Consent(BaseModel):
    """What a person agreed to, in which version and when: the newest row of a purpose is the one that holds."""

    class Purpose(models.TextChoices):
        TERMS = "terms"
        PRIVACY = "privacy"
        MARKETING = "marketing"

    user = models.ForeignKey(User, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=16, choices=Purpose)
    version = models.CharField(max_length=32)
    given = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["user", "purpose", "-id"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version}: {self.given}"
