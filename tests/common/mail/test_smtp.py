"""Sending over real SMTP: plain, STARTTLS and TLS, with a password and without; refused now, for good, cut off."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from common import mail as outgoing
from config.env import load_environment
from tests.common.mail.conftest import make_due, tried
from tests.standins.smtp import PASSWORD, USER, SMTPServer, self_signed

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def use(settings) -> Any:
    """`use(server)`: sends through it, with the security that the environment chooses unless it is told."""

    def use(server: SMTPServer, *, user: str = "", password: str = "", security: str | None = None) -> None:
        port = str(server.port)
        env = load_environment(
            {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_USER": user, "SMTP_PASSWORD": password}
        )
        security = security or env.smtp_security
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = env.SMTP_HOST, env.SMTP_PORT
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = user, password
        settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = security == "starttls", security == "tls"
        settings.EMAIL_TIMEOUT = 2

    return use


@pytest.fixture
def server(use) -> Any:
    with SMTPServer() as server:
        use(server)
        yield server


class TestTaken:
    def test_a_mail_arrives_whole(self, write, server):
        mail = tried(write("confirm_email", locale="fr", context={"name": "Zoë Ω"}, to="zoe@troupe.example"))
        (envelope,) = server.mails
        assert envelope.rcpt_tos == ["zoe@troupe.example"]
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert message["Subject"] == "Confirme ton adresse"
        assert message["Message-ID"].startswith(f"<{mail.pk}@")
        assert message["Auto-Submitted"] == "auto-generated"
        assert "Bonjour Zoë Ω," in message.get_body(("plain",)).get_content()
        assert "Bonjour Zoë Ω," in message.get_body(("html",)).get_content()
        assert (mail.status, mail.provider_message_id) == ("sent", "")

    def test_each_mail_goes_to_one_person_alone(self, write, server):
        for name in ("a", "b", "c"):
            tried(write(to=f"{name}@troupe.example"))
        assert [envelope.rcpt_tos for envelope in server.mails] == [[f"{n}@troupe.example"] for n in "abc"]

    def test_lines_are_never_longer_than_smtp_allows(self, write, server):
        tried(write("organization_invited", context={"organization": "李" * 5000, "inviter": "x" * 5000}))
        assert max(len(line) for line in server.mails[0].content.split(b"\r\n")) <= 998


class TestRefused:
    def test_later_please_is_tried_again_and_then_taken(self, write, server):
        server.refuse_recipient("450 4.2.1 Greylisted, come back")
        mail = tried(write())
        assert (mail.status, mail.attempts) == ("queued", 1)
        assert "Greylisted" in mail.last_error
        make_due(mail)
        assert tried(mail).status == "sent"
        assert len(server.mails) == 1

    def test_no_such_mailbox_is_final(self, write, server):
        server.refuse_recipient("550 5.1.1 No such mailbox")
        mail = tried(write())
        assert (mail.status, mail.attempts) == ("failed", 1)
        assert "No such mailbox" in mail.last_error

    def test_a_text_that_is_refused_for_good_is_final_and_one_that_is_not_is_tried_again(self, write, server):
        server.refuse_mail("554 5.6.0 Not that")
        assert tried(write()).status == "failed"
        server.refuse_mail("451 4.3.0 Disk full")
        assert tried(write()).status == "queued"
        assert server.mails == []

    def test_a_connection_that_breaks_in_the_middle_is_tried_again(self, write, server):
        server.refuse_mail("")
        mail = tried(write())
        assert (mail.status, mail.attempts) == ("queued", 1)
        make_due(mail)
        assert tried(mail).status == "sent"

    def test_a_server_that_says_nothing_is_not_waited_for(self, write, server, settings):
        settings.EMAIL_TIMEOUT = 0.3
        server.hold.set()
        assert tried(write()).status == "queued"

    def test_a_server_that_is_not_there_is_tried_three_times(self, write, server, settings):
        settings.EMAIL_PORT = 1
        mail = write()
        for status in ("queued", "queued", "failed"):
            make_due(mail)
            assert tried(mail).status == status
        assert "ConnectionRefusedError" in mail.last_error


class TestPassword:
    def test_the_right_one_is_let_in_over_starttls(self, write, use, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with SMTPServer(tls="starttls", certificate=certificate, password=True) as server:
            use(server, user=USER, password=PASSWORD)
            assert tried(write()).status == "sent"
            assert server.sessions[0].authenticated
            assert server.sessions[0].ssl is not None

    def test_the_wrong_one_is_not_and_is_not_told_anybody(self, write, use, certificate, monkeypatch, caplog):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with SMTPServer(tls="starttls", certificate=certificate, password=True) as server:
            use(server, user=USER, password="open sesame")
            mail = tried(write())
            assert mail.status == "queued"
            assert "SMTPAuthenticationError" in mail.last_error
            assert "sesame" not in mail.last_error + caplog.text

    def test_it_is_never_sent_in_plain_text(self, write, use):
        with SMTPServer(password=True) as server:
            use(server, user=USER, password=PASSWORD)  # the server offers no STARTTLS
            mail = tried(write())
            assert mail.status == "queued"
            assert "SMTPNotSupportedError" in mail.last_error
            assert server.mails == []


class TestTLS:
    def test_tls_from_the_first_byte(self, write, use, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with SMTPServer(tls="tls", certificate=certificate) as server:
            use(server, security="tls")
            assert tried(write()).status == "sent"
            assert len(server.mails) == 1

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_a_certificate_that_nobody_vouches_for_is_refused(self, write, use, certificate, security):
        with SMTPServer(tls=security, certificate=certificate) as server:
            use(server, security=security)
            mail = tried(write())
            assert mail.status == "queued"
            assert "CERTIFICATE_VERIFY_FAILED" in mail.last_error
            assert server.mails == []

    @pytest.mark.parametrize(
        ("variables", "security"),
        [
            ({"SMTP_HOST": "mail.example"}, "starttls"),
            ({"SMTP_HOST": "mail.example", "SMTP_PORT": "25"}, "starttls"),
            ({"SMTP_HOST": "mail.example", "SMTP_PORT": "465", "SMTP_USER": "u"}, "tls"),
            ({"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1025"}, "none"),
            ({"SMTP_HOST": "localhost", "SMTP_PORT": "25"}, "none"),
            ({"SMTP_HOST": "localhost", "SMTP_USER": "u"}, "starttls"),
            ({"SMTP_HOST": "localhost", "SMTP_PORT": "465"}, "tls"),
        ],
    )
    def test_which_one_the_environment_asks_for(self, variables, security):
        assert load_environment(variables).smtp_security == security


def test_an_address_with_letters_of_another_script_in_its_host_arrives(db, server):
    mail = outgoing.send("account_restored", to="mira@bücher.example")
    assert tried(mail).status == "sent"
    assert server.mails[0].rcpt_tos == ["mira@xn--bcher-kva.example"]
