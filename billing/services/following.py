"""Bringing our rows in line with what a provider says is true now.

Whatever caused it (a webhook, somebody's return, a sweep, an operator), it is the same: find the root, which is a
checkout session until it is paid, and then the subscription that came of it, if one did; ask the provider; apply the
answer under the root's lock. An answer is applied only if the root is as it was before the asking, so that of two who
ask at once an older answer never overwrites a newer one: who comes second asks again.
"""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from billing import providers
from billing.models import CheckoutSession, Payment, Subscription
from billing.providers.base import About, Charge, CheckoutState, Provider, SubscriptionState
from billing.services import payments, subscriptions
from common.errors import Conflict

log = structlog.get_logger(__name__)

TRIES = 8
WATCHED_FOR = timedelta(days=120)  # so long a payment may be contested
Root = CheckoutSession | Subscription


@dataclass
class Findings:
    """What a provider said of one root."""

    checkout: CheckoutState | None = None
    subscription: SubscriptionState | None = None
    charges: list[Charge] = field(default_factory=list)


def follow(provider_name: str, about: About) -> None:
    """Raises ProviderError where the provider does not answer, Conflict where others are at it all the time."""
    provider = providers.get(provider_name)
    root = _root_of(provider, about)
    if root is not None:
        follow_root(root, intent_id=about.id if about.what == "charge" else "", provider=provider)


def follow_root(root: Root, *, intent_id: str = "", provider: Provider | None = None) -> Root:
    """The root as it is after its provider was asked; `intent_id` names a charge to look at beside those we know."""
    provider = provider or providers.get(root.provider)
    if isinstance(root, CheckoutSession) and (begun := _begun_by(root)):
        CheckoutSession.objects.filter(pk=root.pk).update(read_at=timezone.now())
        root = begun
    for _ in range(TRIES):
        findings = _ask(provider, root, intent_id)
        if applied := _apply(root, findings):
            return applied
        root.refresh_from_db()
    raise Conflict("This payment is being worked on. Please try again.", retry_after=1)


# --- whose it is ------------------------------------------------------------------------------------------------------


def _root_of(provider: Provider, about: About) -> Root | None:
    match about.what:
        case "reference":
            return _root_of_session(_session(Q(pk=_as_id(about.id)), provider))
        case "checkout":
            return _root_of_session(_session(Q(provider_session_id=about.id), provider))
        case "subscription":
            return _subscription(provider, about.id) or _root_of_new_subscription(provider, about.id)
        case "charge":
            return _root_of_payment(provider, about.id) or _root_of_new_charge(provider, about.id)


def _session(condition: Q, provider: Provider) -> CheckoutSession | None:
    return CheckoutSession.objects.filter(condition, provider=provider.name).first()


def _subscription(provider: Provider, subscription_id: str) -> Subscription | None:
    rows = Subscription.objects.filter(provider=provider.name, provider_subscription_id=subscription_id)
    return rows.first() if subscription_id else None


def _root_of_session(session: CheckoutSession | None) -> Root | None:
    return session and (_begun_by(session) or session)


def _begun_by(session: CheckoutSession) -> Subscription | None:
    """The provider's subscription that a paid checkout began."""
    if session.status != CheckoutSession.Status.PAID:
        return None
    begun = Subscription.objects.filter(payments__session=session).exclude(provider_subscription_id="")
    return begun.first()


def _root_of_payment(provider: Provider, intent_id: str) -> Root | None:
    rows = Payment.objects.filter(provider=provider.name, intent_id=intent_id)
    payment = rows.select_related("subscription", "session").first()
    if payment is None:
        return None
    subscription = payment.subscription
    if payment.session is None or (subscription and subscription.provider_subscription_id):
        return _root_of_session(payment.session) or subscription
    return payment.session


def _root_of_new_subscription(provider: Provider, subscription_id: str) -> Root | None:
    state = provider.read_subscription(subscription_id)
    return _session(Q(pk=_as_id(state.reference)), provider) if state else None


