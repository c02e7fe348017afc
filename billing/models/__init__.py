"""The tables of money and credits: the ledger, what is for sale, what was paid, and what runs on."""

from billing.models.catalogue import BillingPeriod, Pack, Plan, Price
from billing.models.inbox import WebhookEvent
from billing.models.ledger import (
    GIVING,
    TAKING,
    ZERO,
    Budget,
    Entry,
    Kind,
    Reservation,
    Status,
    Wallet,
    period_end,
    period_start,
)
from billing.models.payments import (
    AdjustmentRequest,
    CheckoutSession,
    Customer,
    Invoice,
    Payment,
    PaymentType,
    Refund,
    UnmatchedCharge,
)
from billing.models.sandbox import (
    SandboxCharge,
    SandboxCheckout,
    SandboxDelivery,
    SandboxRefund,
    SandboxSubscription,
)
from billing.models.subscriptions import Subscription, TierUse
from billing.models.top_up import TopUp

__all__ = [
    "GIVING",
    "TAKING",
    "ZERO",
    "AdjustmentRequest",
    "BillingPeriod",
    "Budget",
    "CheckoutSession",
    "Customer",
    "Entry",
    "Invoice",
    "Kind",
    "Pack",
    "Payment",
    "PaymentType",
    "Plan",
    "Price",
    "Refund",
    "Reservation",
    "SandboxCharge",
    "SandboxCheckout",
    "SandboxDelivery",
    "SandboxRefund",
    "SandboxSubscription",
    "Status",
    "Subscription",
    "TierUse",
    "TopUp",
    "UnmatchedCharge",
    "Wallet",
    "WebhookEvent",
    "period_end",
    "period_start",
]
