"""Signing in by other sites over the API: there and back, with the real code of each against a real server."""

import pytest
from allauth.socialaccount.models import SocialAccount

from accounts.models import AuthSession, User
from tests.accounts.elsewhere import SITES, STORED, WITH_ADDRESS
from tests.standins.identity_server import NILS, UMA, VERA

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_a_new_person_with_a_verified_address_gets_an_account(program, provider):
    response = program.sign_in(provider, VERA)
    assert response.status_code == 200, response.content
    user = User.objects.get()
    assert (user.email, user.email_verified, user.has_usable_password()) == (VERA.email, True, False)
    assert user.username.startswith("guest-")
    assert user.display_name == ""
    account = SocialAccount.objects.get()
    assert (account.user, account.provider) == (user, STORED[provider])
    assert set(account.extra_data) == {"label"}
    assert AuthSession.objects.get().method == provider
    assert response.json()["user"]["id"] == str(user.pk)
