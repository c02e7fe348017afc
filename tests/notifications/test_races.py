"""Many at once, each with a database connection of its own."""

from collections import Counter
from functools import partial

import pytest

from notifications import services
from notifications.models import Notification
from notifications.selectors import unread_count

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def last_count(heard, person):
    return heard(person)[-1][1]["unread"]


def test_of_many_with_one_key_one_is_told(tell, heard, owner, at_once):
    results = at_once([lambda: tell(owner, key="once") for _ in range(16)])
    assert outcomes(results) == {"Notification": 1, "NoneType": 15}
    assert Notification.objects.count() == 1
    assert len(heard(owner)) == 1


def test_the_last_frame_has_the_count_that_is_true(tell, heard, owner, at_once):
    """Whoever comes last counts what all before have done: new ones, read ones and deleted ones."""
    for _ in range(ROUNDS):
        old = [tell(owner, key=None).pk for _ in range(8)]
        actions = [lambda: tell(owner) for _ in range(6)]
        actions += [lambda one=one: services.mark_read(user_id=owner.id, notification_id=one) for one in old[:3]]
        actions += [lambda one=one: services.delete(user_id=owner.id, notification_id=one) for one in old[3:6]]
        results = at_once(actions)
        assert outcomes(results) == {"Notification": 9, "NoneType": 3}
        assert last_count(heard, owner) == unread_count(owner.id)


def test_reading_all_while_new_ones_come_loses_none(tell, heard, owner, at_once):
    """Each is either marked by one of the two, once, or still unread; and every device is told exactly that."""
    for _ in range(ROUNDS):
        Notification.objects.all().delete()
        before = len(heard(owner))
        for _ in range(10):
            tell(owner)
        read_all = [lambda: services.mark_all_read(user_id=owner.id) for _ in range(4)]
        results = at_once([*read_all, *(lambda: tell(owner) for _ in range(8))])
        assert "DeadlockDetected" not in outcomes(results)
        marked = sum(result for result in results if isinstance(result, int))
        assert marked + unread_count(owner.id) == 18
        told = heard(owner)[before:]
        named = [one for kind, data in told if kind == "notification.read" for one in data["ids"]]
        read = {str(pk) for pk in Notification.objects.exclude(read_at=None).values_list("pk", flat=True)}
        assert (len(named), set(named)) == (len(read), read)
        assert told[-1][1]["unread"] == unread_count(owner.id)


def test_reading_all_of_what_was_seen_never_marks_what_comes_after(tell, owner, at_once):
    for _ in range(ROUNDS):
        Notification.objects.all().delete()
        seen = [tell(owner).pk for _ in range(5)]
        at_once(
            [
                lambda until=seen[-1]: services.mark_all_read(user_id=owner.id, until=until),
                *(lambda: tell(owner, "new") for _ in range(6)),
            ]
        )
        assert Notification.objects.filter(read_at=None).count() == 6
        assert set(Notification.objects.filter(read_at=None).values_list("title", flat=True)) == {"new"}


def test_reading_and_deleting_one_at_once_ends_with_it_gone(tell, owner, at_once):
    for _ in range(ROUNDS):
        told = tell(owner)
        actions = [services.mark_read, services.delete, services.mark_unread, services.delete]
        results = at_once([partial(act, user_id=owner.id, notification_id=told.pk) for act in actions])
        assert outcomes(results)["NotFound"] >= 1
        assert outcomes(results)["NoneType"] == 1
        left = Notification.objects.get(pk=told.pk)
        assert left.deleted_at is not None
        assert left.read_at is not None
