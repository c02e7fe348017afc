"""Staff roles as groups, what each may see and do in the console, and that nothing is written without a reason."""

from typing import Any

import django_rq
import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rq import Queue
from rq.job import Job

from accounts import services
from accounts.models import User
from common.admin_reasons import ReasonAdmin, ReasonForm
from common.models import AuditEntry
from config import staff as roles
from config.console import GROUPS
from generation.models import AIModel

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NO_TABLE = {"django_rq.Dashboard"}

# What each role sees. Everything else of the console is closed to it; an administrator sees it all.
SEES = {
    "moderator": {
        *("accounts.User", "accounts.AuthSession", "accounts.Block"),
        *("characters.Character", "characters.Lorebook", "characters.Like", "characters.Persona"),
        *("chat.Conversation", "chat.Member", "chat.Message", "chat.Variant", "chat.MessageTrace"),
        *("media.Asset", "media.StoredContent"),
        "common.AuditEntry",
    },
    "support": {
        *("accounts.User", "accounts.Organization", "accounts.Membership", "accounts.AuthSession"),
        *("accounts.Invitation", "accounts.ApiKey", "accounts.Consent", "accounts.DataExport"),
        *("account.EmailAddress", "socialaccount.SocialAccount", "mfa.Authenticator"),
        *("common.OutgoingMail", "common.MailSuppression", "common.MailEvent"),
        *("media.Asset", "media.StoredContent", "media.Upload", "media.StorageUse"),
        *("notifications.Notification", "billing.Wallet"),
    },
    "finance": {
        *("billing.Wallet", "billing.Entry", "billing.Reservation", "billing.Budget"),
        *("billing.Plan", "billing.Pack", "billing.Price"),
        *("billing.Payment", "billing.Refund", "billing.Invoice", "billing.CheckoutSession", "billing.Subscription"),
        *("billing.TopUp", "billing.Customer", "billing.UnmatchedCharge", "billing.WebhookEvent"),
        *("billing.AdjustmentRequest", "billing.TierUse"),
        "accounts.Organization",
        *("djstripe.Session", "djstripe.PaymentIntent", "djstripe.Charge", "djstripe.Refund", "djstripe.Dispute"),
        *("djstripe.Subscription", "djstripe.Invoice", "djstripe.Customer", "djstripe.Product", "djstripe.Price"),
        *("djstripe.Event", "djstripe.Account"),
    },
    "admin": {model._meta.label for model in MODELS},
}
# What may be written by a form rather than by an action, and by whom.
WRITES = {
    "accounts.User": {"support", "admin"},
    "generation.AIModel": {"admin"},
    "auth.Group": {"admin"},
    "billing.Plan": {"finance", "admin"},
    "billing.Pack": {"finance", "admin"},
    "billing.Price": {"finance", "admin"},
}


@pytest.fixture
def of_role(join):
    """`of_role("finance")`: a browser of somebody who has the role."""

    def sign_in(role: str) -> Client:
        person = join(f"sven-{role}")
        boss = User.objects.create_superuser(f"boss-{role}@troupe.example", username=f"boss-{role}")
        services.set_access(user=person.user, role=role, is_active=True, actor=boss, reason="hired")
        client = Client()
        client.force_login(person.user)
        return client

    return sign_in


def address(model: Any, page: str = "changelist", *key: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=key)


# --- groups -----------------------------------------------------------------------------------------------------------


def test_each_role_has_its_group_with_what_the_table_says():
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.MAY) == {*map(str, SEES)}
    for role, names in roles.MAY.items():
        held = Group.objects.get(name=role).permissions.select_related("content_type")
        assert {f"{one.content_type.app_label}.{one.codename}" for one in held} == set(names), role


def test_what_an_operator_edited_is_not_overwritten():
    group = Group.objects.get(name="finance")
    group.permissions.set([])
    roles.make_staff_groups()
    assert group.permissions.count() == 0


def test_a_group_that_is_missing_is_made_again_with_who_has_the_role(join):
    sven = join("sven").user
    services.set_access(user=sven, role="finance", is_active=True, actor=sven, reason="hired")
    Group.objects.get(name="finance").delete()
    call_command("prepare", verbosity=0)
    group = Group.objects.get(name="finance")
    assert list(group.user_set.all()) == [sven]
    assert group.permissions.count() == len(roles.MAY["finance"])


def test_a_persons_groups_are_their_role(join):
    sven = join("sven").user

    def groups(role: str) -> list[str]:
        services.set_access(user=sven, role=role, is_active=True, actor=sven, reason="a test")
        return list(sven.groups.values_list("name", flat=True))

    assert groups("support") == ["support"]
    assert groups("finance") == ["finance"]
    assert groups("admin") == ["admin"]
    assert groups("member") == groups("creator") == []


@pytest.mark.parametrize("role", ["moderator", "support", "finance", "admin", "member"])
def test_who_is_made_with_a_role_is_in_its_group(role):
    user = User.objects.create_user("new@troupe.example", role=role)
    assert list(user.groups.values_list("name", flat=True)) == ([] if role == "member" else [role])


