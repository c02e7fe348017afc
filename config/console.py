"""What stands in the sidebar of the operators' console, and in which order."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.admin import finance

# title: {model: icon}. A model that nobody named here comes last, under "More".
GROUPS: dict[str, dict[str, str]] = {
    "People": {
        "accounts.User": "person",
        "accounts.Organization": "corporate_fare",
        "accounts.Membership": "badge",
        "accounts.Invitation": "mail",
        "accounts.AuthSession": "key",
        "accounts.ApiKey": "vpn_key",
        "accounts.Favourite": "star",
        "account.EmailAddress": "alternate_email",
        "socialaccount.SocialAccount": "link",
        "mfa.Authenticator": "phonelink_lock",
        "accounts.Block": "block",
        "accounts.Consent": "handshake",
        "accounts.DataExport": "folder_zip",
        "notifications.Notification": "notifications",
    },
    "Characters": {
        "characters.Character": "theater_comedy",
        "characters.Lorebook": "menu_book",
        "characters.Like": "favorite",
        "characters.Persona": "face",
        "characters.Memory": "psychology",
    },
    "Conversations": {
        "chat.Conversation": "forum",
        "chat.Message": "chat_bubble",
        "chat.Variant": "alt_route",
        "chat.Member": "group",
        "chat.MessageTrace": "edit_note",
    },
    "Files": {
        "media.Asset": "image",
        "media.StoredContent": "perm_media",
        "media.Upload": "upload",
        "media.StorageUse": "hard_drive",
        "media.StrayFile": "auto_delete",
    },
    "Money": {
        "billing.Wallet": "account_balance_wallet",
        "billing.Entry": "receipt_long",
        "billing.Reservation": "hourglass_top",
        "billing.Budget": "savings",
        "billing.Plan": "workspace_premium",
        "billing.Pack": "redeem",
        "billing.Price": "sell",
    },
    "Payments": {
        "billing.Payment": "payments",
        "billing.Refund": "undo",
        "billing.Invoice": "description",
        "billing.CheckoutSession": "shopping_cart",
        "billing.Subscription": "autorenew",
        "billing.TopUp": "battery_charging_full",
        "billing.Customer": "contacts",
        "billing.UnmatchedCharge": "help_center",
        "billing.WebhookEvent": "webhook",
        "billing.AdjustmentRequest": "approval",
        "billing.TierUse": "speed",
    },
    "Stripe": {
        "djstripe.Session": "shopping_cart",
        "djstripe.PaymentIntent": "payments",
        "djstripe.Charge": "credit_card",
        "djstripe.Refund": "undo",
        "djstripe.Dispute": "gavel",
        "djstripe.Subscription": "autorenew",
        "djstripe.Invoice": "description",
        "djstripe.Customer": "person",
        "djstripe.Product": "inventory_2",
        "djstripe.Price": "sell",
        "djstripe.Event": "webhook",
        "djstripe.Account": "store",
    },
    "Machinery": {
        "django_rq.Dashboard": "dynamic_feed",
        "generation.AIModel": "smart_toy",
        "auth.Group": "admin_panel_settings",
        "common.AuditEntry": "policy",
        "common.OutgoingMail": "outgoing_mail",
        "common.MailSuppression": "unsubscribe",
        "common.MailEvent": "mark_email_read",
        "characters.DailyActivity": "monitoring",
        "characters.CounterDelta": "exposure",
        "characters.ScoreGeneration": "leaderboard",
    },
}
TITLES = {
    "common.OutgoingMail": "Mail",
    "common.MailSuppression": "Suppressed addresses",
    "common.MailEvent": "Mail events",
    "django_rq.Dashboard": "Queues",
    "accounts.AuthSession": "Sign-ins",
    "accounts.ApiKey": "API keys",
    "accounts.DataExport": "Copies of data",
    "account.EmailAddress": "Addresses",
    "socialaccount.SocialAccount": "Connected accounts",
    "mfa.Authenticator": "Second factors",
    "auth.Group": "Staff roles",
    "djstripe.Session": "Checkouts",
    "billing.CheckoutSession": "Checkouts",
    "billing.TopUp": "Top-ups",
    "billing.TierUse": "Use of tiers",
    "billing.WebhookEvent": "Webhooks",
    "chat.Variant": "Replies",
    "media.Asset": "Files",
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the models this person may look at, by what they are about rather than by app."""
    left = {model["model"]._meta.label: model for app in admin.site.get_app_list(request) for model in app["models"]}
    groups = []
    for title, icons in GROUPS.items():
        items = [_item(left.pop(label), icon) for label, icon in icons.items() if label in left]
        groups.append({"title": title, "separator": True, "items": items})
    groups.append({"title": "More", "separator": True, "items": [_item(model, "circle") for model in left.values()]})
    start = {"items": [{"title": "Overview", "icon": "home", "link": reverse("admin:index")}]}
    if finance.may_see(request):
        start["items"].append({"title": "Finance", "icon": "bar_chart", "link": reverse("admin:billing_finance")})
    return [start, *(group for group in groups if group["items"])]


def _item(model: dict[str, Any], icon: str) -> dict[str, Any]:
    name = str(model["name"])
    title = TITLES.get(model["model"]._meta.label, name[:1].upper() + name[1:])
    return {"title": title, "icon": icon, "link": model["admin_url"]}


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The console's first page shows the same groups as the sidebar."""
    by_url = {model["admin_url"]: model for app in context["app_list"] for model in app["models"]}
    context["app_list"] = [
        {
            "name": group["title"],
            "app_label": group["title"].lower(),
            "app_url": "",
            "models": [by_url[item["link"]] | {"name": item["title"]} for item in group["items"]],
        }
        for group in navigation(request)[1:]
    ]
    return context


@never_cache
@require_safe
def door(request: HttpRequest) -> HttpResponse:
    """The console has no door of its own: staff come in by the site's, with its limits and its second factor."""
    wanted = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    path = wanted if ours else reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(path)
    if not request.user.is_staff:
        return render(request, "admin/not_staff.html", status=403)
    return HttpResponseRedirect(path)


def icon(request: HttpRequest) -> str:
    return static("img/favicon.svg")


def styles(request: HttpRequest) -> str:
    return static("css/console.css")


def scripts(request: HttpRequest) -> str:
    return static("js/console.js")
