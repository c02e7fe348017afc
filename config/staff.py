"""What each staff role may do in the operators' console.

Each role is a Django group of the same name. A group that is missing is made from this table, with everyone who has the
role in it; after that it is the operators' to edit, and nothing here overwrites it.
"""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction

from accounts.models import User


def _view(*models: str) -> tuple[str, ...]:
    return tuple("{}.view_{}".format(*model.split(".")) for model in models)


PEOPLE = ("accounts.user", "accounts.organization", "accounts.membership", "accounts.authsession")
PAYMENTS = (
    *("billing.payment", "billing.refund", "billing.invoice", "billing.checkoutsession", "billing.subscription"),
    *("billing.topup", "billing.customer", "billing.unmatchedcharge", "billing.webhookevent"),
    *("billing.adjustmentrequest", "billing.tieruse"),
)
STRIPE = (
    *("djstripe.session", "djstripe.paymentintent", "djstripe.charge", "djstripe.refund", "djstripe.dispute"),
    *("djstripe.subscription", "djstripe.invoice", "djstripe.customer", "djstripe.product", "djstripe.price"),
    *("djstripe.event", "djstripe.account"),
)
# `change_…` stands for the actions that a model's admin offers; each asks for a reason.
MAY: dict[str, tuple[str, ...]] = {
    "moderator": (
        *_view("accounts.user", "accounts.authsession", "accounts.block"),
        "accounts.change_authsession",  # end a person's sessions
        *_view("characters.character", "characters.lorebook", "characters.like", "characters.persona"),
        "characters.change_character",  # take down and restore
        *_view("chat.conversation", "chat.member", "chat.message", "chat.variant", "chat.messagetrace"),
        "chat.change_variant",  # stop a reply
        *_view("media.asset", "media.storedcontent"),
        "media.change_asset",  # take down and put back
        *_view("common.auditentry"),
    ),
    "support": (
        *_view(*PEOPLE, "accounts.invitation", "accounts.apikey", "accounts.consent", "accounts.dataexport"),
        "accounts.change_user",  # correct a profile
        "accounts.delete_user",  # delete and restore an account
        "accounts.change_authsession",
        "accounts.change_apikey",  # revoke one
        "accounts.change_membership",  # appoint an owner where all are lost
        "accounts.change_invitation",  # revoke one
        *_view("account.emailaddress", "socialaccount.socialaccount", "mfa.authenticator"),
        *_view("common.outgoingmail", "common.mailsuppression", "common.mailevent"),
        "common.change_outgoingmail",  # send again
        "common.change_mailsuppression",  # lift one
        *_view("notifications.notification"),
        *_view("media.asset", "media.storedcontent", "media.upload", "media.storageuse"),
        *_view("billing.wallet"),
    ),
    "finance": (
        *_view("billing.wallet", "billing.entry", "billing.reservation", "billing.budget"),
        "billing.change_wallet",  # grant and adjust credits
        "billing.change_budget",  # change a limit, remove a budget
        *_view("billing.plan", "billing.pack", "billing.price"),
        *("billing.add_plan", "billing.add_pack", "billing.add_price"),  # what is for sale
        *("billing.change_plan", "billing.change_pack", "billing.change_price"),
        *_view(*PAYMENTS),
        "billing.change_payment",  # refund, ask the provider
        "billing.change_checkoutsession",  # ask the provider
        "billing.change_subscription",  # ask the provider, cancel at once
        "billing.change_unmatchedcharge",  # give it back, give credits for it, close it
        "billing.change_webhookevent",  # replay
        "billing.change_adjustmentrequest",  # approve and refuse what another has asked for
        *_view("accounts.organization"),
        *_view(*STRIPE),
    ),
    "admin": (),  # an administrator may do everything, by being a superuser
}


def make_staff_groups(**_: Any) -> None:
    """Makes the groups that are missing. For `manage.py prepare`, and after every migration."""
    if Group._meta.db_table not in connection.introspection.table_names():
        return  # migrations are being taken back
    have = set(Group.objects.filter(name__in=MAY).values_list("name", flat=True))
    if missing := MAY.keys() - have:
        for config in apps.get_app_configs():
            create_permissions(config, verbosity=0)
        for role in sorted(missing):
            _make(role)


@transaction.atomic
def _make(role: str) -> None:
    group, made = Group.objects.get_or_create(name=role)
    if not made:
        return
    group.permissions.set(permissions_of(role))
    group.user_set.set(User.objects.filter(role=role).only("pk"))


def permissions_of(role: str) -> list[Permission]:
    """The rows of a role's permissions, where their models exist."""
    named = {tuple(name.split(".")) for name in MAY[role]}
    rows = Permission.objects.filter(codename__in={codename for _, codename in named}).select_related("content_type")
    return [row for row in rows if (row.content_type.app_label, row.codename) in named]
