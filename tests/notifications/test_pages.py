"""The call-board and the bell, as a browser without JavaScript has them."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import services
from notifications.models import Notification
from notifications.selectors import unread_count
from tests.hostile.conftest import unchanged

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, owner):
    """`page()`: the board's HTML, as the owner sees it."""
    client.force_login(owner.user)

    def page(path="/notifications", **headers):
        response = client.get(path, headers=headers)
        assert response.status_code == 200
        return response.content.decode()

    return page


def bell(html):
    """What the bell shows, and what it says."""
    link = re.search(r"<a class=\"bell\".*?</a>", html, re.DOTALL)[0]
    count = re.search(r"<span class=\"bell__count[^>]*>", link)[0]
    figure = re.search(r"data-bell-count[^>]*>([^<]*)<", link)[1]
    return None if "hidden>" in count else figure, re.search(r"polite\">([^<]*)<", link)[1]


def submit(client, html, action):
    """Sends the form with this address as a browser would, without following where it leads."""
    form = re.search(rf"<form[^>]*action=\"{re.escape(action)}\".*?</form>", html, re.DOTALL)[0]
    return client.post(action, dict(re.findall(r"name=\"(\w+)\" value=\"([^\"]*)\"", form)))


class TestTheBell:
    def test_shows_how_much_is_unread(self, page, tell, owner):
        assert bell(page("/")) == (None, "")
        for _ in range(3):
            tell(owner)
        assert bell(page("/")) == ("3", ", 3 unread")

    def test_counts_no_further_than_it_shows(self, page, owner):
        Notification.objects.bulk_create(Notification(user=owner.user, kind="told", title="x") for _ in range(120))
        assert bell(page("/")) == ("99+", ", more than 99 unread")

    def test_is_not_there_for_who_is_not_signed_in(self, client):
        assert 'class="bell"' not in client.get("/").content.decode()

    def test_costs_a_page_one_query(self, page, tell, owner, client):
        page("/wallet")
        tell(owner)
        with CaptureQueriesContext(connection) as queries:
            page("/wallet")
        asked = [query["sql"] for query in queries if "notifications_notification" in query["sql"]]
        assert len(asked) == 1

    def test_costs_a_part_of_a_page_nothing(self, page, owner):
        with CaptureQueriesContext(connection) as queries:
            page("/chats?cursor=", **{"HX-Request": "true"})
            page("/?search=nobody", **{"HX-Request": "true", "HX-Target": "cards"})
        counts = [query["sql"] for query in queries if "notifications_notification" in query["sql"]]
        assert len(counts) <= 2


class TestTheBoard:
    def test_says_what_to_expect_while_it_is_empty(self, page):
        assert "Nothing on the board" in page()

    def test_shows_what_was_told_with_the_newest_first(self, page, tell, owner, teammate):
        tell(owner, "Older", body="Some words.")
        tell(owner, "Newer", actor_id=teammate.id)
        html = page()
        assert html.index("Newer") < html.index("Older")
        assert "Some words." in html
        assert html.count("pin--unread") == 2

    def test_goes_on_page_by_page(self, page, tell, owner):
        for number in range(35):
            tell(owner, f"Number {number:02}")
        html = page()
        assert re.findall(r"Number \d\d(?=</strong>)", html) == [f"Number {number:02}" for number in range(34, 4, -1)]
        query = re.search(r"hx-get=\"(\?cursor=[^\"]+)\"", html)[1]
        rest = page(f"/notifications{query}", **{"HX-Request": "true"})
        assert re.findall(r"Number \d\d(?=</strong>)", rest) == [f"Number {number:02}" for number in range(4, -1, -1)]
        assert "<html" not in rest
        assert "<html" in page(f"/notifications{query}")  # the link itself, without htmx

    def test_costs_the_same_at_any_size(self, page, tell, owner, join):
        costs = []
        for size in (2, 25):
            for number in range(size):
                tell(owner, actor_id=join(f"actor-{size}-{number}").id)
            page()
            with CaptureQueriesContext(connection) as queries:
                page()
            costs.append(len(queries))
        assert costs[0] == costs[1]

    def test_hostile_words_stay_words(self, page, tell, owner):
        tell(owner, "<script>alert(1)</script>", body='"><img src=x onerror=alert(1)>{{ 7|add:7 }}')
        html = page()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "{{ 7|add:7 }}" in html

    def test_shows_a_row_whose_kind_is_gone(self, page, owner):
        Notification.objects.create(user=owner.user, kind="no_longer", title="From before")
        assert "From before" in page()

    @pytest.mark.parametrize("cursor", ["x", "%00", "WzFd"])
    def test_of_a_cursor_that_is_not_ours_is_not_found(self, client, owner, cursor):
        client.force_login(owner.user)
        assert client.get(f"/notifications?cursor={cursor}").status_code == 404


