"""Rotation, reuse, signing out, and everything else that ends a session."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import realtime, services, tasks
from accounts.models import AuthSession, User
from accounts.tokens import RefreshToken, read_access, read_refresh
from common import redis, sessions
from common.errors import Forbidden, Unauthenticated
from common.models import AuditEntry
from tests.accounts.conftest import Api, problem

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # the end of a session is announced after commit


def refresh(token):
    return Api().post("refresh", {"refresh": token})


def test_a_refresh_gives_a_new_pair_for_the_same_session(person):
    answer = refresh(person.refresh)
    assert answer.status_code == 200
    pair = answer.json()
    assert set(pair) == {"user", "access", "refresh"}
    assert pair["refresh"] != person.refresh
    assert read_access(pair["access"]) == read_access(person.token)
    assert Api(pair["access"]).get("me").status_code == 200
    assert person.api.get("me").status_code == 200  # until it expires
    assert refresh(pair["refresh"]).status_code == 200


def test_a_refresh_reads_the_role_afresh(person):
    User.objects.update(role="creator")
    assert read_access(refresh(person.refresh).json()["access"]).role == "creator"


def test_a_session_lives_on_from_its_last_refresh(person):
    AuthSession.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    refresh(person.refresh)
    assert AuthSession.objects.get().expires_at > timezone.now() + timedelta(days=6)


@commits
def test_an_old_refresh_token_ends_the_whole_session(person, sign_in):
    elsewhere = sign_in(person.user)
    newest = refresh(person.refresh).json()
    assert problem(refresh(person.refresh)) == (401, "TOKEN_REUSED")
    assert problem(refresh(newest["refresh"])) == (401, "TOKEN_REUSED")
    assert problem(Api(newest["access"]).get("me")) == (401, "UNAUTHENTICATED")
    assert AuthSession.objects.get(pk=read_refresh(person.refresh).session_id).end_reason == "reuse"
    assert elsewhere.api.get("me").status_code == 200


@commits
def test_of_parallel_refreshes_with_one_token_one_wins_and_the_session_ends(person):
    answers = []
    start = threading.Barrier(6)

    def run():
        start.wait()
        answers.append(refresh(person.refresh))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]
    assert {problem(answer)[1] for answer in answers if answer.status_code == 401} == {"TOKEN_REUSED"}
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert problem(refresh(winner["refresh"])) == (401, "TOKEN_REUSED")
    assert AuthSession.objects.get().end_reason == "reuse"


def test_an_expired_refresh_token_says_so(person):
    token = RefreshToken(person.refresh)
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert problem(refresh(str(token))) == (401, "TOKEN_EXPIRED")
    assert AuthSession.objects.get().ended_at is None


@pytest.mark.parametrize("token", ["", 5, None, [], {}, "x" * 1_000_000, "x\x00"])
def test_what_can_not_be_a_token_is_a_wrong_field(token):
    assert problem(refresh(token)) == (400, "VALIDATION_ERROR")
    assert problem(Api().post("signout", {"refresh": token})) == (400, "VALIDATION_ERROR")


def test_an_access_token_refreshes_nothing_and_signs_nobody_out(person):
    assert problem(refresh(person.token)) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("signout", {"refresh": person.token})) == (401, "UNAUTHENTICATED")
    assert AuthSession.objects.get().ended_at is None


def test_a_refresh_token_of_a_session_that_never_was_is_refused(person):
    AuthSession.objects.all().delete()
    assert problem(refresh(person.refresh)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("fields", [{"is_active": False}, {"deleted_at": timezone.now()}])
def test_who_has_gone_gets_no_new_pair(person, fields):
    User.objects.update(**fields)
    assert problem(refresh(person.refresh)) == (401, "UNAUTHENTICATED")


def test_nothing_is_refreshed_while_redis_is_away(person, redis_away):
    assert problem(refresh(person.refresh)) == (503, "NOT_READY")


# --- signing out ------------------------------------------------------------------------------------------------------


@commits
def test_signing_out_is_felt_at_once(person, sign_in):
    elsewhere = sign_in(person.user)
    assert person.api.get("me").status_code == 200  # remembered as live from now on
    response = Api().post("signout", {"refresh": person.refresh})
    assert (response.status_code, response.content) == (204, b"")
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    assert problem(refresh(person.refresh)) == (401, "UNAUTHENTICATED")
    assert elsewhere.api.get("me").status_code == 200


@commits
def test_signing_out_is_felt_where_redis_was_emptied_meanwhile(person):
    Api().post("signout", {"refresh": person.refresh})
    redis.client().flushdb()
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")


def test_signing_out_twice_is_no_error(person):
    for _ in range(2):
        assert Api().post("signout", {"refresh": person.refresh}).status_code == 204
    assert AuthSession.objects.get().end_reason == "signout"


def test_signing_out_with_an_expired_access_token_works(person):
    assert Api("expired").post("signout", {"refresh": person.refresh}).status_code == 204


@commits
def test_an_end_is_announced_to_the_sockets(person):
    listener = redis.client().pubsub()
    listener.subscribe(sessions.CONTROL_CHANNEL)
    listener.get_message(timeout=1)
    Api().post("signout", {"refresh": person.refresh})
    message = listener.get_message(timeout=1)
    assert message["data"] == f"end-session {read_refresh(person.refresh).session_id}".encode()
    listener.close()


def test_signing_out_does_not_wait_for_redis(person, redis_away):
    services.sign_out(refresh_token=person.refresh)
    assert AuthSession.objects.get().end_reason == "signout"


# --- other ends -------------------------------------------------------------------------------------------------------


@commits
def test_all_sessions_of_a_person_end_together_and_nobody_elses(person, sign_in):
    second, stranger = sign_in(person.user), sign_in()
    assert services.end_sessions_of(user_id=person.user.pk, reason="ban") == 2
    for ended in (person, second):
        assert problem(ended.api.get("me")) == (401, "UNAUTHENTICATED")
    assert stranger.api.get("me").status_code == 200


@commits
def test_a_new_role_ends_the_sessions_that_carry_the_old_one(person, make_user):
    boss = make_user(role="admin")
    services.set_access(user=person.user, role="support", is_active=True, actor=boss, reason="joined the team")
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    user = User.objects.get(pk=person.user.pk)
    assert (user.role, user.is_staff, user.is_superuser) == ("support", True, False)
    entry = AuditEntry.objects.get(action="user.access")
    assert (entry.actor, entry.target_id, entry.reason) == (boss, str(user.pk), "joined the team")


def test_a_ban_between_the_password_and_the_session_is_felt(make_user):
    user = make_user()
    User.objects.update(banned_until=timezone.now() + timedelta(days=1))
    with pytest.raises(Forbidden) as caught:
        services.start_token_session(user=user, device=services.Device())
    assert caught.value.code == "BANNED"
    User.objects.update(banned_until=None, deleted_at=timezone.now())
    with pytest.raises(Unauthenticated):
        services.start_token_session(user=user, device=services.Device())
    assert not AuthSession.objects.exists()


def test_a_session_past_its_time_is_dead(person):
    AuthSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")


def test_sessions_are_forgotten_a_month_after_they_expired(person, sign_in):
    sign_in(person.user)
    AuthSession.objects.filter(pk=read_refresh(person.refresh).session_id).update(
        expires_at=timezone.now() - timedelta(days=31)
    )
    tasks.forget_sessions()
    assert AuthSession.objects.count() == 1


# --- sockets ----------------------------------------------------------------------------------------------------------


def test_a_socket_is_identified_by_an_access_token(person):
    assert realtime.identify_token(person.token).user_id == person.user.pk
    with pytest.raises(Unauthenticated):
        realtime.identify_token(person.refresh)
