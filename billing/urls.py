from django.urls import path

from billing import api, api_balances, api_budgets, pages

api_urlpatterns = [
    path("wallet", api.WalletView.as_view()),
    path("wallet/entries", api.EntriesView.as_view()),
    path("credits/spend", api.SpendView.as_view()),
    path("users/balances", api_balances.BalancesView.as_view()),
    path("budgets", api_budgets.BudgetsView.as_view()),
    path("budgets/<uuid:budget_id>", api_budgets.BudgetView.as_view()),
]

page_urlpatterns = [
    path("wallet", pages.wallet, name="wallet"),
]