def _root_of_new_charge(provider: Provider, intent_id: str) -> Root | None:
    charge = provider.read_charge(intent_id)
    if charge is None:
        return None
    root = (
        _subscription(provider, charge.subscription_id)
        or _root_of_session(_session(Q(pk=_as_id(charge.reference)), provider))
        or (charge.session_id and _root_of_session(_session(Q(provider_session_id=charge.session_id), provider)))
        or (charge.subscription_id and _root_of_new_subscription(provider, charge.subscription_id))
    )
    if not root and charge.status == "paid":
        payments.record_unmatched(provider.name, charge, "It answers to nothing of ours.")
    return root or None


def _as_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# --- what is true -----------------------------------------------------------------------------------------------------


def _ask(provider: Provider, root: Root, intent_id: str) -> Findings:
    findings = Findings()
    if isinstance(root, Subscription):
        findings.subscription = provider.read_subscription(root.provider_subscription_id)
        known = {charge.intent_id for charge in findings.subscription.charges} if findings.subscription else set()
        watched = Payment.objects.filter(subscription=root, created_at__gt=timezone.now() - WATCHED_FOR)
        wanted = {intent_id, *watched.values_list("intent_id", flat=True)} - {""} - known
    else:
        wanted = set(Payment.objects.filter(session=root).values_list("intent_id", flat=True)) | {intent_id} - {""}
        if root.status != CheckoutSession.Status.PAID and root.provider_session_id:
            findings.checkout = provider.read_checkout(root.provider_session_id, str(root.pk))
            findings.subscription = findings.checkout.subscription
            if findings.checkout.charge:
                findings.charges.append(findings.checkout.charge)
                wanted.discard(findings.checkout.charge.intent_id)
    findings.charges += [charge for wish in sorted(wanted) if (charge := provider.read_charge(wish))]
    return findings


@transaction.atomic
def _apply(root: Root, findings: Findings) -> Root | None:
    """None where the root has changed since it was read."""
    if isinstance(root, Subscription):
        # a checkout that began it and is not paid yet is locked before it, as where the checkout is the root
        begun = Payment.objects.filter(subscription=root, paid_at=None).values("session")
        list(CheckoutSession.objects.select_for_update(no_key=True).filter(pk__in=begun).order_by("pk"))
    model = Subscription if isinstance(root, Subscription) else CheckoutSession
    locked: Root = model.objects.select_for_update(no_key=True).get(pk=root.pk)
    if locked.updated_at != root.updated_at:
        return None
    if isinstance(locked, Subscription):
        _apply_to_subscription(locked, findings)
    else:
        _apply_to_session(locked, findings)
    locked.read_at = timezone.now()
    locked.save()
    return locked


def _apply_to_subscription(subscription: Subscription, findings: Findings) -> None:
    charges = list(findings.charges)
    if findings.subscription:
        subscriptions.apply_state(subscription, findings.subscription)
        charges += findings.subscription.charges
    for charge in _by_time(charges):
        payments.record_charge(charge, subscription=subscription)
    subscriptions.grant_due_months(subscription)


def _apply_to_session(session: CheckoutSession, findings: Findings) -> None:
    charges, subscription = list(findings.charges), None
    if findings.subscription:
        subscription = subscriptions.begin(session, findings.subscription)
        known = {charge.intent_id for charge in charges}
        charges += [charge for charge in findings.subscription.charges if charge.intent_id not in known]
    for charge in _by_time(charges):
        payments.record_charge(charge, session=session, subscription=subscription)
    if subscription:
        subscriptions.grant_due_months(subscription)
        subscription.save()
    if findings.checkout and session.status in {CheckoutSession.Status.OPEN, CheckoutSession.Status.EXPIRED}:
        said = findings.checkout.status
        if said in {"failed", "expired"}:
            session.status = CheckoutSession.Status(said)


def _by_time(charges: list[Charge]) -> list[Charge]:
    """The oldest period first, so that months are granted in their order."""
    first = timezone.now()
    return sorted(charges, key=lambda charge: charge.period_start or charge.paid_at or first)
