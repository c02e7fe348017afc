"""Notifications in the operators' console: found, read, never written."""

import pytest
from django.urls import reverse

from tests.hostile.conftest import unchanged

pytestmark = pytest.mark.django_db
LIST = "admin:notifications_notification_changelist"


@pytest.fixture
def console(client, staff):
    client.force_login(staff.user)
    return client


def listed(response):
    return [row.title for row in response.context["cl"].result_list]


def test_the_list_is_searched_by_the_beginning_of_a_name_or_by_id(console, tell, owner, stranger):
    told = tell(owner, "For Olivia")
    tell(stranger, "For Stella")
    for search, found in (
        ("", ["For Stella", "For Olivia"]),
        ("oliv", ["For Olivia"]),
        (str(told.pk), ["For Olivia"]),
        ("nobody", []),
    ):
        assert listed(console.get(reverse(LIST), {"q": search})) == found


def test_nothing_of_it_can_be_written(console, tell, owner):
    told = tell(owner)
    change = reverse("admin:notifications_notification_change", args=[told.pk])
    assert console.get(change).status_code == 200
    with unchanged():
        assert console.post(change, {"title": "Another"}).status_code == 403
        assert console.post(reverse("admin:notifications_notification_delete", args=[told.pk])).status_code == 403
        assert console.post(reverse("admin:notifications_notification_add")).status_code == 403


def test_a_member_sees_none_of_it(client, tell, owner):
    tell(owner)
    client.force_login(owner.user)
    assert client.get(reverse(LIST)).status_code == 302
