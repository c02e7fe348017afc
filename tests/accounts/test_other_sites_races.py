"""The same identity, the same state, the same address, many times at once over real connections: once is once."""

from functools import partial

import pytest
from allauth.socialaccount.models import SocialAccount

from accounts import services
from accounts.models import AuthSession, Membership, User
from accounts.providers import Identity
from accounts.selectors.connections import public_id
from accounts.services import connections, social
from common.errors import Conflict
from tests.accounts.conftest import Api
from tests.hostile.crowd import together
from tests.hostile.test_races import closing
from tests.standins.identity_server import VERA

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


def identity_of(uid, provider="google", email="vera@identity.example"):
    return Identity(provider, provider, uid, "Vera", email, email_verified=True)


def test_one_new_identity_that_comes_many_times_at_once_makes_one_account(identity):
    for number in range(5):
        who = identity_of(f"new-{number}", email=f"new{number}@example.org")
        found = together([closing(partial(social.resolve, who))] * MANY)
        assert {type(user) for user in found} == {User}, found
        assert len({user.pk for user in found}) == 1
    assert User.objects.count() == 5 == SocialAccount.objects.count()
    assert Membership.objects.filter(personal=True).count() == 5


def test_two_sites_that_vouch_for_one_address_meet_in_one_account(identity):
    for number in range(5):
        email = f"new{number}@example.org"
        ways = [identity_of(f"{number}", provider, email) for provider in ("google", "discord", "local")]
        found = together([closing(partial(social.resolve, who)) for who in ways * 3])
        assert {type(user) for user in found} == {User}, found
        assert len({user.pk for user in found}) == 1
    assert User.objects.count() == 5
    assert SocialAccount.objects.count() == 15


def test_a_sign_up_by_password_at_the_same_moment_leaves_one_account(identity):
    for number in range(5):
        email = f"new{number}@example.org"

        def by_password(email=email):
            return services.create_account(email=email, password="a seat in the third row")

        def by_site(email=email, number=number):
            return social.resolve(identity_of(f"{number}", email=email))

        answers = together([closing(by_password), closing(by_site)])
        # whoever was second is told so; the site never gets into the other's unconfirmed account
        assert sum(isinstance(answer, User) for answer in answers) == 1, answers
        assert sum(isinstance(answer, Conflict) for answer in answers) == 1, answers
    assert User.objects.count() == 5


def test_one_state_sent_many_times_at_once_signs_in_once(program):
    body = program.body("google", VERA)
    answers = together([closing(lambda: Api().post("oauth-callback", body).status_code)] * MANY)
    assert sorted(answers) == [200] + [400] * (MANY - 1)
    assert AuthSession.objects.count() == User.objects.count() == 1


def test_one_credential_sent_many_times_at_once_signs_in_once(identity):
    credential = {"credential": identity.credential(VERA)}
    answers = together([closing(lambda: Api().post("google/verify", credential).status_code)] * MANY)
    assert sorted(answers) == [200] + [401] * (MANY - 1)
    assert AuthSession.objects.count() == 1


def test_one_identity_that_two_people_connect_at_once_belongs_to_one(identity, make_user):
    for number in range(5):
        people = [make_user(), make_user()]
        who = identity_of(f"wanted-{number}")
        answers = together(
            [closing(partial(connections.connect, user_id=user.pk, identity=who)) for user in people * 3]
        )
        account = SocialAccount.objects.get(uid=f"wanted-{number}")
        assert sum(isinstance(answer, SocialAccount) for answer in answers) == 3, answers
        assert sum(isinstance(answer, Conflict) for answer in answers) == 3, answers
        assert account.user in people


def test_of_two_connections_removed_at_once_one_stays(identity, make_user):
    for number in range(5):
        user = make_user()
        ids = [
            public_id(connections.connect(user_id=user.pk, identity=identity_of(f"{number}", provider)))
            for provider in ("google", "discord")
        ]
        answers = together(
            [closing(partial(connections.disconnect, user_id=user.pk, connection_id=one)) for one in ids]
        )
        assert sum(answer is None for answer in answers) == 1, answers
        assert sum(isinstance(answer, Conflict) for answer in answers) == 1, answers
        assert SocialAccount.objects.filter(user=user).count() == 1
