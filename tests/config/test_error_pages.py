"""An error nobody foresaw: a page that needs nothing of what broke, and a log that names the request."""

import pytest
from django.db import connection
from django.test import Client


@pytest.fixture
def broken(db):
    """The wallets are gone, until the test's transaction is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_wallet RENAME TO mislaid")


def test_the_page_shows_although_every_page_reads_what_is_broken(owner, broken):
    client = Client(raise_request_exception=False)
    client.force_login(owner.user)
    answer = client.get("/wallet")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "The set fell over" in page
    assert answer.headers["X-Request-ID"] in page
    assert "billing_wallet" not in page


def test_the_log_tells_the_exception_with_the_requests_id(owner, broken, caplog):
    client = Client(raise_request_exception=False, headers=owner.headers)
    answer = client.get("/api/wallet")
    assert answer.json()["code"] == "SERVER_ERROR"
    events = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    told = [event for event in events if event["event"] == "unhandled exception"]
    assert len(told) == 1
    assert told[0]["path"] == "/api/wallet"
    assert told[0]["request_id"] == answer.headers["X-Request-ID"]
    assert told[0]["exc_info"]
