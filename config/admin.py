"""What Django and libraries register by themselves, in this console's own way: with reasons, and without secrets."""

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401  # all of them register what is taken back below
import django.contrib.auth.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.models import Group

from common.admin import ReadOnlyAdmin, ReasonAdmin
from common.mail import admin as mail_admin  # noqa: F401  # registers itself
from config import queues  # noqa: F401  # registers itself

admin.site.index_title = "Overview"
for model in (Group, EmailAddress, SocialAccount, SocialApp, SocialToken, Authenticator):
    admin.site.unregister(model)


@admin.register(Group)
class GroupAdmin(ReasonAdmin):
    """What a staff role may do. Who is in a group, their role says (see docs/staff.md)."""

    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)
    filter_horizontal = ("permissions",)


class OfPersonAdmin(ReadOnlyAdmin):
    list_select_related = ("user",)
    search_fields: tuple[str, ...] = ("user__username",)
    search_help_text = "The beginning of a username"


@admin.register(EmailAddress)
class EmailAddressAdmin(OfPersonAdmin):
    list_display = ("email", "user", "primary", "verified")
    search_fields = ("user__username", "email")
    search_help_text = "The beginning of a username or an address"


@admin.register(SocialAccount)
class SocialAccountAdmin(OfPersonAdmin):
    list_display = ("user", "provider", "uid", "date_joined", "last_login")
    exclude = ("extra_data",)


@admin.register(Authenticator)
class AuthenticatorAdmin(OfPersonAdmin):
    """That there is a second factor, never its secret."""

    list_display = ("user", "type", "created_at", "last_used_at")
    exclude = ("data",)
