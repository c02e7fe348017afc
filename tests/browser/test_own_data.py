"""A copy of one's data, and leaving, in a real browser."""

import zipfile

import pytest
from playwright.sync_api import expect

from accounts import tasks
from accounts.models import DataExport, User
from tests.browser import pages
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser

PASSWORD = "velvet curtain 9"


@pytest.fixture
def vera(join):
    """Somebody with a password, for pages that ask for proof."""
    person = join(display_name="Vera")
    person.user.set_password(PASSWORD)
    person.user.save()
    return person


def sign_in(page, person):
    page.goto("/sign-in")
    page.get_by_label("Email").fill(person.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/")


@screens
def test_the_page_of_ones_data_in_each_state(window, mira, screen):
    page = window(mira, **screen)
    made = {"size": 12_345_678, "ready_at": "2031-05-04T10:00Z", "expires_at": "2031-05-11T10:00Z"}
    for state in ({}, {"progress": 42, "status": "running"}, {"status": "ready", **made}, {"status": "failed"}):
        if state:
            DataExport.objects.filter(user=mira.user).delete()
            DataExport.objects.create(user=mira.user, **state)
        page.goto("/account/data")
        expect(page.get_by_role("heading", name="Your data")).to_be_visible()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


@screens
def test_the_page_of_leaving(window, vera, screen):
    page = window(**screen)
    sign_in(page, vera)
    page.goto("/account/data/delete")
    expect(page.get_by_role("heading", name="Delete your account?")).to_be_visible()
    pages.check(page)
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []


def test_a_copy_is_made_while_one_watches_and_downloaded(window, mira):
    page = window(mira)
    page.goto("/account/data")
    page.get_by_role("button", name="Make my copy").click()
    expect(page.get_by_text("waits for its turn")).to_be_visible()
    tasks.make_export(DataExport.objects.get(user=mira.user).pk)
    link = page.get_by_role("link", name="Download it")
    expect(link).to_be_visible()  # without a reload
    with page.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "account/profile.json" in archive.namelist()
    assert download.value.suggested_filename.startswith("troupe-data-")


def test_leaving_and_coming_back(window, vera, watch):
    watch.forgive("status of 400")  # the wrong name
    page = window()
    sign_in(page, vera)
    page.goto("/account/data")
    page.get_by_role("link", name="Delete my account").click()
    page.get_by_label("Type your username").fill("somebody else")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("That is not your username")).to_be_visible()
    page.get_by_label("Type your username").fill(vera.user.username)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", name="Goodbye, and thank you")).to_be_visible()
    assert User.objects.get(pk=vera.user.pk).deleted_at
    page.goto("/wallet")
    expect(page.get_by_role("heading", name="Good to see you again")).to_be_visible()
    sign_in(page, vera)
    assert not User.objects.get(pk=vera.user.pk).deleted_at
    page.goto("/account/data")
    expect(page.get_by_role("heading", name="Your data")).to_be_visible()
