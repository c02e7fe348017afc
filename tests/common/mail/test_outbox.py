"""The rows: written with the work they belong to, sent once, taken over from the dead, forgotten."""

import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import django_rq
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from common import mail
from common.mail import delivery, outbox, rendering, suppression, tasks
from common.metrics import mails_total
from common.models import MailEvent, MailSuppression, OutgoingMail
from config.schedule import SCHEDULE
from tests.common.mail.conftest import ROW, SEALED, end_lease, make_due, tried
from tests.common.test_jobs import run_jobs
from tests.live import ROOT, LiveSite
from tests.standins.smtp import SMTPServer

commits = pytest.mark.django_db(transaction=True)
CONTEXT = {"minutes": 15}


def waiting() -> int:
    return django_rq.get_queue("mail").count


class TestWriting:
    @commits
    def test_it_leaves_after_the_commit_and_not_before(self, write, mailoutbox):
        with transaction.atomic():
            row = write()
            assert waiting() == 0
        assert waiting() == 1
        run_jobs("mail")
        row.refresh_from_db()
        assert (row.status, len(mailoutbox)) == ("sent", 1)

    @commits
    def test_with_work_that_is_undone_it_was_never_written(self, write):
        with transaction.atomic():
            write()
            transaction.set_rollback(True)
        assert (OutgoingMail.objects.count(), waiting()) == (0, 0)

    def test_a_sealed_link_is_not_stored_and_is_in_the_mail(self, db, mailoutbox):
        row = mail.send("magic_link", to="a@b.example", context=CONTEXT, link=SEALED)
        key = rendering.link_of(row).partition("?key=")[2]
        assert len(key) == 43
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_jsonb(m)::text FROM common_outgoingmail m")
            assert key not in cursor.fetchone()[0]
        tried(row)
        assert f"{SEALED.path}?key={key}" in mailoutbox[0].body

    def test_to_write_one_is_one_statement(self, db):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            mail.send("account_restored", to="a@b.example", user_id=ROW)
        assert len(queries) == 1

    @pytest.mark.parametrize(
        ("kind", "options", "what"),
        [
            ("no_such_kind", {}, "no mail of kind"),
            ("magic_link", {"link": SEALED}, "minutes"),
            ("magic_link", {"link": SEALED, "context": CONTEXT | {"secret": "x"}}, "secret"),
            ("magic_link", {"context": CONTEXT}, "needs link"),
            ("account_restored", {"link": SEALED}, "has no link"),
            ("account_deleted", {"link": "javascript:alert(1)", "context": {"until": "x"}}, "https://"),
            ("../../etc/passwd", {}, "no mail of kind"),
        ],
    )
    def test_a_mail_that_could_not_be_rendered_is_refused_where_it_is_written(self, db, kind, options, what):
        with pytest.raises(ValueError, match=what):
            mail.send(kind, to="a@b.example", **options)
        assert OutgoingMail.objects.count() == 0

    @pytest.mark.parametrize(
        "to", ["", "nobody", "a@b.example\nBcc: c@d.example", "a@b.example, c@d.example", "a@ b.c"]
    )
    def test_what_is_no_single_address_is_refused(self, db, to):
        from django.core.exceptions import ValidationError

        with pytest.raises(ValidationError):
            mail.send("account_restored", to=to)

    def test_a_path_begins_with_a_slash(self):
        with pytest.raises(ValueError, match="begins with /"):
            mail.SealedLink(path="//evil.example".lstrip("/"), purpose="x", row_id=ROW)


class TestSending:
    def test_the_metric_counts_what_became_of_it(self, write, mailoutbox):
        def counted(outcome: str) -> float:
            return mails_total.labels("account_restored", outcome)._value.get()

        before = counted("sent"), counted("suppressed")
        tried(write())
        suppression.suppress("out@troupe.example", reason="bounced")
        tried(write(to="out@troupe.example"))
        assert (counted("sent"), counted("suppressed")) == (before[0] + 1, before[1] + 1)

    def test_a_context_that_came_out_wrong_fails_at_once_and_says_so(self, write, caplog):
        row = write("password_changed")
        OutgoingMail.objects.filter(pk=row.pk).update(context={"device": "x", "at": "yesterday"})
        assert tried(row).status == "failed"
        assert "yesterday" in row.last_error
        assert "a mail can't be sent" in caplog.text

    def test_a_mail_that_is_gone_is_nobodys_error(self, db):
        tasks.deliver(uuid.uuid4())

    @commits
    def test_two_workers_at_once_send_one_mail(self, write, settings):
        with SMTPServer() as server:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            rows = [write(to=f"p{number}@troupe.example") for number in range(5)]
            start = threading.Barrier(8)

            def work() -> None:
                start.wait()
                for row in rows:
                    delivery.deliver(row.pk)
                connection.close()

            with ThreadPoolExecutor(8) as pool:
                for done in [pool.submit(work) for _ in range(8)]:
                    done.result()
            assert sorted(envelope.rcpt_tos[0] for envelope in server.mails) == [
                f"p{n}@troupe.example" for n in range(5)
            ]
        assert set(OutgoingMail.objects.values_list("status", "attempts")) == {("sent", 1)}


@pytest.fixture
def smtp(settings) -> Any:
    with SMTPServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


