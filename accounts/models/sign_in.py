"""Sign-in sessions, and the keys that are sent by mail."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.models import BaseModel


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

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth_sessions")
    kind = models.CharField(max_length=8, choices=Kind)
    refresh_jti = models.CharField(max_length=32, null=True, help_text="the id of the one refresh token that is valid")
    session_key = models.CharField(
        max_length=40, null=True, unique=True, help_text="of the Django session that goes with it, if there is one"
    )
    method = models.CharField(max_length=20, blank=True, help_text="how the person came in: password, google, passkey")
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


class MailKey(BaseModel):
    """What a link in a mail stands for: used once, before its time is over. The link's secret is not stored.

    `user` is None where the account is yet to be made. `data` is what its kind needs; it holds no secret.
    """

    class Kind(models.TextChoices):
        CONFIRM = "confirm_email"
        MAGIC_LINK = "magic_link"
        RESET = "reset_password"
        CHANGE_EMAIL = "change_email"
        OAUTH = "oauth_sign_up"

    kind = models.CharField(max_length=16, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="mail_keys")
    email = models.EmailField()
    data = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="mail_key_age")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
