"""How the site behaves for one person."""

import pytest

from accounts import services
from accounts.models import Consent, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PATH = "/api/users/me/preferences"
DEFAULTS = {
    "theme": "system",
    "mature": False,
    "enter_sends": True,
    "reduce_motion": False,
    "show_last_seen": True,
    "marketing_mail": False,
}


@pytest.fixture
def api():
    return Api


def test_a_new_person_has_the_defaults(api, owner):
    assert api(owner).get(PATH).json() == DEFAULTS


def test_what_is_given_changes_and_the_rest_stays(api, owner, stranger):
    assert api(owner).patch(PATH, {"theme": "dark", "enter_sends": False}).json() == DEFAULTS | {
        "theme": "dark",
        "enter_sends": False,
    }
    assert api(owner).patch(PATH, {"mature": True}).json()["theme"] == "dark"
    assert User.objects.get(pk=owner.id).preferences == {"theme": "dark", "enter_sends": False, "mature": True}
    assert api(stranger).get(PATH).json() == DEFAULTS


@pytest.mark.parametrize(
    "change",
    [
        {"theme": "pink"},
        {"theme": None},
        {"mature": "yes"},
        {"mature": 1},
        {"enter_sends": None},
        {"unknown": True},
        {"reduce_motion": []},
        {"__proto__": {}},
        {"theme": "dark\u0000"},
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(api, owner, problem, change):
    assert problem(api(owner).patch(PATH, {"show_last_seen": False} | change)) == (400, "VALIDATION_ERROR")
    assert User.objects.get(pk=owner.id).preferences == {}


def test_nobody_has_preferences(api, problem):
    assert problem(api().get(PATH)) == (401, "UNAUTHENTICATED")
    assert problem(api().patch(PATH, {"theme": "dark"})) == (401, "UNAUTHENTICATED")


def test_news_by_mail_are_a_consent_of_which_each_change_is_kept(api, owner):
    news = Consent.objects.filter(user=owner.user, purpose="marketing").order_by("pk")
    before = news.count()
    for wish in (True, True, False):
        assert api(owner).patch(PATH, {"marketing_mail": wish}).json()["marketing_mail"] is wish
    assert [row.given for row in news[before:]] == [True, False]
    assert "marketing_mail" not in User.objects.get(pk=owner.id).preferences


def test_they_cost_two_queries(api, owner, django_assert_num_queries):
    services.update_preferences(user_id=owner.id, changes={"mature": True})
    api(owner).get(PATH)  # that the session lives is remembered from here on
    with django_assert_num_queries(2):
        api(owner).get(PATH)
