"""Statements in the log: slow ones always, all of them on request, their values never."""

import logging

import pytest

from common.database import fetch_one

pytestmark = pytest.mark.django_db
SECRET = "what somebody said"


def told(caplog) -> str:
    with caplog.at_level(logging.INFO, logger="common.database"):
        fetch_one("SELECT %s || ' indeed'", [SECRET])
    return "\n".join(str(record.msg) for record in caplog.records if record.name == "common.database")


def test_usually_nothing_is_said(caplog):
    assert told(caplog) == ""


def test_on_request_every_statement_is_told_without_its_values(caplog, settings):
    settings.DATABASE_LOGGING = True
    text = told(caplog)
    assert "|| ' indeed'" in text
    assert SECRET not in text


def test_a_slow_one_is_told_unasked_and_counted(caplog, settings):
    settings.SLOW_QUERY_SECONDS = 0.0
    text = told(caplog)
    assert "slow query" in text
    assert SECRET not in text
