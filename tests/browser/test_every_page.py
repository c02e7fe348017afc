"""Every page there is: nothing on its console, nothing refused by its policy, nothing asked of another site."""

import re
import uuid
from datetime import timedelta

import django_rq
import pytest
from django.contrib import admin
from django.utils import timezone
from playwright.sync_api import expect

from billing.sandbox import services as sandbox
from tests.browser import pages
from tests.browser.conftest import DEMO, DESK, PHONE
from tests.browser.money import pays
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

# The largest and the smallest: what fits these fits what lies between.
SCREENS = {
    "a desk at night": {"viewport": DESK, "color_scheme": "dark"},
    "a small phone by day": {
        "viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True, "color_scheme": "light"
    },
}  # fmt: skip
EVERY_SCREEN = SCREENS | {
    "a desk by day": {"viewport": DESK, "color_scheme": "light"},
    "a phone at night": {"viewport": PHONE, "is_mobile": True, "has_touch": True, "color_scheme": "dark"},
}
GROUPS = ["People", "Characters", "Conversations", "Files", "Money", "Payments", "Stripe", "Machinery"]
screens = pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
every_screen = pytest.mark.parametrize("screen", EVERY_SCREEN.values(), ids=EVERY_SCREEN)


@screens
def test_the_pages_a_visitor_sees(window, odile, screen):
    page = window(**screen)
    for path in (
        "/",
        "/?search=sea",
        "/?search=nobodyatall",
        "/?order=new",
        f"/characters/{odile.pk}",
        "/sign-in",
        "/sign-up",
        "/sign-in/link",
        "/forgot-password",
        "/pricing",
        "/terms",
        "/privacy",
        "/goodbye",
    ):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


def invite(member):
    from notifications.services import notify

    notify(user_id=member.user.pk, kind="organization_invited", title="Somebody invites you", body="Come in.")


@screens
def test_the_pages_a_member_sees(window, mira, talk, odile, screen):
    from characters.models import Character

    chat = talk(mira, DEMO)
    own = Character.objects.create(creator=mira.user, name="Ilse", age=70, gender="female")
    invite(mira)
    page = window(mira, **screen)
    paths = ["/", f"/characters/{odile.pk}", "/chats", chat, "/wallet", "/my/characters", "/characters/new"]
    paths += ["/notifications", "/account/security", "/account/sessions", "/account", "/files"]
    for path in [*paths, f"/characters/{own.pk}/edit", f"/characters/{own.pk}/delete"]:
        page.goto(path)
        expect(page.locator("h1")).to_be_attached()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


@screens
def test_the_pages_a_payer_sees(window, mira, screen):
    paths = pays(mira).paths
    page = window(mira, **screen)
    for path in paths:
        page.goto(path)
        expect(page.locator("h1")).to_be_attached()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


@screens
def test_the_pages_that_are_empty_at_first(window, join, screen):
    page = window(join(), **screen)
    for path in (
        "/chats",
        "/my/characters",
        "/notifications",
        "/files",
        "/files?kind=video",
        "/wallet/plan",
        "/wallet/payments",
        "/wallet/invoices",
    ):
        page.goto(path)
        pages.check(page)


@screens
def test_the_pages_of_the_sandbox(window, mira, screen):
    page = window(mira, **screen)
    customer = f"customer-{uuid.uuid4()}"
    opened = [sandbox_checkout(customer) for _ in range(4)]
    sandbox.pay(opened[1].pk)
    sandbox.decline(opened[2].pk)
    sandbox.expire(opened[3].pk)
    for path in (*(f"/sandbox/checkout/{one.pk}" for one in opened), f"/sandbox/stage-door/{customer}"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


def sandbox_checkout(customer_id):
    from billing.providers.base import Order, Payer

    back = "http://127.0.0.1/pricing"
    payer = Payer("a.rather.long.address.of.somebody@troupe.example", "Mira", customer_id=customer_id)
    soon = timezone.now() + timedelta(hours=1)
    wish = Order(str(uuid.uuid4()), "Premium, a month", 1299, "USD", payer, back, back, soon, every="month")
    return sandbox.open_checkout(wish)


def test_the_page_of_the_api(window, watch):
    watch.forgive("escaping deep link whitespace")  # what the library warns of where a name has an underscore
    page = window()
    page.goto("/api/docs#/wallet/wallet_read")  # of the many operations, the page draws those that are in view
    page.locator(".opblock.is-open").get_by_role("button", name="Try it out").click()
    watch.forgive("status of 401")
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_role("cell", name="401", exact=True).first).to_be_visible()


