"""`POST /webhooks/resend`: signed by Resend, taken in once, in any order."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now
from svix.webhooks import Webhook

from common.mail import delivery, suppression
from common.models import MailEvent, MailSuppression, OutgoingMail
from tests.common.mail.conftest import tried

pytestmark = pytest.mark.django_db

SECRET = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
PATH = "/webhooks/resend"
numbers = itertools.count()


@pytest.fixture(autouse=True)
def _secret(settings) -> None:
    settings.ANYMAIL = {"RESEND_SIGNING_SECRET": SECRET}


@pytest.fixture
def sent(write, mailoutbox) -> OutgoingMail:
    row = tried(write())
    OutgoingMail.objects.filter(pk=row.pk).update(provider_message_id="resend-1")
    return row


def event(kind: str, mail: OutgoingMail | None = None, message_id: str = "resend-1", **data: Any) -> dict[str, Any]:
    """As Resend writes it."""
    to = mail.to if mail else "else@troupe.example"
    headers = [{"name": "X-Metadata", "value": json.dumps({"mail": str(mail.pk)})}] if mail else []
    data = {"email_id": message_id, "to": [to], "from": "x@y.example", "subject": "s", "headers": headers} | data
    return {"type": f"email.{kind}", "created_at": "2026-11-20T12:00:00.000Z", "data": data}


HARD = {"bounce": {"message": "The mail server sent a hard bounce message.", "type": "Permanent", "subType": "General"}}
SOFT = {"bounce": {"message": "The inbox was full.", "type": "Transient", "subType": "MailboxFull"}}


def post(
    body: dict[str, Any] | bytes, *, event_id: str | None = None, at: datetime | None = None, secret: str = SECRET,
    client: Client | None = None, **headers: str,
) -> Any:  # fmt: skip
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    event_id, at = event_id or f"msg_{next(numbers)}", at or datetime.now(UTC)
    signed = {
        "svix-id": event_id,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(event_id, at, raw.decode("utf-8", "replace")),
    }
    client = client or Client()
    return client.post(PATH, raw, content_type="application/json", headers={**signed, **headers})


def state(mail: OutgoingMail) -> str:
    mail.refresh_from_db()
    return mail.delivery


class TestTaken:
    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            ("delivered", "delivered"),
            ("delivery_delayed", "deferred"),
            ("bounced", "bounced"),
            ("complained", "complained"),
        ],
    )
    def test_a_mail_shows_what_became_of_it(self, sent, kind, shown):
        response = post(event(kind, sent, **(HARD if kind == "bounced" else {})))
        assert (response.status_code, response.content) == (200, b"")
        assert state(sent) == shown
        told = MailEvent.objects.get()
        assert (told.kind, told.mail_id, told.provider_message_id) == (shown, sent.pk, "resend-1")
        assert told.occurred_at == datetime(2026, 11, 20, 12, tzinfo=UTC)

    @pytest.mark.parametrize("kind", ["sent", "opened", "clicked", "scheduled", "something.new"])
    def test_what_is_none_of_ours_is_passed_over(self, sent, kind):
        assert post(event(kind, sent)).status_code == 200
        assert (
            post({"type": "domain.updated", "created_at": "2026-11-20T12:00:00Z", "data": {"id": "d"}}).status_code
            == 200
        )
        assert (state(sent), MailEvent.objects.count()) == ("", 0)

    def test_it_finds_its_mail_by_the_providers_id_too(self, sent):
        assert post(event("delivered", message_id="resend-1")).status_code == 200
        assert state(sent) == "delivered"

    def test_an_event_before_our_own_note_of_the_id_is_caught_up_with(self, write, monkeypatch):
        row = write()
        assert post(event("delivered", message_id="early-1")).status_code == 200
        monkeypatch.setattr(delivery, "_hand_over", lambda message: "early-1")
        assert tried(row).status == "sent"
        assert state(row) == "delivered"
        assert MailEvent.objects.get().mail_id == row.pk

    def test_an_event_of_a_mail_that_is_not_ours_is_kept_and_disturbs_none(self, sent):
        assert post(event("delivered", message_id="somebody-elses")).status_code == 200
        assert state(sent) == ""
        assert MailEvent.objects.get().mail is None


class TestRepeatsAndOrder:
    def test_a_repeat_changes_nothing(self, sent):
        body = event("bounced", sent, **HARD)
        for _ in range(3):
            assert post(body, event_id="msg_same").status_code == 200
        assert (MailEvent.objects.count(), MailSuppression.objects.count()) == (1, 1)

    def test_a_repeat_after_staff_lifted_the_suppression_does_not_bring_it_back(self, sent):
        body = event("bounced", sent, **HARD)
        post(body, event_id="msg_same")
        suppression.lift(MailSuppression.objects.get())
        post(body, event_id="msg_same")
        assert not suppression.is_suppressed(sent.to)

    @pytest.mark.parametrize(
        "order", list(itertools.permutations(["delivery_delayed", "delivered", "bounced", "complained"]))
    )
    def test_any_order_ends_in_the_same_state(self, sent, order):
        for kind in order:
            post(event(kind, sent, **(SOFT if kind == "bounced" else {})))
        assert state(sent) == "complained"
        assert MailEvent.objects.count() == 4

    def test_delivered_after_all_is_not_put_off_again(self, sent):
        post(event("delivered", sent))
        post(event("delivery_delayed", sent))
        assert state(sent) == "delivered"


class TestSuppression:
    def test_a_permanent_bounce_and_a_complaint_stop_mail_to_the_address(self, sent, write):
        post(event("bounced", sent, **HARD))
        row = MailSuppression.objects.get()
        assert (row.address, row.reason) == (sent.to, "bounced")
        assert "hard bounce" in row.detail
        assert tried(write(to=sent.to)).status == "suppressed"

        other = tried(write(to="Other@troupe.example"))
        post(event("complained", other))
        assert MailSuppression.objects.get(reason="complained").address == "other@troupe.example"

    @pytest.mark.parametrize("data", [SOFT, {}, {"bounce": {"message": "?"}}, {"bounce": {"message": "?", "type": 7}}])
    def test_a_bounce_that_may_pass_does_not(self, sent, data):
        post(event("bounced", sent, **data))
        assert (state(sent), MailSuppression.objects.count()) == ("bounced", 0)

    def test_an_event_without_a_mail_of_ours_still_counts_for_its_address(self, db):
        post(event("complained", message_id="forgotten"))
        assert suppression.is_suppressed("else@troupe.example")


class TestSignatures:
    def refused(self, response: Any, problem: Any) -> None:
        assert problem(response) == (400, "VALIDATION_ERROR")
        assert MailEvent.objects.count() == 0

    def test_one_of_another_secret_is_refused(self, sent, problem):
        self.refused(post(event("delivered", sent), secret="whsec_WFlaWFlaWFlaWFlaWFlaWFlaWFlaWFla"), problem)
        assert state(sent) == ""

    @pytest.mark.parametrize("minutes", [-6, 6, -60_000, 60_000])
    def test_one_that_is_stale_or_of_the_future_is_refused(self, sent, problem, minutes):
        self.refused(post(event("delivered", sent), at=now() + timedelta(minutes=minutes)), problem)

    @pytest.mark.parametrize("minutes", [-4, 4])
    def test_clocks_may_differ_a_little(self, sent, minutes):
        assert post(event("delivered", sent), at=now() + timedelta(minutes=minutes)).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"svix-id": "msg_other"},
            {"svix-timestamp": str(int(datetime.now(UTC).timestamp()) + 30)},
            {"svix-timestamp": "soon"},
            {"svix-timestamp": "nan"},
            {"svix-timestamp": "1e400"},
            {"svix-signature": ""},
            {"svix-signature": "v1"},
            {"svix-signature": "v1,"},
            {"svix-signature": "v1,not base64!"},
            {"svix-signature": "v1,AAAA"},
            {"svix-signature": "v2,AAAA v1,BBBB"},
            {"svix-signature": ",,,"},
            {"svix-signature": "v1,é"},
            {"svix-id": ""},
        ],
    )
    def test_headers_that_were_tampered_with_are_refused(self, sent, problem, headers):
        self.refused(post(event("delivered", sent), **headers), problem)

    def test_none_at_all_is_refused(self, sent, problem):
        raw = json.dumps(event("delivered", sent))
        self.refused(Client().post(PATH, raw, content_type="application/json"), problem)

    def test_a_body_that_was_cut_or_added_to_is_refused(self, sent, problem):
        whole = json.dumps(event("bounced", sent, **HARD)).encode()
        at = datetime.now(UTC)
        signature = Webhook(SECRET).sign("msg_cut", at, whole.decode())
        for body in (whole[:-10], whole + b" ", b"", whole.replace(b"bounced", b"delivered")):
            self.refused(post(body, event_id="msg_cut", at=at, **{"svix-signature": signature}), problem)

    def test_several_signatures_are_fine_if_one_is_right(self, sent):
        at, raw = datetime.now(UTC), json.dumps(event("delivered", sent))
        right = Webhook(SECRET).sign("msg_two", at, raw)
        response = post(raw.encode(), event_id="msg_two", at=at, **{"svix-signature": f"v1,AAAA {right}"})
        assert response.status_code == 200


class TestHostileBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"null", b"[]", b"7", b'""', b"{}", b"{", b'{"type": "email.bounced"}',
            b'{"type": "email.bounced", "data": null}', b'{"type": "email.bounced", "data": []}',
            b'{"type": "email.bounced", "data": {"bounce": 7}}', b'{"type": ["email.bounced"], "data": {}}',
            b'{"type": "email.bounced", "data": {"headers": 7}}',
            b'{"type": "email.bounced", "data": {"headers": [7]}}',
            b'{"type": "email.bounced", "data": {"to": ["a@b.c"]}}',
        ],
    )  # fmt: skip
    def test_what_can_not_be_read_is_refused_though_it_is_signed(self, db, problem, body):
        assert problem(post(body)) == (400, "VALIDATION_ERROR")
        assert MailEvent.objects.count() == 0

    @pytest.mark.parametrize(
        "data",
        [
            {"email_id": 7}, {"email_id": {"a": 1}}, {"email_id": None}, {"email_id": "x" * 5000}, {"to": []},
            {"to": None}, {"bounce": None}, {"bounce": {"message": None}}, {"email_id": "\x00\ud800"},
            {"bounce": {"message": "\ud800"}},
            {"to": ["nonsense"]}, {"bounce": {"message": "a\x00b", "type": "Permanent"}},
            {"headers": [{"name": "X-Metadata", "value": "[]"}]}, {"headers": [{"name": "X-Metadata", "value": "{"}]},
            {"headers": [{"name": "X-Metadata", "value": '{"mail": {"a": 1}}'}]},
            {"headers": [{"name": "X-Metadata", "value": '{"mail": "not-a-uuid"}'}]},
        ],
    )  # fmt: skip
    def test_odd_values_are_no_server_error(self, sent, data):
        response = post(event("bounced", sent, **data))
        assert response.status_code in {200, 400}
        assert post(event("delivered", sent)).status_code == 200

    def test_bytes_that_are_no_text_are_refused(self, db, problem):
        assert problem(post(b"\xff\xfe\x00")) == (400, "VALIDATION_ERROR")

    def test_a_body_that_is_too_large_is_refused(self, db, problem, settings):
        assert problem(post(b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)))[0] == 413


class TestDoor:
    def test_without_a_secret_it_is_not_there(self, sent, problem, settings):
        settings.ANYMAIL = {}
        assert problem(post(event("delivered", sent))) == (404, "NOT_FOUND")
        assert state(sent) == ""

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_only_posts_are_taken(self, db, problem, method):
        assert problem(getattr(Client(), method)(PATH)) == (405, "METHOD_NOT_ALLOWED")

    def test_a_session_and_a_missing_csrf_token_make_no_difference(self, sent, owner):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(owner.user)
        assert post(event("delivered", sent), client=browser).status_code == 200
