"""The operators' console of mail: looking, sending again and lifting a suppression, with a reason."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from common.mail import suppression
from common.models import AuditEntry, MailEvent, MailSuppression, OutgoingMail
from tests.common.mail.conftest import tried

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(staff) -> Client:
    console = Client()
    console.force_login(staff.user)
    return console


@pytest.fixture
def failed(write) -> OutgoingMail:
    row = write("magic_link")
    OutgoingMail.objects.filter(pk=row.pk).update(status="failed", attempts=3, last_error="550 no")
    return row


class TestLists:
    @pytest.mark.parametrize("model", ["outgoingmail", "mailevent", "mailsuppression"])
    def test_each_is_there_and_nobody_may_write_into_it(self, console, write, model):
        row = write()
        MailEvent.objects.create(event_id="e", kind="delivered", mail=row)
        suppression.suppress("out@troupe.example", reason="bounced")
        assert console.get(f"/admin/common/{model}/").status_code == 200
        assert console.get(f"/admin/common/{model}/add/").status_code == 403
        key = {"outgoingmail": OutgoingMail, "mailevent": MailEvent, "mailsuppression": MailSuppression}[model]
        page = console.get(f"/admin/common/{model}/{key.objects.last().pk}/change/")
        assert page.status_code == 200

    def test_a_mail_is_found_by_the_beginning_of_its_address(self, console, write):
        write(to="mira@troupe.example")
        assert "mira@" in console.get("/admin/common/outgoingmail/?q=mira").content.decode()
        assert "mira@" not in console.get("/admin/common/outgoingmail/?q=odile").content.decode()

    def test_no_page_shows_a_link_that_would_open(self, console, failed):
        from common.mail.rendering import link_of

        page = console.get(f"/admin/common/outgoingmail/{failed.pk}/change/").content.decode()
        assert link_of(failed).partition("?key=")[2] not in page


class TestSendingAgain:
    def test_a_failed_mail_leaves_once_more_and_the_trail_says_why(self, console, staff, failed, mailoutbox):
        response = act(console, failed, "send_again", "They asked for it")
        copy = OutgoingMail.objects.filter(kind="magic_link").exclude(pk=failed.pk).get()
        assert response.headers["HX-Redirect"].endswith(f"/{copy.pk}/change/")
        assert tried(copy).status == "sent"
        entry = AuditEntry.objects.get(action="mail.send_again")
        assert (entry.actor_id, entry.reason, entry.target_id) == (staff.id, "They asked for it", str(failed.pk))
        failed.refresh_from_db()
        assert failed.status == "failed"

    @pytest.mark.parametrize("reason", ["", "x"])
    def test_not_without_a_reason(self, console, failed, reason):
        act(console, failed, "send_again", reason)
        assert (written(), AuditEntry.objects.count()) == (1, 0)

    def test_one_that_was_sent_is_not(self, console, write, mailoutbox):
        row = tried(write("magic_link"))
        response = act(console, row, "send_again", "Once more, please")
        assert "HX-Redirect" in response.headers
        assert (written(), AuditEntry.objects.count()) == (1, 0)

    def test_nor_by_anybody_else(self, owner, failed):
        for client in (Client(), _signed_in(owner)):
            assert act(client, failed, "send_again", "Let me in").status_code in {302, 403, 404}
        assert (written(), AuditEntry.objects.count()) == (1, 0)


class TestLifting:
    @pytest.fixture
    def row(self, db) -> MailSuppression:
        suppression.suppress("mira@troupe.example", reason="bounced")
        return MailSuppression.objects.get()

    def test_the_address_gets_mail_again_and_the_trail_says_why(self, console, staff, row, write, mailoutbox):
        act(console, row, "lift", "The mailbox works again")
        assert not suppression.is_suppressed("mira@troupe.example")
        entry = AuditEntry.objects.get(action="mail.lift_suppression")
        assert (entry.actor_id, entry.reason, entry.target_id) == (staff.id, "The mailbox works again", str(row.pk))
        assert tried(write()).status == "sent"

    def test_not_without_a_reason_and_not_by_anybody_else(self, console, owner, row):
        act(console, row, "lift", "")
        for client in (Client(), _signed_in(owner)):
            act(client, row, "lift", "Let me in")
        assert suppression.is_suppressed("mira@troupe.example")
        assert AuditEntry.objects.count() == 0

    def test_twice_is_told_once(self, console, row):
        for _ in range(2):
            act(console, row, "lift", "The mailbox works again")
        assert AuditEntry.objects.count() == 1


def _signed_in(person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def act(client: Client, row: OutgoingMail | MailSuppression, name: str, reason: str) -> HttpResponse:
    address = reverse(f"admin:common_{row._meta.model_name}_{name}", args=[row.pk])
    return client.post(address, {"_form_submitted": "on", "reason": reason}, headers={"HX-Request": "true"})


def written() -> int:
    """How often it stands in the table; to sign somebody up writes mails of another kind."""
    return OutgoingMail.objects.filter(kind="magic_link").count()
