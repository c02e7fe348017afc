"""The wallet in the browser, and in the operators' console."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing import services
from billing.models import Entry, Reservation, Wallet
from common.models import AuditEntry, new_id

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def browser():
    def browser(person):
        client = Client()
        client.force_login(person.user, backend="accounts.backends.EmailBackend")
        return client

    return browser


class TestWalletPage:
    def test_is_for_the_signed_in(self):
        answer = Client().get("/wallet")
        assert answer.status_code == 302
        assert "/sign-in" in answer.headers["Location"]

    def test_reads_like_a_ledger(self, browser, owner):
        services.spend(organization_id=owner.organization_id, amount="2.5", feature="story", description="A <sonnet>")
        answer = browser(owner).get("/wallet")
        text = answer.content.decode()
        assert answer.status_code == 200
        assert answer.context["wallet"]["total"] == "17.5"
        assert [line["kind"] for line in answer.context["lines"]] == ["spend", "grant"]
        assert answer.context["next"] is None
        assert "A &lt;sonnet&gt;" in text
        assert "−2.5" in text
        assert "A gift of the house to begin with" in text

    def test_gives_htmx_the_next_lines_alone(self, browser, owner):
        for _ in range(35):
            services.spend(organization_id=owner.organization_id, amount="0.1", feature="story")
        page = browser(owner)
        first = page.get("/wallet")
        assert len(first.context["lines"]) == 30
        rest = page.get("/wallet", {"cursor": first.context["next"]}, headers={"HX-Request": "true"})
        assert [line["kind"] for line in rest.context["lines"]] == ["spend"] * 5 + ["grant"]
        assert "<html" not in rest.content.decode()
        assert "<html" in page.get("/wallet", {"cursor": first.context["next"]}).content.decode()

    @pytest.mark.parametrize("cursor", ["x", "%00", "W" * 3000])
    def test_with_an_odd_cursor_is_not_found(self, browser, owner, cursor):
        assert browser(owner).get(f"/wallet?cursor={cursor}").status_code == 404

    def test_is_not_kept_by_caches(self, browser, owner):
        assert "no-store" in browser(owner).get("/wallet").headers["Cache-Control"]


class TestConsole:
    @pytest.fixture
    def console(self, browser, staff):
        return browser(staff)

    def address(self, name, person):
        wallet = Wallet.objects.get(organization=person.organization_id)
        return reverse(f"admin:billing_wallet_{name}", args=[wallet.pk])

    @pytest.mark.parametrize("model", ["wallet", "entry", "reservation"])
    def test_shows_lists_and_rows_and_changes_none(self, console, owner, model):
        services.reserve(organization_id=owner.organization_id, amount=1, feature="chat", key="k", expires_in=HOUR)
        row = {"wallet": Wallet, "entry": Entry, "reservation": Reservation}[model].objects.first()
        change = reverse(f"admin:billing_{model}_change", args=[row.pk])
        assert console.get(reverse(f"admin:billing_{model}_changelist")).status_code == 200
        assert console.get(change).status_code == 200
        assert console.post(change, {"balance": "1000"}).status_code == 403
        assert console.get(reverse(f"admin:billing_{model}_add")).status_code == 403
        assert console.post(reverse(f"admin:billing_{model}_delete", args=[row.pk])).status_code == 403

    @pytest.mark.parametrize("search", ["olivia", "OLIV", "{wallet}", "{organization}"])
    def test_finds_a_wallet_by_person_and_by_ids(self, console, owner, stranger, search):
        wallet = Wallet.objects.get(organization=owner.organization_id)
        term = search.format(wallet=wallet.pk, organization=owner.organization_id)
        page = console.get(reverse("admin:billing_wallet_changelist"), {"q": term})
        assert list(page.context["cl"].queryset) == [wallet]

    @pytest.mark.parametrize("search", ["{wallet}", "{entry}", "signup:{organization}"])
    def test_finds_entries_by_wallet_id_and_key(self, console, owner, stranger, search):
        entry = Entry.objects.get(wallet__organization=owner.organization_id)
        term = search.format(wallet=entry.wallet_id, entry=entry.pk, organization=owner.organization_id)
        page = console.get(reverse("admin:billing_entry_changelist"), {"q": term})
        assert list(page.context["cl"].queryset) == [entry]

    @pytest.mark.parametrize("model", ["wallet", "entry", "reservation"])
    @pytest.mark.parametrize("search", ["x" * 10_000, "%", "'", "\x00", "00000000-0000-0000-0000-000000000000"])
    def test_an_odd_search_finds_nothing(self, console, owner, model, search):
        page = console.get(reverse(f"admin:billing_{model}_changelist"), {"q": search})
        assert page.status_code in {200, 302}

    def test_grants_credits_with_a_reason_once(self, console, owner, staff):
        address = self.address("grant_credits", owner)
        assert "Reason" in console.get(address).content.decode()
        form = {"_form_submitted": "on", "amount": "7.5", "bucket": "main", "reason": "a broken page", "key": new_id()}
        for _ in range(2):  # sent twice by a double click
            assert "HX-Redirect" in console.post(address, form).headers
        entry = Entry.objects.get(description="a broken page")
        assert (entry.kind, str(entry.main), entry.key) == ("grant", "7.5000000", f"admin:{form['key']}")
        audited = AuditEntry.objects.filter(action="wallet.grant").first()
        assert (audited.actor, audited.reason, audited.data["amount"]) == (staff.user, "a broken page", "7.5")
        assert audited.target_id == str(entry.wallet_id)

    @pytest.mark.parametrize(
        "change",
        [
            {"reason": ""},
            {"amount": "0"},
            {"amount": "-1"},
            {"amount": "1.00000001"},
            {"amount": "NaN"},
            {"bucket": "third"},
            {"key": "x"},
            {"amount": "1e13"},
            {"reason": "x" * 501},
        ],
    )
    def test_grants_nothing_on_an_odd_form(self, console, owner, change):
        form = {"_form_submitted": "on", "amount": "7", "bucket": "main", "reason": "a gift", "key": new_id()} | change
        assert "HX-Redirect" not in console.post(self.address("grant_credits", owner), form).headers
        assert Entry.objects.filter(wallet__organization=owner.organization_id).count() == 1

    def test_adjusts_in_both_directions_but_never_below_zero(self, console, owner):
        def adjust(amount, bucket):
            form = {"_form_submitted": "on", "amount": amount, "bucket": bucket, "reason": "set right", "key": new_id()}
            return console.post(self.address("adjust_credits", owner), form)

        adjust("-5", "bonus")
        adjust("2", "main")
        adjust("-3", "main")
        wallet = Wallet.objects.get(organization=owner.organization_id)
        assert (wallet.balance, wallet.bonus_balance) == (2, 15)
        assert AuditEntry.objects.filter(action="wallet.adjust").count() == 2

    def test_who_may_not_move_credits_does_not(self, browser, owner, stranger):
        """Staff without the permission, and people who are not staff at all."""
        form = {"_form_submitted": "on", "amount": "7", "bucket": "main", "reason": "for me", "key": new_id()}
        for role in ("support", "member"):
            type(stranger.user).objects.filter(pk=stranger.id).update(role=role)
            stranger.user.refresh_from_db()
            answer = browser(stranger).post(self.address("grant_credits", stranger), form)
            assert answer.status_code in {302, 403}
        assert not Entry.objects.filter(description="for me").exists()
