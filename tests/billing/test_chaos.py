"""Many purchases at every provider while webhooks are repeated, shuffled and lost and workers are killed: at the end
every paid session is credited once, every refund taken back once, and the books agree.

`CHAOS_PURCHASES=2000 python -m pytest tests/billing/test_chaos.py -s` runs it large; `CHAOS_SEED` makes the same plan
again (what threads and the killed make of it differs).
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection
from django.db.models import Q, Sum
from django.test import Client
from django.utils import timezone

from billing import reconciliation_providers, services
from billing.models import (
    CheckoutSession,
    Entry,
    Invoice,
    Pack,
    Payment,
    Plan,
    Refund,
    Subscription,
    UnmatchedCharge,
    Wallet,
    WebhookEvent,
)
from billing.reconciliation import as_lines, reconcile
from billing.services import ends, inbox, refunds, sweeps
from common.errors import NoCredits
from tests.billing.providers.test_sandbox import SandboxPayer
from tests.people import Person
from tests.standins.midtrans_server import MidtransServer
from tests.standins.payments import Delivery
from tests.standins.paypal_server import PayPalServer
from tests.standins.shift4_server import Shift4Server
from tests.standins.stripe_server import StripeServer
from tests.standins.trustpay_server import TrustPayServer
from tests.standins.xendit_server import XenditServer

PURCHASES = int(os.environ.get("CHAOS_PURCHASES", "60"))
SERVERS: dict[str, Callable[[], Any]] = {
    "stripe": StripeServer,
    "paypal": PayPalServer,
    "shift4": Shift4Server,
    "trustpay": TrustPayServer,
    "midtrans": MidtransServer,
    "xendit": XenditServer,
    "sandbox": SandboxPayer,
}
RENEWING = ("stripe", "paypal", "sandbox")
CURRENCY = {"midtrans": "IDR", "xendit": "IDR"}
THREADS = 6
TRIES = 5
LOST = 0.1
TIMES = (1, 1, 1, 2, 5)


@dataclass
class Purchase:
    """One of the plan, and what became of it at the provider."""

    buyer: Person
    provider: str
    wish: dict[str, str]
    fate: str  # paid, declined, left or expired
    session: CheckoutSession | None = None

    @property
    def is_renewing(self) -> bool:
        return self.wish["type"] == "subscription"


@dataclass
class Wound:
    """Something that happens to a payment after it was credited."""

    payment: Payment
    kind: str  # asked, there, disputed or won
    amount: int


@pytest.fixture
def servers(settings: Any) -> Iterator[dict[str, Any]]:
    running = {name: server().__enter__() for name, server in SERVERS.items()}
    for name, server in running.items():
        if name != "sandbox":
            server._http.handle_error = _say_nothing
    settings.PAYMENT_PROVIDERS = {
        name: site.PAYMENT_PROVIDERS["sandbox"] if name == "sandbox" else server.block
        for name, server in running.items()
    }
    yield running
    for server in running.values():
        server.__exit__(None, None, None)


def _say_nothing(*_: object) -> None:
    """Of connections that end because a worker was killed."""


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 1_000_000)
    sys.stdout.write(f"CHAOS_SEED={seed} CHAOS_PURCHASES={PURCHASES}\n")
    return random.Random(seed)


class Chaos:
    def __init__(self, servers: dict[str, Any], rng: random.Random, staff: Person) -> None:
        self.servers, self.rng, self.staff = servers, rng, staff
        self.counts: Counter[str] = Counter()

    # --- what happens -------------------------------------------------------------------------------------------------

    def all_at_once(self, act: Callable[[Any], None], things: list[Any]) -> None:
        def alone(thing: Any) -> None:
            try:
                act(thing)
            finally:
                connection.close()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(alone, things))

    def buy(self, purchase: Purchase) -> None:
        name, server = purchase.provider, self.servers[purchase.provider]
        session = services.start_checkout(
            user=purchase.buyer.user,
            organization_id=purchase.buyer.organization_id,
            provider=name,
            currency=CURRENCY.get(name, "USD"),
            key=f"chaos:{id(purchase)}",
            **purchase.wish,
        )
        purchase.session = session
        match purchase.fate:
            case "paid":
                server.pay(session.provider_session_id)
            case "declined":
                server.decline(session.provider_session_id)

    def wound(self, wound: Wound) -> None:
        payment, server = wound.payment, self.servers[wound.payment.provider]
        match wound.kind:
            case "asked":  # by us: a row, which workers send however often they die over it
                refunds._request(payment.pk, self.staff.user, "chaos", wound.amount, by_staff=True)
            case "there":
                server.refund(payment.intent_id, wound.amount)
            case "disputed" | "won":
                server.dispute(payment.intent_id)
        if wound.kind == "won":
            server.win_dispute(payment.intent_id)

    def tell(self) -> None:
        """Everything the providers have to tell: a tenth never comes, the rest comes up to five times in any order."""
        posts: list[tuple[str, Delivery]] = []
        for name, server in self.servers.items():
            for delivery in server.taken():
                self.counts["webhooks"] += 1
                if self.rng.random() < LOST:
                    self.counts["lost"] += 1
                else:
                    posts += [(name, delivery)] * self.rng.choice(TIMES)
        self.rng.shuffle(posts)
        self.counts["posted"] += len(posts)
        self.all_at_once(self.post, posts)

    def post(self, told: tuple[str, Delivery]) -> None:
        name, delivery = told
        kind = {"content_type": delivery.headers.get("Content-Type", "application/json")}
        for _ in range(TRIES):  # as providers do: what was not taken comes again
            answer = Client().post(f"/webhooks/{name}", delivery.body, **kind, headers=delivery.headers)
            if answer.status_code != 503:
                break
        assert answer.status_code == 200, (name, answer.content)

    def work_while_killed(self, seconds: float) -> None:
        """Until nothing waits. Leases of the killed run out at once, which may hit the living, too."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            waiting = WebhookEvent.objects.filter(status="waiting", attempts__lt=6).update(next_try_at=None)
            waiting += Refund.objects.filter(status="pending", provider_refund_id="").update(next_try_at=None)
            if not waiting:
                return
            time.sleep(0.4)

    def settle_at_providers(self) -> None:
        """Where a refund takes its time at a provider, that time is over."""
        for refund in list(self.servers["xendit"].refunds.values()):
            if refund["status"] == "PENDING":
                self.servers["xendit"].settle(refund["id"])

    def sweep(self) -> None:
        """An hour passes, and a day since anything was read; the sweeps run, nobody is killed."""
        hour, days = timezone.now() - timedelta(hours=1), timezone.now() - timedelta(days=2)
        CheckoutSession.objects.update(created_at=hour, read_at=days)
        Subscription.objects.update(read_at=days)
        Payment.objects.filter(status="pending").update(created_at=hour)
        self.work_off()
        for sweep in (
            sweeps.read_open_sessions,
            sweeps.read_stale_subscriptions,
            sweeps.read_pending_payments,
            sweeps.read_paid_payments,
        ):
            for _ in range(1 + PURCHASES // sweeps.AT_ONCE):
                sweep()

    def work_off(self) -> None:
        """What waits for its time, whose time has come."""
        hour = timezone.now() - timedelta(hours=1)
        WebhookEvent.objects.filter(status="waiting").update(created_at=hour, next_try_at=None)
        Refund.objects.filter(status="pending").update(created_at=hour, next_try_at=None)
        for _ in range(1 + PURCHASES // 60):
            inbox.work_off()
            refunds.send_due_refunds()
        ends.tell_providers()

    # --- the plan -----------------------------------------------------------------------------------------------------

    def plan(self, buyers: list[Person], subscribers: list[Person]) -> list[Purchase]:
        names = list(self.servers)
        purchases = []
        for index in range(PURCHASES - len(subscribers)):
            buyer, provider = buyers[index % len(buyers)], names[index % len(names)]
            wish = {"type": "one_time", "pack": self.rng.choice(["starter", "creator"])}
            if self.rng.random() < 0.12:
                wish = {"type": "one_time", "plan": "premium", "billing_period": "month"}
            fate = self.rng.choices(["paid", "declined", "left"], [86, 7, 7])[0]
            purchases.append(Purchase(buyer, provider, wish, fate))
        for index, subscriber in enumerate(subscribers):
            wish = {"type": "subscription", "plan": self.rng.choice(["premium", "pro"])}
            purchases.append(Purchase(subscriber, RENEWING[index % len(RENEWING)], wish, "paid"))
        self.rng.shuffle(purchases)
        return purchases

    def wounds(self) -> list[Wound]:
        paid = list(Payment.objects.filter(status="paid").select_related("session").order_by("id"))
        found = []
        for payment in self.rng.sample(paid, len(paid) * 3 // 10):
            kinds = ["asked", "asked", "there", "there"]
            if payment.provider != "xendit":
                kinds += ["disputed"]
            if payment.provider not in {"xendit", "midtrans", "trustpay"}:
                kinds += ["won"]
            kind = self.rng.choice(kinds)
            amount = payment.amount
            if (
                self.rng.random() < 0.3
                and payment.provider not in {"trustpay", "sandbox"}
                and not payment.subscription_id
            ):
                amount = payment.amount // 200 * 100  # whole hundreds: rupiah have no smaller coin
            found.append(Wound(payment, kind, amount))
            self.counts[kind] += 1
        return found

    def spend(self) -> None:
        """So that some refunds find nothing left."""
        for wallet in Wallet.objects.filter(balance__gt=0).order_by("?")[: 1 + PURCHASES // 40]:
            try:
                services.spend(organization_id=wallet.organization_id, amount=wallet.total - 1, feature="story")
            except NoCredits:
                continue
            self.counts["spenders"] += 1


@pytest.fixture
def workers(servers: dict[str, Any], rng: random.Random, own_connections: None) -> Iterator[subprocess.Popen[str]]:
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    names = {name: {key: value for key, value in block.items() if isinstance(value, str)} for name, block in
             site.PAYMENT_PROVIDERS.items()}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.billing.chaos_workers"],
        cwd=site.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": site.REDIS_URL,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps({"providers": names, "seed": rng.random()}) + "\n")
    process.stdin.flush()
    yield process
    if process.poll() is None:
        process.communicate(timeout=20)


def test_whatever_happens_everything_is_credited_once_and_taken_back_once(servers, rng, staff, join, workers, settings):
    settings.RATE_LIMIT_FACTOR = 1000  # all providers tell from one address here
    began = time.monotonic()
    chaos = Chaos(servers, rng, staff)
    buyers = [join(f"buyer{index}") for index in range(max(6, PURCHASES // 40))]
    subscribers = [join(f"subscriber{index}") for index in range(max(4, PURCHASES // 20))]
    gifts = dict(Wallet.objects.values_list("organization_id", "bonus_balance"))
    purchases = chaos.plan(buyers, subscribers)
    patience = 1 + PURCHASES / 40

    chaos.all_at_once(chaos.buy, purchases)
    chaos.tell()
    chaos.work_while_killed(patience)
    chaos.spend()
    wounds = chaos.wounds()
    chaos.all_at_once(chaos.wound, wounds)
    chaos.tell()
    chaos.work_while_killed(patience)
    chaos.settle_at_providers()
    chaos.tell()
    output, _ = workers.communicate(timeout=30)
    chaos.counts["killed"] = json.loads(output)["killed"]
    swept_before = Payment.objects.filter(paid_at__isnull=False).count()
    chaos.sweep()
    chaos.work_off()
    chaos.counts["found by sweeps"] = Payment.objects.filter(paid_at__isnull=False).count() - swept_before

    _every_paid_session_is_credited_once(purchases, gifts)
    _every_refund_is_taken_back_once(wounds)
    _the_books_agree(servers)
    assert chaos.counts["killed"] > 5
    sys.stdout.write(f"{PURCHASES} purchases in {time.monotonic() - began:.1f} s: {dict(chaos.counts)}\n")


def _every_paid_session_is_credited_once(purchases: list[Purchase], gifts: dict[Any, Decimal]) -> None:
    """The truth is what payers did at the providers, not what our rows say."""
    packs = {pack.name: pack for pack in Pack.objects.all()}
    plans = {plan.name: plan for plan in Plan.objects.all()}
    came: Counter[Any] = Counter()
    for purchase in purchases:
        assert purchase.session
        purchase.session.refresh_from_db()
        received = Payment.objects.filter(session=purchase.session, paid_at__isnull=False)
        about = (purchase, list(received))
        if purchase.fate != "paid":
            assert purchase.session.status != "paid", about
            assert not received, about
            continue
        assert purchase.session.status == "paid", about
        assert received.count() == 1, about
        organization_id = purchase.buyer.organization_id
        if pack := packs.get(purchase.wish.get("pack", "")):
            came[organization_id] += pack.credits + pack.bonus_credits
        elif purchase.is_renewing:
            came[organization_id] += plans[purchase.wish["plan"]].monthly_credits
    paid = sum(purchase.fate == "paid" for purchase in purchases)
    assert Payment.objects.filter(paid_at__isnull=False).count() == Invoice.objects.count() == paid
    assert not UnmatchedCharge.objects.exists()
    for organization_id in {purchase.buyer.organization_id for purchase in purchases}:
        entries = Entry.objects.filter(wallet__organization_id=organization_id)
        bought = entries.filter(feature__in=["purchase", "plan"]).exclude(kind="expiry")
        # bought months follow each other: only those that have begun were granted
        periods = Subscription.objects.filter(organization_id=organization_id, renews=False)
        months = periods.aggregate(begun=Sum("months_granted"))["begun"] or 0
        expected = came[organization_id] + months * plans["premium"].monthly_credits
        assert sum(entry.amount for entry in bought) == expected, (organization_id, bought)


def _every_refund_is_taken_back_once(wounds: list[Wound]) -> None:
    for wound in wounds:
        payment = wound.payment
        payment.refresh_from_db()
        back, about = wound.kind in {"asked", "there"}, (wound, payment.status, payment.refunded_amount)
        assert payment.refunded_amount == (wound.amount if back else 0), about
        assert payment.disputed is (wound.kind == "disputed"), about
        entries = Entry.objects.filter(key__startswith=f"payment:{payment.pk}:")
        moved = entries.filter(Q(key__contains=":back:") | Q(key__contains=":again:"))
        assert -sum(entry.amount for entry in moved) == payment.taken_back, about
        whole = payment.credits + payment.bonus_credits
        if wound.kind == "won":
            assert payment.taken_back + payment.missing == 0, about
        elif wound.amount == payment.amount:
            assert payment.taken_back + payment.missing == whole, about
        if wound.kind == "asked":
            assert payment.refunds.get().status == "succeeded", about
    assert not Refund.objects.exclude(status="succeeded").exists()


def _the_books_agree(servers: dict[str, Any]) -> None:
    assert not Wallet.objects.filter(balance__lt=0).exists()
    assert not WebhookEvent.objects.filter(status="waiting").exists()
    report = reconcile()
    assert report.ok, "\n".join(as_lines(report))
    days = sorted({moment.astimezone(UTC).date() for moment in Payment.objects.filter(paid_at__isnull=False)
                   .values_list("paid_at", flat=True)} | {datetime.now(UTC).date()})  # fmt: skip
    for day in days:
        for compared in reconciliation_providers.compare_all(day):
            assert compared.ok, "\n".join(reconciliation_providers.as_lines([compared]))
