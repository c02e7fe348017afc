from django.urls import path

from billing import (
    api,
    api_balances,
    api_budgets,
    api_payments,
    api_payments_test,
    api_plans,
    api_top_up,
    pages,
    pages_budgets,
    webhooks,
)
from billing.sandbox.pages import urlpatterns as sandbox_urlpatterns

api_urlpatterns = [
    path("wallet", api.WalletView.as_view()),
    path("wallet/entries", api.EntriesView.as_view()),
    path("wallet/top-up", api_top_up.TopUpView.as_view()),
    path("credits/spend", api.SpendView.as_view()),
    path("users/balances", api_balances.BalancesView.as_view()),
    path("budgets", api_budgets.BudgetsView.as_view()),
    path("budgets/<uuid:budget_id>", api_budgets.BudgetView.as_view()),
    path("payments/subscription-plans", api_payments.CatalogueView.as_view()),
    path("public-payments/config", api_payments.PublicConfigView.as_view()),
    path("payments/create-checkout", api_payments.CheckoutView.as_view()),
    path("payments/history", api_payments.HistoryView.as_view()),
    path("payments/invoices", api_payments.InvoicesView.as_view()),
    path("payments/session/<uuid:session_id>/status", api_payments.SessionView.as_view()),
    path("public-payments/session/<uuid:session_id>", api_payments.PublicSessionView.as_view()),
    path("payments/find-by-intent/<str:intent_id>", api_payments.IntentView.as_view()),
    path("payments/subscription", api_plans.SubscriptionView.as_view()),
    path("payments/subscription/cancel", api_plans.CancelView.as_view()),
    path("payments/subscription/remove-cancellation", api_plans.ResumeView.as_view()),
    path("payments/subscription/upgrade", api_plans.UpgradeView.as_view()),
    path("payments/subscription/trial", api_plans.TrialView.as_view()),
    path("payments/portal", api_plans.PortalView.as_view()),
    path("payments/<uuid:payment_id>/refund", api_payments.RefundView.as_view()),
    path("payments/test/complete-payment/<uuid:session_id>", api_payments_test.CompletePaymentView.as_view()),
    path("payments/test/create-manual-subscription", api_payments_test.ManualSubscriptionView.as_view()),
    path("payments/test/complete-by-intent/<str:intent_id>", api_payments_test.CompleteByIntentView.as_view()),
    path("public-payments/test/url-config", api_payments_test.UrlConfigView.as_view()),
]

webhook_urlpatterns = [path("webhooks/<slug:provider>", webhooks.receive, name="payment_webhook")]

page_urlpatterns = [
    *sandbox_urlpatterns,
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