# --- the matrix -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", SEES)
def test_who_sees_what(of_role, role):
    client = of_role(role)
    seen = {model._meta.label for model in MODELS if client.get(address(model)).status_code == 200}
    assert seen == SEES[role] & {model._meta.label for model in MODELS}


@pytest.mark.parametrize("role", [*SEES, "creator"])
def test_who_writes_what_by_a_form(of_role, rf, role):
    of_role(role)
    request = rf.get("/admin/")
    request.user = User.objects.get(username=f"sven-{role}")
    for model, model_admin in admin.site._registry.items():
        may = model_admin.has_change_permission(request) or model_admin.has_add_permission(request)
        if model._meta.label not in NO_TABLE:
            assert may is (role in WRITES.get(model._meta.label, set())), (role, model)
        assert not model_admin.has_delete_permission(request) or role == "admin"


@pytest.mark.parametrize("role", SEES)
def test_the_sidebar_shows_what_the_role_may_see_and_nothing_empty(of_role, role):
    client = of_role(role)
    page = client.get("/admin/")
    assert page.status_code == 200
    groups = page.context["sidebar_navigation"]
    linked = {item["link"] for group in groups for item in group["items"]} - {"/admin/"}
    desk = {reverse("admin:billing_finance")} if role in {"finance", "admin"} else set()
    assert linked == {address(model) for model in MODELS if model._meta.label in SEES[role]} | desk
    assert all(group["items"] for group in groups)
    assert "More" not in [str(group.get("title")) for group in groups]


def test_every_model_of_the_console_has_its_place():
    named = {label for models in GROUPS.values() for label in models}
    assert named == {model._meta.label for model in MODELS}


def test_every_permission_of_the_table_exists():
    for role, names in roles.MAY.items():
        assert len(roles.permissions_of(role)) == len(names), role


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_no_model_of_the_console_can_be_written_without_a_reason(rf, staff):
    """Every registered model: what is not read-only has our base, whose forms ask; every action has our dialog."""
    request = rf.get("/admin/")
    request.user = staff.user
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label
        if label in NO_TABLE:
            continue
        assert isinstance(model_admin, ReasonAdmin), label
        assert not model_admin.list_editable, label
        assert not model_admin.get_inline_instances(request), label
        assert not any(field.name == "reason" for field in model._meta.fields) or not (
            model_admin.has_change_permission(request) or model_admin.has_add_permission(request)
        ), label
        assert set(model_admin.get_actions(request)) <= {"delete_selected"}, label
        row = model()
        for obj, may in (
            (None, model_admin.has_add_permission(request)),
            (row, _may_change(model_admin, request, row)),
        ):
            if may:
                form = model_admin.get_form(request, obj, change=obj is not None)
                assert form.base_fields["reason"].required, label
                shown = [name for _, options in model_admin.get_fieldsets(request, obj) for name in options["fields"]]
                assert "reason" in shown, label
        for name in _custom_actions(model_admin):
            dialog = getattr(getattr(model_admin, name), "dialog", None)
            assert dialog, f"{label}.{name} has no dialog"
            assert issubclass(dialog["form_class"], ReasonForm), f"{label}.{name}"


def _may_change(model_admin: Any, request: Any, row: Any) -> bool:
    return model_admin.has_change_permission(request, row)


def _custom_actions(model_admin: Any) -> list[str]:
    places = ("actions_list", "actions_row", "actions_detail", "actions_submit_line")
    return [name for place in places for name in getattr(model_admin, place) or ()]


MODEL = {
    "kind": "text",
    "provider": "local",
    "name": "new",
    "label": "New",
    "context_tokens": "4000",
    "max_output_tokens": "500",
    "price": "1",
    "input_price": "0",
    "output_price": "0",
}


@pytest.fixture
def console(staff):
    client = Client()
    client.force_login(staff.user)
    return client


@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "no"}])
def test_a_row_is_not_added_without_a_reason(console, reason):
    assert console.post(address(AIModel, "add"), MODEL | reason).status_code == 200
    assert not AIModel.objects.filter(name="new").exists()
    assert not AuditEntry.objects.exists()


def test_a_row_is_added_changed_and_deleted_with_a_reason(console, staff):
    assert console.post(address(AIModel, "add"), MODEL | {"reason": "asked for"}).status_code == 302
    row = AIModel.objects.get(name="new")
    changed = MODEL | {"price": "2", "label": "Newer"}
    assert console.post(address(AIModel, "change", row.pk), changed).status_code == 200
    assert AIModel.objects.get(name="new").price == 1
    assert console.post(address(AIModel, "change", row.pk), changed | {"reason": "dearer"}).status_code == 302
    assert AIModel.objects.get(name="new").price == 2
    question = console.post(address(AIModel, "delete", row.pk), {"post": "yes"})
    assert (question.status_code, b"Reason" in question.content) == (200, True)
    assert AIModel.objects.filter(name="new").exists()
    history = console.get(address(AIModel, "history", row.pk)).content.decode()
    assert "dearer" in history
    assert console.post(address(AIModel, "delete", row.pk), {"post": "yes", "reason": "retired"}).status_code == 302
    assert not AIModel.objects.filter(name="new").exists()
    trail = AuditEntry.objects.filter(actor=staff.user).order_by("pk").values_list("action", "reason", "target_id")
    assert list(trail) == [
        ("admin.add", "asked for", str(row.pk)),
        ("admin.change", "dearer", str(row.pk)),
        ("admin.delete", "retired", str(row.pk)),
    ]
    assert AuditEntry.objects.get(action="admin.change").data == {"fields": ["label", "price"]}


