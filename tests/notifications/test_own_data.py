"""One's own copy of what one was told, and being forgotten."""

import pytest

from accounts import registry
from notifications import services
from notifications.models import Notification

pytestmark = pytest.mark.django_db


def copy_of(person):
    part = registry.export_parts()["notifications"]
    ((name, content),) = part.read(person.user)
    assert (name, content.head, content.name) == ("notifications.json", {}, "notifications")
    rows = list(content.items)
    assert part.size(person.user) == len(rows)
    return rows


def test_the_copy_has_what_one_was_told_and_nothing_of_others(tell, owner, stranger):
    tell(owner, "First", body="Words", key="a key")
    tell(owner, "Second")
    tell(stranger, "Not yours")
    services.delete(user_id=owner.id, notification_id=tell(owner, "Gone").pk)
    rows = copy_of(owner)
    assert [row["title"] for row in rows] == ["First", "Second"]
    assert rows[0].keys() == {"kind", "title", "body", "created_at", "read_at"}


def test_a_long_copy_is_whole(tell, owner):
    Notification.objects.bulk_create(Notification(user=owner.user, kind="told", title=str(n)) for n in range(450))
    assert {row["title"] for row in copy_of(owner)} == {str(n) for n in range(450)}


def test_who_is_forgotten_takes_along_what_they_were_told_and_what_was_told_of_them(tell, owner, teammate, stranger):
    tell(owner, "Tobias waves at Olivia", actor_id=teammate.id)
    tell(teammate, "Olivia waves at Tobias", actor_id=owner.id)
    tell(stranger, "Something else", actor_id=teammate.id)
    services.forget_person(user_id=owner.id)
    assert list(Notification.objects.values_list("title", flat=True)) == ["Something else"]


def test_who_is_anonymised_is_forgotten(tell, owner):
    tell(owner)
    registry.account_anonymised(owner.user)
    assert not Notification.objects.exists()