class TestItsForms:
    def test_read_and_unread(self, client, page, tell, owner):
        told = tell(owner)
        for action, left in (("read", 0), ("read", 0), ("unread", 1)):
            response = submit(client, page(), f"/notifications/{told.pk}/{action}")
            assert (response.status_code, response.url) == (302, "/notifications")
            assert unread_count(owner.id) == left

    def test_delete(self, client, page, tell, owner):
        told = tell(owner, "Gone soon")
        assert submit(client, page(), f"/notifications/{told.pk}/delete").status_code == 302
        assert "Gone soon" not in page()

    def test_read_all_reads_what_was_on_the_page(self, client, page, tell, owner):
        tell(owner)
        html = page()
        new = tell(owner)
        assert submit(client, html, "/notifications/read-all").url == "/notifications"
        assert list(Notification.objects.filter(read_at=None)) == [new]

    @pytest.mark.parametrize("until", [None, "", "x", "\x00"])
    def test_read_all_of_nonsense_is_not_found(self, client, tell, owner, until):
        client.force_login(owner.user)
        tell(owner)
        with unchanged():
            data = {} if until is None else {"until": until}
            assert client.post("/notifications/read-all", data).status_code == 404

    def test_follow_reads_it_and_goes_where_its_kind_leads(self, client, page, tell, owner, monkeypatch):
        told = tell(owner, reference=("wallet", "7"))
        assert submit_or_none(page(), told) is None  # this kind leads nowhere
        lead(monkeypatch, lambda reference_id: f"/wallet?entry={reference_id}")
        response = submit(client, page(), f"/notifications/{told.pk}")
        assert response.url == "/wallet?entry=7"
        assert unread_count(owner.id) == 0

    def test_need_a_token_of_the_page(self, owner, tell):
        from django.test import Client

        strict = Client(enforce_csrf_checks=True)
        strict.force_login(owner.user)
        told = tell(owner)
        for path in ("read-all", f"{told.pk}", f"{told.pk}/read", f"{told.pk}/unread", f"{told.pk}/delete"):
            with unchanged():
                assert strict.post(f"/notifications/{path}").status_code == 403


def submit_or_none(html, told):
    return re.search(rf"action=\"/notifications/{told.pk}\"", html)


def lead(monkeypatch, address):
    from dataclasses import replace

    from notifications import kinds

    monkeypatch.setitem(kinds._kinds, "told", replace(kinds.get("told"), address=address))


class TestOthers:
    @pytest.mark.parametrize("action", ["", "/read", "/unread", "/delete"])
    def test_find_nothing_and_change_nothing(self, client, tell, owner, stranger, action):
        told = tell(owner)
        client.force_login(stranger.user)
        with unchanged():
            assert client.post(f"/notifications/{told.pk}{action}").status_code == 404
        client.logout()
        with unchanged():
            response = client.post(f"/notifications/{told.pk}{action}")
            assert (response.status_code, response.url.split("?")[0]) == (302, "/sign-in")

    def test_who_is_not_signed_in_is_led_to_the_door_and_back(self, client):
        assert client.get("/notifications").url == "/sign-in?next=/notifications"


class TestWhereKindsLead:
    def test_a_new_sign_in_to_the_devices_and_an_invitation_to_the_organisations(self):
        from notifications.accounts_parts import NEW_SIGN_IN, ORGANIZATION_INVITED

        assert NEW_SIGN_IN.address("1") == "/account/sessions"
        assert ORGANIZATION_INVITED.address("1") == "/organizations"


def test_a_form_sent_too_often_is_refused(client, tell, owner, settings):
    settings.RATE_LIMIT_FACTOR = 1
    client.force_login(owner.user)
    told = tell(owner)
    answers = [client.post(f"/notifications/{told.pk}/read").status_code for _ in range(6)]
    assert answers[:3] == [302, 302, 302]
    assert answers[-1] == 429


def test_services_and_page_agree_on_what_can_be_done():
    from notifications import pages

    assert set(pages.ACTIONS.values()) == {services.mark_read, services.mark_unread, services.delete}
