"""Times in the reader's own zone and way, without a query for it."""

import re
from datetime import UTC, datetime

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import locales, services
from accounts.models import User
from tests.conftest import Api

pytestmark = pytest.mark.django_db
LATE = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.fixture
def web(client, owner):
    client.force_login(owner.user)
    return client


def html_tag(response):
    return re.search(r"<html[^>]*>", response.content.decode())[0]


def joined(client, owner):
    """What the owner's page says of when they came."""
    User.objects.filter(pk=owner.id).update(created_at=LATE)
    page = client.get(f"/people/{owner.user.username}").content.decode()
    return re.search(r"Here since (<time.*?</time>)", page)[1]


def test_a_date_is_the_readers_own(web, owner):
    services.update_profile(user_id=owner.id, changes={"timezone": "Asia/Tokyo"})
    web.get("/")  # the first page after a change over the API brings it into the session
    assert "2 March 2026" in joined(web, owner)
    assert 'datetime="2026-03-02T08:30:00+09:00"' in joined(web, owner)


def test_it_is_written_the_way_of_the_locale_which_is_marked_as_its_language(web, owner):
    services.update_profile(user_id=owner.id, changes={"locale": "de"})
    assert 'lang="de">1. März 2026</time>' in joined(web, owner)
    assert html_tag(web.get("/")).startswith('<html lang="en" data-locale="de"')


def test_english_dates_are_british_unless_one_says_otherwise(web, owner):
    assert ">1 March 2026</time>" in joined(web, owner)
    services.update_profile(user_id=owner.id, changes={"locale": "en-US"})
    assert ">March 1, 2026</time>" in joined(web, owner)


def test_who_chose_no_zone_has_the_browsers(web, client, owner):
    web.cookies["timezone"] = "Asia/Tokyo"
    assert 'data-zone="Asia/Tokyo"' in html_tag(web.get("/"))
    assert "2 March 2026" in joined(web, owner)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "x" * 5000, "\u0000"])
def test_a_zone_that_is_none_is_none(web, owner, zone):
    web.cookies["timezone"] = zone
    assert "data-zone" not in html_tag(web.get("/"))


def test_no_zone_leaks_into_the_next_request(web, owner):
    services.update_profile(user_id=owner.id, changes={"timezone": "Asia/Tokyo"})
    web.get("/")
    web.get("/")
    assert timezone.get_current_timezone_name() == "UTC"


def test_it_costs_no_query(web, owner, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    web.get("/")
    with CaptureQueriesContext(connection) as plain:
        web.get("/")
    amount = len(plain)
    services.update_profile(user_id=owner.id, changes={"timezone": "Asia/Tokyo", "locale": "de"})
    web.get("/")
    with django_assert_max_num_queries(amount):
        assert 'data-zone="Asia/Tokyo"' in html_tag(web.get("/"))


def test_a_change_on_the_profile_page_holds_for_the_next_page(web, owner):
    form = {"username": "olivia", "display_name": "", "bio": "", "locale": "fr", "timezone": "Europe/Paris"}
    assert web.post("/account", form).status_code == 302
    assert web.session["timezone"] == "Europe/Paris"
    assert 'data-locale="fr" data-zone="Europe/Paris"' in html_tag(web.get("/account"))


def test_staff_see_their_own_time_in_the_console(client, staff):
    services.update_profile(user_id=staff.id, changes={"timezone": "Asia/Tokyo"})
    staff.user.refresh_from_db()
    client.force_login(staff.user)
    User.objects.filter(pk=staff.id).update(created_at=LATE)
    page = client.get(f"/admin/accounts/user/{staff.id}/change/").content.decode()
    assert "March 2, 2026, 8:30 a.m." in page


def test_the_api_tells_times_in_utc_whoever_asks(web, owner):
    services.update_profile(user_id=owner.id, changes={"timezone": "Asia/Tokyo"})
    web.get("/")
    assert web.get("/api/users/me").json()["created_at"].endswith("Z")
    assert Api(owner).get("/api/users/me").json()["created_at"].endswith("Z")


@pytest.mark.parametrize("at", ["2026-03-01T23:30:00Z", LATE])
def test_a_time_may_be_a_text_and_needs_no_request(at):
    assert ">1 March 2026</time>" in render_to_string("_components/time.html", {"at": at})


@pytest.mark.parametrize(("given", "kept"), [("DE", "de"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")])
def test_locales_are_kept_as_bcp_47_writes_them(given, kept):
    assert locales.clean_locale(given) == kept
