from django.urls import path

from billing import api, pages

api_urlpatterns = [
    path("wallet", api.WalletView.as_view()),
    path("wallet/entries", api.EntriesView.as_view()),
    path("credits/spend", api.SpendView.as_view()),
]

page_urlpatterns = [
    path("wallet", pages.wallet, name="wallet"),
]
