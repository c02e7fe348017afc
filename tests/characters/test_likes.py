"""Likes and counters: exact whatever happens at once, and nobody waits for anybody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import close_old_connections, connection, connections, transaction

from accounts.models import User
from characters import tasks
from characters.models import Character, CounterDelta, DailyActivity, Like
from characters.services import count_messages, fold_counters, like, refresh_scores, unlike
from common.errors import NotFound

MANY = 50


def likes_of(api, path):
    return api().get(path).json()["likes_amount"]


# --- one at a time ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_like_is_counted_once_however_often_it_is_given(api, publish, stranger):
    path = f"/api/characters/{publish()['id']}"
    for _ in range(3):
        response = api(stranger).post(f"{path}/like")
        assert response.status_code == 200
        assert response.json() == {"liked": True, "likes_amount": 1}
    assert likes_of(api, path) == 1
    assert Like.objects.count() == CounterDelta.objects.count() == 1


@pytest.mark.django_db
def test_a_like_is_taken_back_once(api, publish, stranger, teammate):
    path = f"/api/characters/{publish()['id']}"
    api(teammate).post(f"{path}/like")
    api(stranger).post(f"{path}/like")
    for _ in range(3):
        response = api(stranger).delete(f"{path}/like")
        assert response.status_code == 200
        assert response.json() == {"liked": False, "likes_amount": 1}
    assert likes_of(api, path) == 1


@pytest.mark.django_db
def test_what_was_never_liked_can_be_unliked_without_effect(api, publish, stranger):
    path = f"/api/characters/{publish()['id']}"
    assert api(stranger).delete(f"{path}/like").json() == {"liked": False, "likes_amount": 0}
    assert not CounterDelta.objects.exists()


@pytest.mark.django_db
def test_liked_is_each_readers_own_everywhere(api, creator, publish, stranger, teammate):
    made, other = publish("Liked"), publish("Other")
    path = f"/api/characters/{made['id']}"

    def seen_by(person):
        listed = {item["name"]: item["liked"] for item in api(person).get("/api/characters").json()["items"]}
        return api(person).get(path).json()["liked"], listed["Liked"], listed["Other"]

    everybody = (stranger, teammate, creator, None)
    assert [seen_by(person) for person in everybody] == [(False, False, False)] * 4
    api(stranger).post(f"{path}/like")
    assert [seen_by(person) for person in everybody] == [(True, True, False)] + [(False, False, False)] * 3
    api(creator).post(f"{path}/like")
    assert seen_by(creator) == (True, True, False)
    api(stranger).delete(f"{path}/like")
    assert [seen_by(person) for person in everybody] == [
        (False, False, False), (False, False, False), (True, True, False), (False, False, False),
    ]  # fmt: skip
    assert other["liked"] is False


@pytest.mark.django_db
def test_a_private_character_is_liked_by_its_creator_alone(api, creator, write, stranger, problem):
    path = f"/api/characters/{write()['id']}"
    for send in (api(stranger).post, api(stranger).delete):
        assert problem(send(f"{path}/like")) == (404, "NOT_FOUND")
    assert problem(api().post(f"{path}/like")) == (401, "UNAUTHENTICATED")
    assert not Like.objects.exists()
    assert api(creator).post(f"{path}/like").json()["likes_amount"] == 1


@pytest.mark.django_db
def test_folding_changes_no_number_that_is_shown(api, publish, stranger, creator, row):
    made = publish()
    path = f"/api/characters/{made['id']}"
    api(stranger).post(f"{path}/like")
    api(creator).post(f"{path}/like")
    count_messages(character_id=made["id"], amount=3)
    before = api(creator).get(path).json()
    assert (before["likes_amount"], before["messages_amount"]) == (2, 3)
    assert (row(made).likes_amount, row(made).messages_amount) == (0, 0)
    assert fold_counters() == 3
    assert fold_counters() == 0
    assert (row(made).likes_amount, row(made).messages_amount) == (2, 3)
    assert api(creator).get(path).json() == before
    day = DailyActivity.objects.get()
    assert (day.likes, day.messages) == (2, 3)
    assert row(made).updated_at.isoformat().replace("+00:00", "Z") == made["updated_at"]


@pytest.mark.django_db
def test_the_days_of_activity_add_up(publish, creator, row):
    made = publish()
    for _ in range(2):
        count_messages(character_id=made["id"], amount=5)
        fold_counters()
    assert DailyActivity.objects.get().messages == 10


@pytest.mark.django_db
def test_counts_of_a_character_that_is_no_more_are_let_go(publish):
    made = publish()
    count_messages(character_id=made["id"])
    Character.objects.filter(pk=made["id"]).delete()
    assert fold_counters() == 1
    assert not CounterDelta.objects.exists()


@pytest.mark.django_db
def test_the_task_folds_until_little_is_left(publish, monkeypatch, row):
    monkeypatch.setattr("characters.services.counters.FOLDED_AT_ONCE", 2)
    monkeypatch.setattr("characters.tasks.FOLDED_AT_ONCE", 2)
    made = publish()
    for _ in range(5):
        count_messages(character_id=made["id"])
    assert tasks.fold_counters() == 5
    assert row(made).messages_amount == 5


@pytest.mark.django_db
def test_a_like_is_one_statement(api, publish, stranger, queries):
    path = f"/api/characters/{publish()['id']}/like"
    api(stranger).get("/api/characters")  # the session is known from here on
    with queries() as asked:
        api(stranger).post(path)
    assert len(asked) == 1


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(transactional_db):
    users = User.objects.bulk_create(User(email=f"p{n}@troupe.example", username=f"person-{n}") for n in range(MANY))
    return [user.pk for user in users]


@pytest.fixture
def star(people):
    return Character.objects.create(
        creator_id=people[0], name="Star", age=30, gender="other", visibility="public", published_at="2026-01-01T00:00Z"
    ).pk


def together(work, arguments):
    """Runs `work(argument)` for each in a thread of its own, all let go at the same moment."""
    arguments = list(arguments)
    gate = threading.Barrier(len(arguments))

    def run(argument):
        close_old_connections()
        try:
            gate.wait(20)
            return work(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


def shown(character_id):
    from characters.selectors import read_character

    return read_character(character_id, None)["likes_amount"]


@pytest.mark.django_db(transaction=True)
def test_fifty_people_like_at_once_and_every_like_counts(people, star):
    together(lambda person: like(character_id=star, user_id=person), people)
    assert Like.objects.count() == MANY
    assert shown(star) == MANY
    fold_counters()
    assert Character.objects.get(pk=star).likes_amount == shown(star) == MANY


@pytest.mark.django_db(transaction=True)
def test_one_person_who_likes_fifty_times_at_once_counts_once(people, star):
    together(lambda _: like(character_id=star, user_id=people[1]), range(MANY))
    assert Like.objects.count() == 1
    assert shown(star) == 1


@pytest.mark.django_db(transaction=True)
def test_likes_taken_back_and_folds_at_once_stay_exact(people, star):
    for person in people[::2]:
        like(character_id=star, user_id=person)

    def act(number):
        if number % 10 == 9:
            return fold_counters()
        change = unlike if number % 2 == 0 else like
        return change(character_id=star, user_id=people[number])

    together(act, range(MANY))
    assert shown(star) == Like.objects.filter(character_id=star).count()
    while fold_counters():
        pass
    assert not CounterDelta.objects.exists()
    assert Character.objects.get(pk=star).likes_amount == Like.objects.filter(character_id=star).count()


@pytest.mark.django_db(transaction=True)
def test_what_is_shown_never_jumps_while_likes_are_folded(people, star):
    """Between a delta and its fold there is no moment at which a like is counted twice or not at all."""
    done, wrong = threading.Event(), []

    def watch():
        seen = 0
        while not done.is_set():
            now = shown(star)
            if now < seen:
                wrong.append((seen, now))
            seen = now
        connections.close_all()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for person in people:
        like(character_id=star, user_id=person)
        fold_counters()
    done.set()
    watcher.join()
    assert wrong == []
    assert shown(star) == MANY


@pytest.mark.django_db(transaction=True)
def test_a_fold_that_is_killed_has_done_nothing(people, star):
    for person in people[:5]:
        like(character_id=star, user_id=person)

    def fold_and_die():
        with transaction.atomic():
            assert fold_counters() == 5
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fold_and_die()
    assert CounterDelta.objects.count() == 5
    assert shown(star) == 5
    assert fold_counters() == 5
    assert shown(star) == 5


@pytest.mark.django_db(transaction=True)
def test_a_like_waits_neither_for_an_edit_nor_for_a_fold(people, star):
    """Somebody holds the character's row, as an edit and a fold do; likes go through meanwhile."""
    holding, let_go = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Character.objects.select_for_update(no_key=True).get(pk=star)
            holding.set()
            let_go.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(20)
    started = time.monotonic()
    like(character_id=star, user_id=people[1])
    count_messages(character_id=star)
    waited = time.monotonic() - started
    let_go.set()
    holder.join()
    assert waited < 2
    assert shown(star) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_folds_at_once_one_does_nothing(people, star):
    like(character_id=star, user_id=people[1])
    folded, let_go = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            fold_counters()
            folded.set()
            let_go.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    folded.wait(20)
    assert fold_counters() == 0
    let_go.set()
    holder.join()
    assert shown(star) == 1


@pytest.mark.django_db(transaction=True)
def test_refreshing_scores_while_likes_fold_loses_nothing(people, star):
    def act(number):
        if number % 5 == 0:
            return refresh_scores()
        if number % 5 == 1:
            return fold_counters()
        return like(character_id=star, user_id=people[number])

    together(act, range(MANY))
    assert shown(star) == Like.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_who_may_not_see_it_leaves_no_trace(people, star):
    Character.objects.filter(pk=star).update(visibility="private")
    for change in (like, unlike):
        with pytest.raises(NotFound):
            change(character_id=star, user_id=people[1])
    assert not Like.objects.exists()
    assert not CounterDelta.objects.exists()