class TestDeadWorkers:
    @commits
    def test_a_worker_that_is_killed_in_the_middle_is_taken_over_from(self, write, smtp):
        row = write()
        smtp.hold.set()
        environment = LiveSite(SMTP_HOST="127.0.0.1", SMTP_PORT=str(smtp.port))._environment()
        code = f"import django; django.setup(); from common.mail import tasks; tasks.deliver('{row.pk}')"
        worker = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        )
        assert smtp.arrived.wait(60)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert smtp.cut_off.wait(10)
        smtp.hold.clear()

        row.refresh_from_db()
        assert (row.status, row.attempts) == ("sending", 1)
        django_rq.get_queue("mail").empty()
        assert delivery.sweep() == 0  # its lease still holds
        end_lease(row)
        assert delivery.sweep() == 1
        run_jobs("mail")
        row.refresh_from_db()
        assert (row.status, row.attempts, len(smtp.mails)) == ("sent", 2, 1)

    def test_a_mail_that_kills_every_worker_has_failed_after_three(self, write):
        row = write()
        for _ in range(3):
            assert delivery.claim(row.pk)
            end_lease(row)
        assert delivery.claim(row.pk) is None
        delivery.sweep()
        row.refresh_from_db()
        assert (row.status, row.attempts) == ("failed", 3)
        assert "died" in row.last_error

    def test_one_that_was_slow_and_not_dead_changes_nothing_afterwards(self, write, mailoutbox):
        row = write()
        slow = delivery.claim(row.pk)
        end_lease(row)
        assert tried(row).status == "sent"
        delivery._refused(slow, delivery.refusal_of(TimeoutError("late")))
        row.refresh_from_db()
        assert (row.status, row.last_error) == ("sent", "")

    def test_a_lease_is_longer_than_a_job_may_take(self, settings):
        assert django_rq.get_queue("mail")._default_timeout == settings.MAIL_SECONDS
        assert timedelta(seconds=settings.MAIL_SECONDS) < delivery.LEASE


class TestSweep:
    @commits
    def test_a_lost_nudge_is_made_up_for(self, write, mailoutbox):
        row = write()
        django_rq.get_queue("mail").empty()
        assert delivery.sweep() == 0  # it was written just now, and may be on its way
        make_due(row)
        assert delivery.sweep() == 1
        run_jobs("mail")
        assert len(mailoutbox) == 1
        assert delivery.sweep() == 0

    @commits
    def test_a_queue_that_is_full_is_not_filled_further(self, write, monkeypatch):
        monkeypatch.setattr(delivery, "BUSY_QUEUE", 3)
        for number in range(5):
            make_due(write(to=f"p{number}@troupe.example"))
        assert waiting() == 5
        assert delivery.sweep() == 0
        assert waiting() == 5

    def test_it_is_one_query_more_or_less_whatever_there_is(self, write):
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                delivery.sweep()
            return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

        make_due(write())
        one = count()
        for number in range(20):
            make_due(write(to=f"p{number}@troupe.example"))
        assert count() == one

    def test_it_stands_in_the_schedule(self):
        assert {(tasks.sweep, "mail", 15), (tasks.forget, "low", 86_400)} <= set(SCHEDULE)

    @pytest.mark.parametrize("status", ["queued", "sending", "sent", "failed", "suppressed"])
    def test_a_mail_is_forgotten_after_thirty_days(self, write, status):
        old, young = write(), write()
        changes: dict[str, Any] = {"status": status, "created_at": now() - timedelta(days=30, minutes=1)}
        changes |= {"sent_at": now()} if status == "sent" else {}
        changes |= {"lease_until": now()} if status == "sending" else {}
        OutgoingMail.objects.filter(pk=old.pk).update(**changes)
        MailEvent.objects.create(event_id="e", kind="delivered", mail=old)
        delivery.forget()
        assert list(OutgoingMail.objects.values_list("pk", flat=True)) == [young.pk]
        assert MailEvent.objects.count() == 0


class TestSuppression:
    def test_an_address_on_the_list_gets_nothing_however_it_is_written(self, write, mailoutbox):
        suppression.suppress("Mira@Troupe.example", reason="complained", detail="spam")
        row = tried(write(to="MIRA@troupe.EXAMPLE"))
        assert (row.status, row.sent_at, mailoutbox) == ("suppressed", None, [])

    def test_it_stands_there_once_and_is_lifted_once(self, write, mailoutbox):
        for _ in range(2):
            suppression.suppress("mira@troupe.example", reason="bounced")
        (row,) = MailSuppression.objects.all()
        assert (suppression.lift(row), suppression.lift(row)) == (True, False)
        assert tried(write()).status == "sent"

    def test_it_may_come_back(self, db):
        suppression.suppress("mira@troupe.example", reason="bounced")
        suppression.lift(MailSuppression.objects.get())
        suppression.suppress("mira@troupe.example", reason="complained")
        assert suppression.is_suppressed("mira@troupe.example")
        assert MailSuppression.objects.count() == 2


def test_a_mail_sent_again_is_a_new_one(write, mailoutbox):
    row = write("magic_link", locale="de", user_id=ROW)
    copy = outbox.send_again(row)
    assert copy.pk != row.pk
    same = ("to", "user_id", "kind", "locale", "timezone", "context", "link")
    assert [getattr(copy, name) for name in same] == [getattr(row, name) for name in same]
    assert (copy.status, copy.attempts) == ("queued", 0)
