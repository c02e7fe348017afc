"""Telling somebody something: whom, once, in which words, and who hears of it when."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Block, User
from common import redis
from common.models import OutgoingMail
from common.realtime import log
from notifications import kinds, services
from notifications.models import Notification
from notifications.selectors import notification_data, unread_count

pytestmark = pytest.mark.django_db


def leave(person):
    User.objects.filter(pk=person.id).update(deleted_at=timezone.now())


class TestWhatIsTold:
    def test_it_is_kept_as_it_was_said(self, tell, owner, teammate):
        told = tell(
            owner, "Tobias waves", body="From the wings.", actor_id=teammate.id, reference=("event", uuid.UUID(int=7))
        )
        told.refresh_from_db()
        assert notification_data(told) == {
            "id": told.pk,
            "kind": "told",
            "title": "Tobias waves",
            "body": "From the wings.",
            "actor": {"id": teammate.id, "username": "tobias", "display_name": "", "avatar": None},
            "reference": {"type": "event", "id": str(uuid.UUID(int=7))},
            "read_at": None,
            "created_at": told.created_at,
        }

    def test_without_actor_and_reference_there_are_none(self, tell, owner):
        data = notification_data(tell(owner))
        assert (data["actor"], data["reference"], data["body"]) == (None, None, "")

    @pytest.mark.parametrize(
        "text",
        ["a\x00b", "\x00", " spaces ", "\u202eevil", "<b>bold</b>", "{x} %s {0.__class__}", "🎭" * 5000, "x" * 100_000],
    )
    def test_hostile_words_are_words(self, tell, owner, text):
        told = tell(owner, text, body=text)
        told.refresh_from_db()
        assert len(told.title) <= 200
        assert len(told.body) <= 1000
        kept = text.replace("\x00", "").strip()
        assert told.title == (kept if len(kept) <= 200 else f"{kept[:199]}…")

    def test_a_kind_that_nobody_registered_is_an_error_of_the_program(self, tell, owner):
        with pytest.raises(LookupError, match="event_invted"):
            tell(owner, kind="event_invted")
        assert Notification.objects.count() == 0

    def test_two_kinds_of_one_name_are_an_error_of_the_program(self):
        kinds.register(kinds.get("told"))  # the same again is fine
        with pytest.raises(ValueError, match="told"):
            kinds.register(kinds.Kind(name="told", about="Something else"))


class TestWhoIsTold:
    def test_nobody_who_has_left(self, tell, owner):
        leave(owner)
        assert tell(owner) is None
        assert Notification.objects.count() == 0

    def test_nobody_who_never_was(self, owner):
        assert services.notify(user_id=uuid.uuid4(), kind="told", title="Hello?") is None

    @pytest.mark.parametrize("who", ["owner", "teammate"])
    def test_nobody_of_whom_they_have_blocked_or_who_blocked_them(self, tell, owner, teammate, who):
        people = {"owner": owner, "teammate": teammate}
        Block.objects.create(user_id=people.pop(who).id, blocked_id=people.popitem()[1].id)
        assert tell(owner, actor_id=teammate.id) is None
        assert tell(owner) is not None  # nobody's doing
        assert Notification.objects.count() == 1

    def test_an_actor_who_has_left_is_not_shown(self, tell, owner, teammate):
        told = tell(owner, actor_id=teammate.id)
        leave(teammate)
        told.refresh_from_db()
        assert notification_data(told)["actor"] is None


class TestOnce:
    def test_a_repeat_with_the_same_key_tells_once(self, tell, owner):
        first = tell(owner, "First", key="opening")
        assert tell(owner, "Second", key="opening") is None
        assert Notification.objects.get() == first
        assert Notification.objects.get().title == "First"

    def test_the_key_is_the_persons_own(self, tell, owner, teammate):
        assert tell(owner, key="opening")
        assert tell(teammate, key="opening")

    def test_without_a_key_everything_is_news(self, tell, owner):
        assert tell(owner)
        assert tell(owner)

    def test_what_was_deleted_does_not_come_back_by_a_repeat(self, tell, owner):
        told = tell(owner, key="opening", body="Secret", reference=("event", "1"))
        services.delete(user_id=owner.id, notification_id=told.pk)
        assert tell(owner, key="opening") is None
        left = Notification.objects.get()
        assert (left.title, left.body, left.actor_id, left.reference_type, left.reference_id) == ("", "", None, "", "")

    def test_the_database_itself_keeps_one_of_a_key(self, tell, owner):
        tell(owner, key="opening")
        with pytest.raises(IntegrityError), transaction.atomic():
            Notification.objects.create(user=owner.user, kind="told", title="Again", key="opening")


class TestMail:
    CONTEXT = {"organization": "The Company", "previous": "Olivia"}

    def test_goes_out_with_a_kind_that_has_one_to_a_confirmed_address(self, tell, owner):
        User.objects.filter(pk=owner.id).update(email_verified=True, locale="de", timezone="Europe/Berlin")
        tell(owner, kind="mailed", mail_context=self.CONTEXT)
        mail = OutgoingMail.objects.get(kind="organization_owner")
        assert (mail.to, mail.user_id, mail.locale, mail.timezone) == (
            owner.user.email,
            owner.id,
            "de",
            "Europe/Berlin",
        )
        assert mail.context == self.CONTEXT

    def test_does_not_go_to_an_address_that_is_not_confirmed(self, tell, owner):
        User.objects.filter(pk=owner.id).update(email_verified=False)
        assert tell(owner, kind="mailed", mail_context=self.CONTEXT)
        assert not OutgoingMail.objects.filter(kind="organization_owner").exists()

    def test_does_not_go_where_nobody_is_told(self, tell, owner):
        User.objects.filter(pk=owner.id).update(email_verified=True)
        for _ in range(2):
            tell(owner, kind="mailed", mail_context=self.CONTEXT, key="once")
        assert OutgoingMail.objects.filter(kind="organization_owner").count() == 1


class TestForgetting:
    def test_what_was_read_or_deleted_long_ago_goes_and_the_rest_stays(self, tell, owner):
        old, young, unread, deleted = (tell(owner, title) for title in ("old", "young", "unread", "deleted"))
        for told in (old, young):
            services.mark_read(user_id=owner.id, notification_id=told.pk)
        services.delete(user_id=owner.id, notification_id=deleted.pk)
        past = timezone.now() - timedelta(days=91)
        Notification.objects.filter(pk__in=[old.pk, deleted.pk]).update(read_at=past)
        Notification.objects.filter(pk=unread.pk).update(created_at=past)
        assert services.forget_old() == 2
        assert set(Notification.objects.values_list("pk", flat=True)) == {young.pk, unread.pk}
        assert services.forget_old() == 0


@pytest.mark.django_db(transaction=True)
class TestFrames:
    def test_a_notification_is_announced_as_the_api_shows_it(self, tell, heard, api, owner, teammate):
        tell(owner, actor_id=teammate.id, reference=("event", "7"))
        (item,) = api(owner).get("/api/notifications").json()["items"]
        assert heard(owner) == [("notification", item | {"unread": 1})]
        assert heard(teammate) == []

    def test_nothing_is_said_before_the_commit_and_nothing_of_what_is_undone(self, tell, heard, owner):
        with transaction.atomic():
            tell(owner, "Never was")
            transaction.set_rollback(True)
        with transaction.atomic():
            tell(owner, "Is")
            assert heard(owner) == []
        assert [data["title"] for _, data in heard(owner)] == ["Is"]

    def test_each_tells_how_many_are_unread_now(self, tell, heard, owner):
        first, second = tell(owner), tell(owner)
        services.mark_read(user_id=owner.id, notification_id=first.pk)
        services.mark_read(user_id=owner.id, notification_id=first.pk)  # no news
        services.mark_unread(user_id=owner.id, notification_id=first.pk)
        services.delete(user_id=owner.id, notification_id=second.pk)
        tell(owner)
        services.mark_all_read(user_id=owner.id)
        services.mark_all_read(user_id=owner.id)  # no news
        assert [(kind, data["unread"]) for kind, data in heard(owner)] == [
            ("notification", 1),
            ("notification", 2),
            ("notification.read", 1),
            ("notification.read", 2),
            ("notification.deleted", 1),
            ("notification", 2),
            ("notification.read", 0),
        ]

    def test_reading_names_what_was_read_and_when(self, tell, heard, owner):
        told = tell(owner)
        services.mark_read(user_id=owner.id, notification_id=told.pk)
        services.mark_unread(user_id=owner.id, notification_id=told.pk)
        (_, read), (_, unread) = heard(owner)[1:]
        assert (read["ids"], unread["ids"]) == ([str(told.pk)], [str(told.pk)])
        assert read["read_at"].endswith("Z")
        assert unread["read_at"] is None

    def test_more_than_a_frame_can_list_are_not_listed(self, heard, owner):
        Notification.objects.bulk_create(Notification(user=owner.user, kind="told", title="x") for _ in range(201))
        assert services.mark_all_read(user_id=owner.id) == 201
        ((_, data),) = heard(owner)
        assert (data["ids"], data["unread"]) == (None, 0)

    def test_what_is_told_counts_although_redis_is_away(self, tell, owner, monkeypatch):
        def away(*_):
            raise redis.RedisError("away")

        monkeypatch.setattr(log, "append", away)
        assert tell(owner)
        assert unread_count(owner.id) == 1


def test_telling_costs_the_same_however_many_there_are(tell, owner, teammate):
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            tell(owner, actor_id=teammate.id)
        costs.append(len(queries) - 2)  # without the savepoint's two
        for _ in range(20):
            tell(owner)
    assert costs == [3, 3]  # the people, the block, the row
