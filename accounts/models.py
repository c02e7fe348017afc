"""People, their organisations, and their sign-in sessions."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.indexes import OpClass
from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import names, registry
from common.models import BaseModel


class Role(models.TextChoices):
    MEMBER = "member"
    CREATOR = "creator"
    MODERATOR = "moderator"
    SUPPORT = "support"
    FINANCE = "finance"
    ADMIN = "admin"


STAFF_ROLES = (Role.MODERATOR, Role.SUPPORT, Role.FINANCE, Role.ADMIN)


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
        registry.account_created(user, organization)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"role": Role.ADMIN, "email_verified": True} | fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """By address, in any case of letters. Raises User.DoesNotExist."""
        return self._by_email(username).get()

    async def aget_by_natural_key(self, username: str | None) -> "User":
        return await self._by_email(username).aget()

    def _by_email(self, email: str | None) -> "models.QuerySet[User]":
        # the database lowers both sides, so that its idea of letters is the only one
        return self.alias(lowered=Lower("email")).filter(lowered=Lower(Value((email or "").strip())))


class User(BaseModel, AbstractBaseUser, PermissionsMixin):
    """A person. `banned_until` is moderation's to write; a deleted person is hidden and can't sign in."""

    email = models.EmailField()
    email_verified = models.BooleanField(default=False)
    username = models.CharField(max_length=30, unique=True)
    display_name = models.CharField(max_length=80, blank=True)
    bio = models.TextField(max_length=2000, blank=True)
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
    last_seen_at = models.DateTimeField(null=True, blank=True)
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
        ]
        # the operators' search by the beginning of an address, which an index in the language's order can't serve
        indexes = [
            models.Index(OpClass(Lower("email"), name="text_pattern_ops"), name="user_email_prefix"),
            # the operators' filter by a role that few have
            models.Index(fields=["role", "id"], condition=~Q(role=Role.MEMBER), name="user_role"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_banned(self) -> bool:
        return self.banned_until is not None and self.banned_until > timezone.now()


class Organization(BaseModel):
    """Whoever pays: a person's own (personal, one member) or a team."""

    name = models.CharField(max_length=80)
    personal = models.BooleanField(default=False, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    class Meta:
        # what Membership's foreign key over both columns refers to (see the migration)
        constraints = [models.UniqueConstraint(fields=["id", "personal"], name="organization_personal_key")]
        indexes = [models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="organization_name_prefix")]

    def __str__(self) -> str:
        return self.name


class Membership(BaseModel):
    """A person in an organisation. `personal` repeats the organisation's, held equal by the database."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)
    personal = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(personal=True), name="membership_one_personal"),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(personal=True), name="membership_personal_is_alone"
            ),
            models.CheckConstraint(condition=Q(personal=False) | Q(role="owner"), name="membership_personal_is_owned"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id} ({self.role})"


class AuthSession(BaseModel):
    """One sign-in, from a device: by tokens, or by the web's cookie. It lives until it is ended or expires."""

    class Kind(models.TextChoices):
        TOKEN = "token"  # noqa: S105
        WEB = "web"

    class EndReason(models.TextChoices):
        SIGN_OUT = "signout"
        REUSE = "reuse", "refresh token used twice"
        BAN = "ban"
        DELETION = "deletion", "account deleted"
        PASSWORD = "password", "password changed"
        ROLE = "role", "role changed"
        STAFF = "staff", "ended by staff"

    user = models.ForeignKey(User, models.CASCADE, related_name="auth_sessions")
    kind = models.CharField(max_length=8, choices=Kind)
    refresh_jti = models.CharField(max_length=32, null=True, help_text="the id of the one refresh token that is valid")
    user_agent = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True)
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="web", refresh_jti=None) | Q(kind="token", refresh_jti__isnull=False),
                name="auth_session_refresh_by_kind",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="") | (Q(ended_at__isnull=False) & ~Q(end_reason="")),
                name="auth_session_end_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(ended_at=None), name="auth_session_live"),
            models.Index(fields=["expires_at"], name="auth_session_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} session {self.id}"
