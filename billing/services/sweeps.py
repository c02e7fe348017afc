"""What a lost webhook left stale, read again. Each may be missed, doubled or killed without harm."""

from datetime import timedelta

import structlog
from django.db.models import F, Q
from django.utils import timezone

from billing import providers
from billing.models import CheckoutSession, Payment, Subscription
from billing.providers.base import About, ProviderError
from billing.services.following import WATCHED_FOR, Root, follow, follow_root
from common.errors import Problem

log = structlog.get_logger(__name__)

AT_ONCE = 500
SOON, DAILY = timedelta(minutes=10), timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(hours=24)  # a session that its provider still calls open
Session = CheckoutSession.Status


def read_open_sessions() -> int:
    """Sessions nobody has heard of for ten minutes, and at last those that nobody will pay."""
    now = timezone.now()
    rows = CheckoutSession.objects.filter(provider__in=providers.names())
    waiting = rows.filter(Q(read_at=None) | Q(read_at__lt=now - SOON), status=Session.OPEN, created_at__lt=now - SOON)
    asked = sum(
        _follow(session) for session in waiting.exclude(provider_session_id="").order_by("created_at")[:AT_ONCE]
    )
    over = CheckoutSession.objects.filter(status=Session.OPEN, automatic=False, expires_at__lt=now)
    over.filter(Q(provider_session_id="") | Q(created_at__lt=now - GIVEN_UP_AFTER)).update(
        status=Session.EXPIRED, updated_at=now
    )
    return asked


def read_stale_subscriptions() -> int:
    """Those that should have been renewed by now, that are past due, and every other once a day; of those that ended,
    as long as their payments may be contested."""
    now = timezone.now()
    watched = Q(status__in=Subscription.LIVE) | Q(ended_at__gt=now - WATCHED_FOR)
    rows = Subscription.objects.filter(watched, renews=True, provider__in=providers.names())
    due = Q(current_period_end__lt=now, ended_at=None) | Q(status=Subscription.Status.PAST_DUE)
    stale = rows.filter(Q(read_at=None) | Q(read_at__lt=now - DAILY) | due & Q(read_at__lt=now - SOON))
    return sum(_follow(subscription) for subscription in stale.order_by("read_at")[:AT_ONCE])


def read_pending_payments() -> int:
    """Charges that were on their way when we last looked."""
    rows = Payment.objects.filter(status=Payment.Status.PENDING, created_at__lt=timezone.now() - SOON)
    pending = rows.filter(provider__in=providers.names(), created_at__gt=timezone.now() - WATCHED_FOR)
    return sum(_follow_charge(payment) for payment in pending.order_by("created_at")[:AT_ONCE])


def read_paid_payments() -> int:
    """Every payment of the last 120 days once a day: was it given back, or contested, and nobody told us?"""
    now = timezone.now()
    rows = CheckoutSession.objects.filter(status=Session.PAID, provider__in=providers.names())
    watched = rows.filter(created_at__gt=now - WATCHED_FOR, read_at__lt=now - DAILY)
    return sum(_follow(session) for session in watched.order_by(F("read_at").asc())[:AT_ONCE])


def _follow(root: Root) -> bool:
    try:
        follow_root(root)
    except (ProviderError, Problem) as error:
        log.warning("not read", root=str(root.pk), provider=root.provider, why=str(error))
        return False
    return True


def _follow_charge(payment: Payment) -> bool:
    try:
        follow(payment.provider, About("charge", payment.intent_id))
    except (ProviderError, Problem) as error:
        log.warning("not read", payment=str(payment.pk), provider=payment.provider, why=str(error))
        return False
    return True
