"""`GET /api/auth/me`: who I am, in few queries."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/auth/profile"])
def test_me_costs_at_most_three_queries(owner, django_assert_max_num_queries, path):
    client = Client(headers=owner.headers)
    client.get(path)
    with django_assert_max_num_queries(3):
        answer = client.get(path)
    assert set(answer.json()) == {"user", "wallet", "subscription", "limits"}
    assert None not in answer.json().values()


def test_me_costs_at_most_three_queries_by_the_cookie_too(owner, django_assert_max_num_queries):
    client = Client()
    client.force_login(owner.user)
    client.get("/api/auth/me")
    with django_assert_max_num_queries(3):
        assert client.get("/api/auth/me").json()["user"]["id"] == str(owner.id)
