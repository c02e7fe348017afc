"""What staff see of API keys and budgets, and what they do with a reason."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from billing import services as billing
from billing.models import Budget
from common.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(owner):
    return services.create_api_key(organization_id=owner.organization_id, user_id=owner.id, name="Bot").row


@pytest.fixture
def budget(owner):
    return billing.create_budget(
        organization_id=owner.organization_id, scope="organization", period="day", limit=5, actor=owner.user
    )


@pytest.fixture
def console(staff):
    console = Client()
    console.force_login(staff.user)
    return console


def send(console, action, row, **fields):
    """Fills in the dialog of an action."""
    return console.post(reverse(f"admin:{action}", args=[row.pk]), {"_form_submitted": "on"} | fields)


def test_the_lists_and_the_rows_open_and_no_digest_is_shown(console, key, budget):
    for model, row in (("accounts_apikey", key), ("billing_budget", budget)):
        for path in (
            reverse(f"admin:{model}_changelist"),
            reverse(f"admin:{model}_changelist") + f"?q={row.organization_id}",
            reverse(f"admin:{model}_changelist") + "?q=oliv",
            reverse(f"admin:{model}_change", args=[row.pk]),
        ):
            response = console.get(path)
            assert response.status_code == 200
            assert key.digest not in response.content.decode()
    assert console.post(reverse("admin:accounts_apikey_add")).status_code == 403
    assert console.post(reverse("admin:billing_budget_change", args=[budget.pk])).status_code == 403


def test_a_key_is_revoked_with_a_reason(console, staff, key):
    send(console, "accounts_apikey_revoke", key, reason="")
    key.refresh_from_db()
    assert key.revoked_at is None
    send(console, "accounts_apikey_revoke", key, reason="It stood in a public repository")
    key.refresh_from_db()
    assert key.revoked_by_id == staff.id
    entry = AuditEntry.objects.get(action="api_key.revoke")
    assert entry.reason == "It stood in a public repository"


def test_a_limit_is_changed_and_a_budget_removed_with_a_reason(console, budget):
    send(console, "billing_budget_change_limit", budget, limit="9", reason="")
    budget.refresh_from_db()
    assert budget.limit == 5
    send(console, "billing_budget_change_limit", budget, limit="9", reason="They asked for it")
    budget.refresh_from_db()
    assert budget.limit == 9
    send(console, "billing_budget_remove", budget, reason="They asked for it")
    assert not Budget.objects.exists()
    reasons = AuditEntry.objects.filter(action__startswith="budget.").order_by("id").values_list("action", "reason")
    assert list(reasons)[1:] == [("budget.change", "They asked for it"), ("budget.delete", "They asked for it")]
