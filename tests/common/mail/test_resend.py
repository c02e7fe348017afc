"""Sending through Resend, over real HTTP: taken, put off, refused, silent."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.utils.timezone import now

from common.mail import delivery
from common.models import OutgoingMail
from tests.common.mail.conftest import end_lease, make_due, tried
from tests.standins.resend import ResendServer, resend_server

pytestmark = pytest.mark.django_db

server = pytest.fixture(resend_server)


@pytest.fixture(autouse=True)
def _resend(server: ResendServer, settings) -> None:
    settings.EMAIL_BACKEND = "common.mail.resend.ResendBackend"
    settings.DEFAULT_FROM_EMAIL = "Troupe <hello@troupe.example>"
    settings.ANYMAIL = {
        "RESEND_API_KEY": server.api_key,
        "RESEND_API_URL": server.base_url,
        "REQUESTS_TIMEOUT": 0.5,
    }


def waits(mail: OutgoingMail) -> float:
    """Seconds until its next try."""
    return (mail.next_try_at - now()).total_seconds()


class TestTaken:
    def test_it_is_sent_once_to_one_person_with_text_and_html(self, write, server):
        mail = tried(write("magic_link", locale="de"))
        (sent,) = server.mails
        assert sent["to"] == ["mira@troupe.example"]
        assert sent["from"] == "Troupe <hello@troupe.example>"
        assert sent["subject"] == "Dein Link zum Anmelden"
        assert sent["text"].startswith("Hallo,")
        assert sent["html"].startswith("<!doctype html>")
        assert mail.status == "sent"
        assert mail.provider_message_id in server.taken.values()
        assert (mail.attempts, mail.last_error, mail.lease_until) == (1, "", None)

    def test_it_carries_our_id_for_the_events_and_against_repeats(self, write, server):
        mail = tried(write())
        ((headers, sent),) = server.requests
        assert headers["idempotency-key"] == str(mail.pk)
        assert sent["headers"]["X-Metadata"] == f'{{"mail": "{mail.pk}"}}'
        assert sent["headers"]["Message-ID"] == f"<{mail.pk}@troupe.example>"
        assert sent["headers"]["Auto-Submitted"] == "auto-generated"

    def test_a_mail_that_is_sent_is_not_sent_again(self, write, server):
        mail = tried(write())
        tried(mail)
        assert len(server.requests) == 1


class TestPutOff:
    def test_too_many_requests_uses_up_no_try_and_waits_as_it_is_told(self, write, server):
        mail = write()
        for _ in range(5):
            server.script(status=429, headers={"Retry-After": "77"})
            make_due(tried(mail))
            mail.refresh_from_db()
            assert (mail.status, mail.attempts) == ("queued", 0)
        server.script(status=429, headers={"Retry-After": "77"})
        assert 70 < waits(tried(mail)) <= 77
        make_due(mail)
        assert tried(mail).status == "sent"
        assert len(server.mails) == 1

    @pytest.mark.parametrize(
        ("header", "least", "most"),
        [
            ("0", 0, 1),
            ("99999999999999999999", 890, 900),
            ("soon", 25, 30),
            ("", 25, 30),
            ("-5", 25, 30),
            ("٣", 25, 30),
        ],
    )
    def test_what_it_asks_for_is_kept_within_reason(self, write, server, header, least, most):
        server.script(status=429, headers={"Retry-After": header.encode("utf-8").decode("latin-1")})
        assert least < waits(tried(write())) <= most

    def test_it_may_ask_by_a_date(self, write, server):
        later = format_datetime(now() + timedelta(seconds=100), usegmt=True)
        server.script(status=429, headers={"Retry-After": later})
        assert 90 < waits(tried(write())) <= 100

    def test_a_day_of_that_is_enough(self, write, server):
        mail = write()
        OutgoingMail.objects.filter(pk=mail.pk).update(created_at=now() - timedelta(hours=25))
        server.script(status=429)
        assert tried(mail).status == "failed"


class TestRefused:
    @pytest.mark.parametrize("status", [500, 502, 503, 401, 403, 409])
    def test_three_tries_with_time_between_them_then_it_has_failed(self, write, server, status):
        mail = write()
        for attempt, (least, most) in enumerate([(25, 30), (290, 300)], start=1):
            server.script(status=status)
            mail = tried(mail)
            assert (mail.status, mail.attempts) == ("queued", attempt)
            assert least < waits(mail) <= most
            assert f"response {status}" in mail.last_error
            make_due(mail)
        server.script(status=status)
        mail = tried(mail)
        assert (mail.status, mail.attempts, mail.sent_at) == ("failed", 3, None)
        assert server.mails == []

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_what_it_will_never_take_has_failed_at_once(self, write, server, status):
        server.script(status=status)
        mail = tried(write())
        assert (mail.status, mail.attempts) == ("failed", 1)
        assert "As the test wants it." in mail.last_error

    def test_a_failure_then_success_is_success(self, write, server):
        server.script(status=500)
        mail = write()
        make_due(tried(mail))
        mail = tried(mail)
        assert (mail.status, mail.attempts, mail.last_error) == ("sent", 2, "")

    def test_a_try_that_is_not_due_does_nothing(self, write, server):
        server.script(status=500)
        mail = tried(write())
        tried(mail)
        assert len(server.requests) == 1

    def test_neither_the_row_nor_the_log_has_the_key_or_the_link(self, write, server, caplog):
        server.script(status=500, body='{"message": "no"}')
        mail = tried(write("magic_link"))
        logged = caplog.text
        told = mail.last_error + logged
        assert server.api_key not in told
        assert "?key=" not in told
        assert "a mail can't be sent now" in logged
        assert "mira@" not in logged


class TestSilence:
    def test_no_answer_in_time_is_tried_again(self, write, server):
        server.script(delay=1.5)
        mail = tried(write())
        assert (mail.status, mail.attempts) == ("queued", 1)
        assert "Timeout" in mail.last_error

    def test_a_mail_that_was_taken_though_we_never_heard_is_not_taken_twice(self, write, server):
        server.script(hang_up=True)
        mail = tried(write())
        assert (mail.status, len(server.mails)) == ("queued", 1)
        make_due(mail)
        mail = tried(mail)
        assert (mail.status, len(server.mails), len(server.requests)) == ("sent", 1, 2)
        assert mail.provider_message_id in server.taken.values()

    def test_nor_is_one_whose_worker_died_after_the_answer(self, write, server):
        mail = write()
        assert delivery.claim(mail.pk)
        delivery._hand_over(delivery.compose(mail))
        end_lease(mail)
        assert tried(mail).status == "sent"
        assert (len(server.mails), len(server.requests)) == (1, 2)

    def test_an_answer_that_is_no_json_is_tried_again(self, write, server):
        server.script(body="<html>welcome to the proxy</html>")
        assert tried(write()).status == "queued"

    def test_a_server_that_is_not_there_is_tried_again(self, write, settings):
        settings.ANYMAIL = settings.ANYMAIL | {"RESEND_API_URL": "http://127.0.0.1:1"}
        mail = tried(write())
        assert mail.status == "queued"
        assert "Connection" in mail.last_error
