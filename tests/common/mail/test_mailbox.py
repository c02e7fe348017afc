"""`/mailbox`: where mail goes without a mail server, and nowhere in production."""

import re
import uuid

import pytest
from django.test import Client

from common.mail import mailbox
from tests.common.mail.conftest import tried

pytestmark = pytest.mark.django_db

STRICT_SCRIPTS = "script-src 'self'"


@pytest.fixture(autouse=True)
def _mailbox(settings, tmp_path) -> None:
    settings.EMAIL_BACKEND = "common.mail.mailbox.MailboxBackend"
    settings.MAILBOX = tmp_path / "mailbox"


@pytest.fixture
def letter(write) -> mailbox.Letter:
    assert tried(write("confirm_email", locale="de", context={"name": "Zoë & <b>"})).status == "sent"
    return mailbox.letters()[0]


class TestFiles:
    def test_a_mail_is_there_whole(self, letter):
        assert (letter.subject, letter.to) == ("Bestätige deine Adresse", "mira@troupe.example")
        assert letter.text.startswith("Hallo Zoë & <b>,")
        assert "Hallo Zoë &amp; &lt;b&gt;," in letter.html

    def test_the_newest_comes_first(self, write):
        for name in "abc":
            tried(write(to=f"{name}@troupe.example"))
        assert [each.to[0] for each in mailbox.letters()] == ["c", "b", "a"]

    def test_what_is_not_ours_or_not_finished_is_not_shown(self, letter, settings):
        (settings.MAILBOX / "notes.eml").write_text("To: me\n\nx")
        (settings.MAILBOX / f"{uuid.uuid4()}.part").write_text("To: me\n\nx")
        (settings.MAILBOX / f"{uuid.uuid4()}.eml").write_bytes(b"\xff\x00\n\n\xff")
        assert len([each for each in mailbox.letters() if each.to == "mira@troupe.example"]) == 1
        assert Client().get("/mailbox").status_code == 200


class TestPages:
    def test_without_mail_it_says_what_to_do(self):
        page = Client().get("/mailbox")
        assert page.status_code == 200
        assert "No mail yet" in page.content.decode()
        assert "Sign up" in page.content.decode()

    def test_with_a_mail_server_it_says_where_mail_went(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        assert "real mail server" in Client().get("/mailbox").content.decode()

    def test_a_visitor_finds_the_link_in_it(self, letter):
        page = Client().get("/mailbox").content.decode()
        assert f'href="/mailbox/{letter.id}"' in page
        page = Client().get(f"/mailbox/{letter.id}").content.decode()
        (link,) = re.findall(r'href="(http[^"]+\?key=[^"]+)"', page)
        assert link in letter.text
        assert "Zoë &amp; &lt;b&gt;" in page

    def test_the_mail_may_do_nothing_but_be_looked_at(self, letter):
        response = Client().get(f"/mailbox/{letter.id}/html")
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none';" in policy
        assert "sandbox allow-top-navigation-by-user-activation" in policy
        assert "script" not in policy
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert response.headers["Cache-Control"] == "no-store"

    def test_our_own_pages_keep_the_strict_policy(self, letter):
        for path in ("/mailbox", f"/mailbox/{letter.id}", f"/mailbox/{uuid.uuid4()}/html"):
            policy = Client().get(path).headers["Content-Security-Policy"]
            assert STRICT_SCRIPTS in [directive.strip() for directive in policy.split(";")]

    @pytest.mark.parametrize("path", ["{}", "{}/html"])
    def test_a_mail_that_is_not_there_is_404(self, path):
        assert Client().get(f"/mailbox/{path.format(uuid.uuid4())}").status_code == 404

    @pytest.mark.parametrize("name", ["../../manage", "..%2f..%2fmanage", "notes", ".", "%00"])
    def test_nothing_else_on_the_disk_can_be_asked_for(self, name):
        assert Client().get(f"/mailbox/{name}").status_code == 404

    def test_all_is_cleared_by_a_form_and_by_nothing_else(self, letter):
        assert Client().get("/mailbox/clear").status_code == 405
        assert Client(enforce_csrf_checks=True).post("/mailbox/clear").status_code == 403
        assert len(mailbox.letters()) == 1
        response = Client().post("/mailbox/clear")
        assert (response.status_code, response.url) == (302, "/mailbox")
        assert mailbox.letters() == []


class TestProduction:
    def test_it_is_not_there(self, letter, settings):
        settings.IN_PRODUCTION = True
        for path in ("/mailbox", f"/mailbox/{letter.id}", f"/mailbox/{letter.id}/html"):
            assert Client().get(path).status_code == 404
        assert Client().post("/mailbox/clear").status_code == 404
        assert len(mailbox.letters()) == 1
