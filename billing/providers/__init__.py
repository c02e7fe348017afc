"""Which payment providers there are. `billing.providers.base` says what each can be asked."""

from django.conf import settings
from django.utils.module_loading import import_string

from billing.providers.base import Provider
from common.errors import NotFound, Unavailable

# in the order in which they are offered; loaded when first used, as some bring large libraries
MEMBERS = {
    "stripe": "billing.providers.stripe.Stripe",
    "paypal": "billing.providers.paypal.PayPal",
    "shift4": "billing.providers.shift4.Shift4",
    "trustpay": "billing.providers.trustpay.TrustPay",
    "midtrans": "billing.providers.midtrans.Midtrans",
    "xendit": "billing.providers.xendit.Xendit",
    "sandbox": "billing.providers.sandbox.Sandbox",
}


def register(name: str, path: str) -> None:
    """Adds a member of a higher floor: the dotted path of a class that takes its block of settings."""
    MEMBERS[name] = path


def names() -> list[str]:
    """Those that this site has the keys of."""
    return [name for name in MEMBERS if name in settings.PAYMENT_PROVIDERS]


def get(name: str) -> Provider:
    """Raises NotFound for one nobody has heard of, Unavailable for one without keys."""
    if name not in MEMBERS:
        raise NotFound
    if name not in settings.PAYMENT_PROVIDERS:
        raise Unavailable("This payment service is not set up here.", code="PROVIDER_UNAVAILABLE")
    provider: Provider = import_string(MEMBERS[name])(settings.PAYMENT_PROVIDERS[name])
    return provider


def configured() -> list[Provider]:
    return [get(name) for name in names()]
