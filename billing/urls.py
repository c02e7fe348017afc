from django.urls import path

from billing import api, api_balances, api_budgets, pages, pages_budgets

api_urlpatterns = [
    path("wallet", api.WalletView.as_view()),
    path("wallet/entries", api.EntriesView.as_view()),
    path("credits/spend", api.SpendView.as_view()),
    path("users/balances", api_balances.BalancesView.as_view()),
    path("budgets", api_budgets.BudgetsView.as_view()),
    path("budgets/<uuid:budget_id>", api_budgets.BudgetView.as_view()),
]

page_urlpatterns = [
    path(
        "organizations/<uuid:organization_id>/budgets",
        pages_budgets.BudgetsPage.as_view(),
        name="organization_budgets",
    ),
    path(
        "organizations/<uuid:organization_id>/budgets/<uuid:budget_id>",
        pages_budgets.BudgetAction.as_view(),
        name="organization_budget",
    ),
    path("wallet", pages.wallet, name="wallet"),
]
