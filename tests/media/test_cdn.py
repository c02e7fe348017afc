"""The CDN is asked to forget a file under all its addresses, and asked again until it has."""

import socket

import django_rq
import pytest
from django.test import override_settings
from rq import SimpleWorker
from rq.job import Job

from common import jobs
from media import cdn, tasks
from tests.standins.cdn_server import CdnServer

KEY = "other/01a1f8df-0000-7000-8000-000000000001"
ADDRESSES = [
    f"/media/{KEY}",
    *(f"/media/{KEY}?variant={name}" for name in ("original", "medium", "small", "thumbnail")),
]


@pytest.fixture
def server(settings):
    with CdnServer() as running:
        settings.CDN_BASE_URL = running.url
        settings.CDN_PURGE_TOKEN = "let-me"
        yield running


def test_every_address_of_a_file_is_purged_with_the_token(server):
    cdn.purge(KEY)
    assert server.purged == ADDRESSES
    assert server.tokens == {"Bearer let-me"}


def test_without_a_token_none_is_sent(server, settings):
    settings.CDN_PURGE_TOKEN = ""
    cdn.purge(KEY)
    assert server.tokens == {""}


@pytest.mark.parametrize("status", [200, 202, 204, 404])
def test_what_the_cdn_has_forgotten_or_never_had_is_gone(server, status):
    server.answers = [status] * len(ADDRESSES)
    cdn.purge(KEY)
    assert server.purged == ADDRESSES


@pytest.mark.parametrize("status", [301, 400, 401, 403, 429, 500, 503])
def test_anything_else_is_no_yes(server, status):
    server.answers = [200, status]
    with pytest.raises(cdn.PurgeError, match=str(status)):
        cdn.purge(KEY)


def test_a_cdn_that_is_away_is_named_without_its_address(settings):
    with socket.socket() as nobody:  # bound and not listening: whoever connects is refused
        nobody.bind(("127.0.0.1", 0))
        settings.CDN_BASE_URL = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(cdn.PurgeError, match="no answer: ConnectError"):
            cdn.purge(KEY)


def test_without_a_cdn_nobody_is_asked(settings):
    settings.CDN_BASE_URL = ""
    cdn.purge(KEY)


@pytest.mark.django_db
@override_settings(JOB_RETRY_SECONDS=[0, 0])
def test_a_purge_that_fails_is_tried_again_by_its_job(server, django_capture_on_commit_callbacks):
    server.answers = [500]
    with django_capture_on_commit_callbacks(execute=True):
        jobs.enqueue_on_commit(tasks.purge_from_cdn, KEY, queue="media")
    queue = django_rq.get_queue("media")
    (job_id,) = queue.job_ids
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="CRITICAL")
    assert Job.fetch(job_id, connection=queue.connection).get_status() == "finished"
    assert server.purged == [ADDRESSES[0], *ADDRESSES]  # the first was refused, then all were asked for
