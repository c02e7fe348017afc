"""Organisations: who pays, who belongs to them, and who was asked to."""

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.models import BaseModel


class Organization(BaseModel):
    """Whoever pays: a person's own (personal, one member) or a team, which always has an owner."""

    name = models.CharField(max_length=80)
    personal = models.BooleanField(default=False, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="organizations")

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
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
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


class Invitation(BaseModel):
    """An address that was asked to join. Its token is in the mail alone (`common.keys`)."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Membership.Role, default=Membership.Role.MEMBER)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=~Q(role="owner"), name="invitation_never_to_own"),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="invitation_accepted_or_revoked"
            ),
        ]
        indexes = [
            models.Index(
                Lower("email"), condition=Q(accepted_at=None, revoked_at=None), name="invitation_open_by_email"
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization_id}"
