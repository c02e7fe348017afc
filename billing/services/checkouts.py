"""Sending people to pay. The session is a row before any provider hears of it, and its id is the key of the asking: a
repeat after a crash or a time-out leads to the same page."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services.social import check_redirect
from billing import plans, providers, registry
from billing.models import BillingPeriod, CheckoutSession, Customer, Pack, PaymentType, Plan, Price
from billing.providers.base import Order, Payer, Period, Provider, ProviderError
from billing.selectors.payers import require_payer
from billing.services.following import follow_root
from common.errors import Conflict, NotFound, Problem, ProviderFailed, Unavailable, ValidationProblem
from common.rendering import to_json
from common.tracking import track

OPEN_FOR = timedelta(hours=1)
ASKED_AGAIN_AFTER = timedelta(seconds=2)
KNOWN_CURRENCY = "USD"
Status = CheckoutSession.Status


@dataclass(frozen=True)
class Item:
    """What is bought, and what it costs with the provider that was chosen."""

    provider: Provider
    type: PaymentType
    description: str
    amount: int
    currency: str
    price: Price | None = None
    purchase_id: str = ""


def start_checkout(
    *,
    user: User,
    organization_id: uuid.UUID,
    type: str,  # noqa: A002
    key: str,
    pack: str = "",
    plan: str = "",
    billing_period: str = "",
    purchase_id: str = "",
    provider: str = "",
    currency: str = "",
    success_url: str = "",
    cancel_url: str = "",
) -> CheckoutSession:
    """A session whose `checkout_url` leads to the provider. The same `key` gives the same one.

    `pack`, `plan` are names in the catalogue, `purchase_id` what a higher floor sells. Never call it in a transaction.

    Raises NotFound and Forbidden where the person may not pay for the organisation, ValidationProblem, Conflict (a plan
    runs already; the key was used for something else), Unavailable and ProviderFailed.
    """
    require_payer(user.pk, organization_id)
    wish = [
        str(organization_id),
        type,
        pack,
        plan,
        billing_period,
        purchase_id,
        provider,
        currency,
        success_url,
        cancel_url,
    ]
    body_hash, key = hashlib.sha256(to_json(wish)).hexdigest(), f"{user.pk}:{key}"
    session = CheckoutSession.objects.filter(key=key).first()
    if session is None:
        item = _item(user, organization_id, type, pack, plan, billing_period, purchase_id, provider, currency)
        for field, address in (("success_url", success_url), ("cancel_url", cancel_url)):
            if address:
                check_redirect(address, field)
        session = _new_session(user, organization_id, item, key, body_hash, success_url, cancel_url)
    if session.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used with another body.")
    return session if session.checkout_url else open_at_provider(session)


@transaction.atomic
def _new_session(
    user: User, organization_id: uuid.UUID, item: Item, key: str, body_hash: str, success_url: str, cancel_url: str
) -> CheckoutSession:
    price = item.price
    session = CheckoutSession(
        organization_id=organization_id,
        user=user,
        provider=item.provider.name,
        type=item.type,
        price=price,
        pack=price.pack if price else None,
        plan=price.plan if price else None,
        billing_period=price.billing_period if price else "",
        purchase_type=item.type if item.purchase_id else "",
        purchase_id=item.purchase_id,
        description=item.description,
        amount=item.amount,
        currency=item.currency,
        credits=price.pack.credits if price and price.pack else 0,
        bonus_credits=price.pack.bonus_credits if price and price.pack else 0,
        success_url=success_url,
        cancel_url=cancel_url,
        expires_at=timezone.now() + OPEN_FOR,
        key=key,
        body_hash=body_hash,
    )
    CheckoutSession.objects.bulk_create([session], ignore_conflicts=True)
    kept = CheckoutSession.objects.get(key=key)
    if kept.pk == session.pk:
        track("checkout_started", user_id=user.pk, provider=session.provider, type=session.type)
    return kept


def open_at_provider(session: CheckoutSession) -> CheckoutSession:
    """Asks the provider for the page to pay on. Raises Unavailable (a repeat helps), ProviderFailed (it does not)."""
    provider = providers.get(session.provider)
    try:
        checkout = provider.create_checkout(_order(session))
    except ProviderError as error:
        if not error.permanent:
            raise Unavailable(error.public, code="PROVIDER_UNAVAILABLE", retry_after=5) from error
        CheckoutSession.objects.filter(pk=session.pk).update(status=Status.FAILED, updated_at=timezone.now())
        raise ProviderFailed(error.public) from error
    # whoever was first says where it leads, if two asked at once
    fresh = CheckoutSession.objects.filter(pk=session.pk, checkout_url="")
    fresh.update(
        checkout_url=checkout.url,
        provider_session_id=checkout.session_id,
        status=Status.OPEN,
        updated_at=timezone.now(),
    )
    if checkout.customer_id:
        Customer.objects.get_or_create(
            organization_id=session.organization_id,
            provider=session.provider,
            defaults={"customer_id": checkout.customer_id},
        )
    session.refresh_from_db()
    return session


def _order(session: CheckoutSession) -> Order:
    user, price = session.user, session.price
    assert user
    known = Customer.objects.filter(organization_id=session.organization_id, provider=session.provider).first()
    return Order(
        reference=str(session.pk),
        description=session.description,
        amount=session.amount,
        currency=session.currency,
        payer=Payer(
            email=user.email,
            name=user.display_name or user.username,
            locale=user.locale or "en",
            customer_id=known.customer_id if known else "",
        ),
        success_url=address_back(session, session.success_url),
        cancel_url=address_back(session, session.cancel_url, cancelled=True),
        expires_at=session.expires_at,
        every=_every(session),
        price_ref=price.provider_ref if price and price.provider == session.provider else "",
        keep_method=session.type == PaymentType.ONE_TIME and session.pack is not None,
    )


def _every(session: CheckoutSession) -> Period | None:
    """None for what is paid once: a year of a plan may be bought like that, too."""
    if session.type != PaymentType.SUBSCRIPTION:
        return None
    return "year" if session.billing_period == BillingPeriod.YEAR else "month"


def address_back(session: CheckoutSession, wanted: str, *, cancelled: bool = False) -> str:
    """Where the provider sends people back to; it says which session."""
    address = wanted or f"{settings.PUBLIC_URL.rstrip('/')}{reverse('checkout_return')}"
    query = {"session" if not wanted else "session_id": str(session.pk)} | ({"cancelled": "1"} if cancelled else {})
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


# --- what it costs ----------------------------------------------------------------------------------------------------


def _item(
    user: User,
    organization_id: uuid.UUID,
    kind: str,
    pack: str,
    plan: str,
    billing_period: str,
    purchase_id: str,
    provider: str,
    currency: str,
) -> Item:
    if kind == PaymentType.EVENT_SPONSORSHIP:
        return _registered(user, organization_id, kind, purchase_id, provider)
    if bool(pack) == bool(plan):
        raise ValidationProblem(errors={"package_id": ["Give either a package or a plan."]})
    recurring = kind == PaymentType.SUBSCRIPTION
    if recurring and not plan:
        raise ValidationProblem(errors={"plan_id": ["Say which plan."]})
    thing = _thing(Plan, "plan_id", plan) if plan else _thing(Pack, "package_id", pack)
    if isinstance(thing, Plan):
        _require_no_other_plan(organization_id, thing, recurring)
    period = (billing_period or "month") if plan else ""
    offers = prices_of(thing, period, recurring)
    member, price = _choose(offers, provider, currency, recurring)
    words = f"{thing.title}, {'a year' if period == 'year' else 'a month'}" if plan else f"{thing.title} pack"
    return Item(member, PaymentType(kind), words, price.amount, price.currency, price)


def _registered(user: User, organization_id: uuid.UUID, kind: str, purchase_id: str, provider: str) -> Item:
    purchase = registry.purchase_of(kind)
    if purchase is None:
        raise ValidationProblem(errors={"type": ["This site does not sell that."]})
    quote = purchase.quote(user.pk, organization_id, purchase_id)
    for member in candidates(provider, recurring=False):
        if member.currencies is None or quote.currency in member.currencies:
            return Item(
                member, PaymentType(kind), quote.description, quote.amount, quote.currency, purchase_id=purchase_id
            )
    raise ValidationProblem(errors={"provider": [f"None here takes {quote.currency}."]})


def _thing(model: type[Plan] | type[Pack], field: str, name: str) -> Plan | Pack:
    found: Plan | Pack | None = model.objects.filter(name=name, is_active=True).first()
    if found is None:
        raise ValidationProblem(errors={field: ["There is no such thing for sale."]})
    return found


def _require_no_other_plan(organization_id: uuid.UUID, plan: Plan, recurring: bool) -> None:
    running = plans.live_subscription(organization_id)
    if running is None or running.status == "trialing":
        return
    if running.renews:
        raise Conflict(f"{running.plan.title} is running already. Change the plan instead of buying another.")
    if recurring or running.plan_id != plan.pk:
        until = running.current_period_end.date().isoformat()
        raise Conflict(f"{running.plan.title} is paid until {until}. Another plan can follow it.")


def prices_of(thing: Plan | Pack, period: str, recurring: bool) -> list[Price]:
    field = "plan" if isinstance(thing, Plan) else "pack"
    rows = Price.objects.filter(**{field: thing}, billing_period=period, recurring=recurring, is_active=True)
    return list(rows.select_related("plan", "pack").order_by("id"))


def _choose(offers: list[Price], provider: str, currency: str, recurring: bool) -> tuple[Provider, Price]:
    """The first provider that sells it, in the currency asked for, or else in dollars, or else in any it takes."""
    for member in candidates(provider, recurring=recurring):
        if price := price_with(offers, member, currency):
            return member, price
    if currency and provider:
        raise ValidationProblem(errors={"currency": ["It is not sold in this currency with this provider."]})
    raise ValidationProblem(errors={"provider": ["None here sells this."]})


def candidates(provider: str, *, recurring: bool) -> list[Provider]:
    if provider:
        member = providers.get(provider)
        if recurring and "subscribe" not in member.abilities:
            raise ValidationProblem(errors={"provider": [f"{member.title} has no subscriptions. Buy the time once."]})
        return [member]
    found = [member for member in providers.configured() if not recurring or "subscribe" in member.abilities]
    if not found:
        raise Unavailable("Nobody takes money on this site yet.", code="PROVIDER_UNAVAILABLE")
    return found


def price_with(offers: list[Price], member: Provider, currency: str = "") -> Price | None:
    """A provider's own row goes before one for all."""
    taken = [
        price
        for price in offers
        if price.provider in {"", member.name}
        and (member.currencies is None or price.currency in member.currencies)
        and currency in {"", price.currency}
    ]
    return min(taken, key=lambda price: (price.currency != KNOWN_CURRENCY, not price.provider), default=None)


# --- and what became of it --------------------------------------------------------------------------------------------


def follow_session(session: CheckoutSession) -> CheckoutSession:
    """The session as it is after its provider was asked: at most every two seconds, and not once it is paid. A provider
    that does not answer leaves it as it is."""
    asked_just_now = session.read_at and session.read_at > timezone.now() - ASKED_AGAIN_AFTER
    if session.status == Status.PAID or not session.provider_session_id or asked_just_now:
        return session
    try:
        follow_root(session)
    except (ProviderError, Problem):
        return session
    session.refresh_from_db()
    return session


def session_for(session_id: uuid.UUID, user_id: uuid.UUID) -> CheckoutSession:
    """One that the person may see: their own, or one of a team whose payers they are. Raises NotFound."""
    session = CheckoutSession.objects.select_related("plan", "pack").filter(pk=session_id).first()
    if session is None:
        raise NotFound
    if session.user_id != user_id:
        try:
            require_payer(user_id, session.organization_id)
        except Problem as error:
            raise NotFound from error
    return session