def test_many_rows_are_not_deleted_without_a_reason(console):
    rows = [AIModel.objects.create(**MODEL | {"name": f"m{number}"}) for number in range(3)]
    chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
    for asked in (chosen, chosen | {"post": "yes"}, chosen | {"post": "yes", "reason": " "}):
        response = console.post(address(AIModel), asked)
        assert (response.status_code, b"Reason" in response.content) == (200, True)
        assert AIModel.objects.filter(pk__in=[row.pk for row in rows]).count() == 3
    console.post(address(AIModel), chosen | {"post": "yes", "reason": "retired"})
    assert not AIModel.objects.filter(pk__in=[row.pk for row in rows]).exists()
    assert AuditEntry.objects.filter(action="admin.delete", reason="retired").count() == 3


def test_a_groups_permissions_are_edited_with_a_reason(console):
    group = Group.objects.get(name="finance")
    one = Permission.objects.get(codename="view_user")
    edited = {"name": "finance", "permissions": [one.pk]}
    console.post(address(Group, "change", group.pk), edited)
    assert one not in group.permissions.all()
    console.post(address(Group, "change", group.pk), edited | {"reason": "they asked"})
    assert list(group.permissions.all()) == [one]
    entry = AuditEntry.objects.get(action="admin.change")
    assert (entry.reason, entry.data) == ("they asked", {"fields": ["permissions"]})


# --- the queues -------------------------------------------------------------------------------------------------------

LOW = 2  # the index of the queue


def queue_page(name: str, *args: Any) -> str:
    return reverse(f"admin:django_rq_{name}", args=args)


@pytest.fixture
def job() -> Job:
    return Queue("low", connection=django_rq.get_connection("low")).enqueue("common.tasks.forget_idempotency_keys")


def test_a_job_is_not_deleted_without_a_reason(console, staff, job):
    path = queue_page("delete_job", LOW, job.id)
    assert console.get(path).status_code == 200
    for sent in ({}, {"reason": ""}, {"reason": "x"}):
        assert b"Reason" in console.post(path, sent).content
        assert Job.exists(job.id, connection=job.connection)
    assert console.post(path, {"reason": "queued by mistake"}).status_code == 302
    assert not Job.exists(job.id, connection=job.connection)
    entry = AuditEntry.objects.get(action="queue.delete_job")
    assert (entry.actor_id, entry.reason, entry.target_id) == (staff.id, "queued by mistake", job.id)


def test_many_jobs_are_not_changed_without_a_reason(console, job):
    chosen = {"action": "delete", "job_ids": [job.id], "next_url": "/admin/"}
    asked = console.post(queue_page("actions", LOW), chosen)
    assert asked.status_code == 200
    assert f'name="job_ids" value="{job.id}"' in asked.content.decode()
    assert Job.exists(job.id, connection=job.connection)
    console.post(queue_page("actions", LOW), chosen | {"reason": "queued by mistake"})
    assert not Job.exists(job.id, connection=job.connection)
    assert AuditEntry.objects.get().data == {"action": "delete", "jobs": [job.id]}


def test_every_page_of_the_queues_that_takes_a_post_asks_why(console, job):
    asking = 0
    for pattern in admin.site._registry[_dashboard()].get_urls():
        if not (pattern.name or "").startswith("django_rq_") or pattern.name in (
            "django_rq_home_json",
            "django_rq_metrics",
        ):
            continue
        known = {"queue_index": LOW, "job_id": job.id, "scheduler_index": 0, "connection_index": 0, "key": "x"}
        arguments = [known.get(name, "x") for name in pattern.pattern.converters]
        if pattern.name == "django_rq_confirm_action":
            continue  # it only shows what was chosen
        response = console.post(reverse(f"admin:{pattern.name}", args=arguments), {"action": "delete"})
        assert b'name="reason"' in response.content, pattern.name
        asking += 1
    assert asking > 15
    assert Job.exists(job.id, connection=job.connection)
    assert not AuditEntry.objects.exists()


def _dashboard() -> Any:
    return next(model for model in admin.site._registry if model._meta.label == "django_rq.Dashboard")


@pytest.mark.parametrize("role", ["moderator", "support", "finance"])
def test_only_administrators_see_the_queues(of_role, job, role):
    client = of_role(role)
    for path in (queue_page("home"), queue_page("jobs", LOW), queue_page("job_detail", LOW, job.id)):
        assert client.get(path).status_code == 403
    assert client.post(queue_page("delete_job", LOW, job.id), {"reason": "for fun"}).status_code == 403
    assert Job.exists(job.id, connection=job.connection)