# --- the operators' console -------------------------------------------------------------------------------------------


def test_staff_come_in_by_the_sites_door_and_are_led_back(window, site, join):
    person = join(role="support")
    person.user.set_password("velvet curtain 9")
    person.user.save()
    page = window()
    page.goto("/admin/accounts/user/")
    expect(page).to_have_url(f"{site.url}/sign-in?next=/admin/accounts/user/")
    page.get_by_label("Email").fill(person.user.email)
    page.get_by_label("Password").fill("velvet curtain 9")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{site.url}/admin/accounts/user/")


def test_a_member_is_told_that_the_console_is_for_staff(window, mira, watch):
    watch.forgive("status of 403")
    page = window(mira)
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="The stage door is for staff")).to_be_visible()
    pages.check(page)


def test_a_row_of_the_console_is_changed_with_a_reason_and_its_history_tells_it(window, staff, mira):
    page = window(staff)
    page.goto(f"/admin/accounts/user/{mira.user.pk}/change/")
    page.get_by_label("Bio").fill("Plays Ophelia.")
    page.get_by_label("Reason").fill("They asked by letter.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"/admin/accounts/user/{mira.user.pk}/history/")
    expect(page.get_by_role("cell", name="They asked by letter.")).to_be_visible()


def test_the_console_names_every_model_in_a_group(window, staff):
    page = window(staff)
    page.goto("/admin/")
    sidebar = page.locator("#nav-sidebar-apps")
    expect(sidebar.get_by_role("heading")).to_have_text(GROUPS)
    expect(sidebar.get_by_role("link")).to_have_count(len(admin.site._registry) + 2)  # and Overview and Finance


@screens
def test_the_page_of_the_finance_desk(window, staff, screen):
    page = window(staff, **screen)
    page.goto("/admin/billing/payment/finance/")
    expect(page.get_by_role("heading", name="Waiting for somebody")).to_be_visible()
    assert pages.repeated_ids(page) == []
    assert pages.nameless_controls(page) == []
    assert pages.what_is_wider_than_the_window(page) == []


def test_the_queue_monitor_works_inside_the_console(window, staff):
    job = django_rq.get_queue("low").enqueue("common.tasks.sweep")
    page = window(staff)
    page.goto("/admin/")
    page.locator("#nav-sidebar-apps").get_by_role("link", name="Queues").click()
    page.get_by_role("row", name="low").get_by_role("link", name="low").click()
    expect(page.get_by_role("heading", name="Queue low")).to_be_visible()
    here = re.sub("details/$", "", page.url)
    for path in ("finished/", "failed/", "scheduled/", "started/", "deferred/", f"{job.id}/", ""):
        page.goto(f"{here}{path}")
    page.locator("#action-toggle").check()
    expect(page.locator(f"[value='{job.id}']")).to_be_checked()
    page.get_by_label("Actions").select_option("delete")
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name=re.compile(r"Delete \d+ job")).click()
    page.get_by_label("Reason").fill("Queued by mistake.")
    page.get_by_role("button", name="sure").click()
    expect(page.get_by_text(job.id)).to_have_count(0)


def test_every_list_and_every_object_of_the_console(window, site, staff, mira, talk, provider):
    provider.script(text="Here I am.")
    page = window(mira)
    page.goto(talk(mira))
    Stage(page).say("Fill the tables, please.")
    expect(Stage(page).reply()).to_have_text("Here I am.")
    page = window(staff)
    for model in admin.site._registry:
        where = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        paths = [where]
        if model._meta.managed and (first := model.objects.first()):
            paths.append(f"{where}{first.pk}/change/")
        for path in paths:
            response = page.goto(path)
            assert (response.status, response.url) == (200, f"{site.url}{path}")
