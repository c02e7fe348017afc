"""Every address of the site, gathered from the apps."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import accounts.urls
import billing.urls
import characters.urls
import chat.urls
import media.urls
import notifications.urls
from accounts.pages import doors as door_pages
from common import health
from common.mail import pages as mailbox
from common.mail import webhooks as mail_webhooks
from config import console

APPS = [
    chat,
    characters,
    billing,
    notifications,
    media,
    accounts,
]
# Addresses are tried one after the other, so what is asked most comes first.
BUSIEST = {
    "credits/spend",
    "conversations/<uuid:conversation_id>/messages",
    "characters",
    "characters/<uuid:character_id>",
    "auth/me",
}
API = [address for app in APPS for address in app.urls.api_urlpatterns]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("api/", include(sorted(API, key=lambda address: str(address.pattern) not in BUSIEST))),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"), name="docs"
    ),
    path("", include(health.urlpatterns)),
    path("", include(mail_webhooks.urlpatterns)),
    path("", include(billing.urls.webhook_urlpatterns)),
    path("", include(mailbox.urlpatterns)),
    path("admin/login/", console.door),
    path("admin/logout/", door_pages.sign_out),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}img/favicon.svg")),
    *(path("", include(app.urls.page_urlpatterns)) for app in APPS),
]
