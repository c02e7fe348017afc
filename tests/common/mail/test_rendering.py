"""What a mail says: every kind in every language, in the person's time, whatever somebody wrote into it."""

import re
import string
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template import Template
from django.template.base import VariableNode
from django.template.defaulttags import IfNode

from common import keys
from common.mail import rendering
from common.mail.delivery import compose
from common.mail.kinds import KINDS
from common.mail.words import DAYS, MINUTES, WORDS, language_of
from common.models import OutgoingMail
from tests.common.mail.conftest import ROW, example

LANGUAGES = ["de", "en", "es", "fr", "pt"]
FOLDER = Path(settings.BASE_DIR) / "templates" / "mail"
EVERY_TEXT = [(kind, language) for kind in KINDS for language in LANGUAGES]


def row(kind: str, locale: str = "en", timezone: str = "UTC", **context: Any) -> OutgoingMail:
    """A row that is not stored; `write` tests those that are."""
    wanted = example(kind, **context)
    link = {"path": "/auth/callback", "purpose": "magic_link", "row_id": str(ROW)} if wanted["link"] else None
    return OutgoingMail(
        to="mira@troupe.example", kind=kind, locale=locale, timezone=timezone, context=wanted["context"], link=link
    )


def names_in(template: Template) -> set[str]:
    """Every variable the template asks for, in its output or its conditions, layouts and includes too."""
    names = set()
    for node in template.nodelist.get_nodes_by_type(VariableNode):
        names.add(node.filter_expression.token)
    for node in template.nodelist.get_nodes_by_type(IfNode):
        names |= {condition.text for condition, _ in node.conditions_nodelists if condition}
    return {re.split(r"[.|]", name)[0] for name in names}


class Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.add(tag)
        self.targets += [value for name, value in attributes if name in {"href", "src"}]


class TestEveryKind:
    def test_there_is_a_text_for_each_in_every_language_and_no_other(self):
        assert sorted(WORDS) == sorted(MINUTES) == sorted(DAYS) == LANGUAGES
        for language in LANGUAGES:
            assert {file.stem for file in (FOLDER / language).iterdir()} == KINDS.keys()

    def test_every_language_has_the_same_words(self):
        assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}

    @pytest.mark.parametrize(("kind", "language"), EVERY_TEXT)
    def test_its_text_asks_for_what_it_is_given_and_nothing_else(self, kind, language):
        source = rendering.load(kind, language)
        given = KINDS[kind].context.keys() | ({"link"} if KINDS[kind].has_link else set())
        asked = names_in(source.subject) | names_in(source.text) | names_in(source.html)
        assert asked - {"words", "language", "label"} == given

    @pytest.mark.parametrize(("kind", "language"), EVERY_TEXT)
    def test_it_is_whole(self, kind, language, monkeypatch):
        monkeypatch.setattr(rendering._engine(), "string_if_invalid", "MISSING %s")
        rendering.load.cache_clear()
        mail = rendering.render(row(kind, language))
        assert mail.subject
        assert "\n" not in mail.subject
        for text in (mail.subject, mail.text, mail.html):
            assert not re.search(r"MISSING|\{[{%]|[%}]\}|mailtag|None|Form\.", text)
        assert "**" not in mail.text
        assert WORDS[language]["footer"] in mail.text
        assert f'<html lang="{language}">' in mail.html
        for value in ("Mira Vale", "Google"):
            assert (value in mail.text) == (value in mail.html)

    @pytest.mark.parametrize(
        ("kind", "language"), [(kind, language) for kind, language in EVERY_TEXT if KINDS[kind].has_link]
    )
    def test_its_link_is_a_button_an_address_under_it_and_a_line_of_the_text(self, kind, language):
        mail = rendering.render(row(kind, language))
        link = f"{settings.PUBLIC_URL}/auth/callback?key={keys.seal('magic_link', ROW)}"
        assert Links(mail.html).targets == [link, link]
        assert f":\n{link}\n" in mail.text
        assert WORDS[language]["button_fails"] in mail.html

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize(
        "change", ["totp_added", "totp_removed", "passkey_added", "passkey_removed", "recovery_codes"]
    )
    def test_a_change_of_the_second_factor_is_told_in_words(self, change, language):
        assert WORDS[language][change] in rendering.render(row("second_factor_changed", language, change=change)).text

    def test_what_may_be_empty_leaves_no_line(self):
        text = rendering.render(row("new_sign_in", place="", method="")).text
        assert "Place" not in text
        assert "How" not in text
        assert "Device: Mira Vale\nWhen: " in text
        assert "for you" not in rendering.render(row("api_key_created")).text
        assert "can act for you now" in rendering.render(row("api_key_created", organization="")).text

    def test_a_connection_that_came_and_one_that_went(self):
        came, went = (rendering.render(row("connection_changed", added=added)) for added in (True, False))
        assert came.subject == "Google was connected to your account"
        assert went.subject == "Google was disconnected from your account"


class TestLanguages:
    @pytest.mark.parametrize(
        ("locale", "language"),
        [
            ("pt-BR", "pt"), ("pt_PT", "pt"), ("de-AT", "de"), ("DE", "de"), ("en-GB", "en"),
            ("ja", "en"), ("", "en"), ("xx-YY", "en"), ("../../etc", "en"), ("zh-Hant", "en"),
        ],
    )  # fmt: skip
    def test_a_locale_finds_the_nearest_language(self, locale, language):
        assert language_of(locale) == language
        assert f'<html lang="{language}">' in rendering.render(row("account_restored", locale)).html

    @pytest.mark.parametrize(
        ("locale", "zone", "shown"),
        [
            ("en", "UTC", "Nov. 20, 2026, 12:05 p.m. (UTC)"),
            ("en-GB", "Europe/London", "20 Nov 2026, 12:05 p.m. (Europe/London)"),
            ("de", "Europe/Berlin", "20. November 2026 13:05 (Europe/Berlin)"),
            ("fr", "Europe/Paris", "20 novembre 2026 13:05 (Europe/Paris)"),
            ("es", "America/Mexico_City", "20 de noviembre de 2026 a las 06:05 (America/Mexico City)"),
            ("pt-BR", "America/Sao_Paulo", "20 de Novembro de 2026 às 09:05 (America/Sao Paulo)"),
            ("ja", "Asia/Tokyo", "Nov. 20, 2026, 9:05 p.m. (Asia/Tokyo)"),
            ("en", "Nowhere/At_All", "Nov. 20, 2026, 12:05 p.m. (UTC)"),
            ("en", "/etc/passwd", "Nov. 20, 2026, 12:05 p.m. (UTC)"),
            ("en", "", "Nov. 20, 2026, 12:05 p.m. (UTC)"),
        ],
    )
    def test_a_time_is_the_persons_own(self, locale, zone, shown):
        assert shown in rendering.render(row("password_changed", locale, zone)).text

    def test_a_date_is_the_one_it_is_there(self):
        context = {"until": "2026-12-20T23:30:00Z"}
        assert "21. Dezember 2026" in rendering.render(row("account_deleted", "de", "Europe/Berlin", **context)).text
        assert "20. Dezember 2026" in rendering.render(row("account_deleted", "de", "UTC", **context)).text

    def test_sizes_and_counts_are_in_the_language(self):
        assert "3,2\xa0MB" in rendering.render(row("export_ready", "de")).text
        assert "1 Tag lang" in rendering.render(row("export_ready", "de", days=1)).text
        assert "within 1 minute," in rendering.render(row("magic_link", minutes=1)).text

    def test_the_language_of_the_work_around_stays_as_it_was(self):
        from django.utils import timezone, translation

        rendering.render(row("password_changed", "de", "Europe/Berlin"))
        assert translation.get_language() == "en"
        assert timezone.get_current_timezone_name() == "UTC"


HOSTILE = [
    "[Click here](http://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "<a href='https://evil.example'>x</a>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></tr></table><h1>You won</h1>",
    "https://evil.example/win",
    "www.evil.example",
    "evil.example/win",
    "line one\nBcc: victim@troupe.example\n\nbody",
    "line one\r\nContent-Type: text/html\r\n\r\n<b>x</b>",
    "\u2028Bcc: x\u2029\x0b\x0c\x85",
    "**bold** _it_ `code` # Title\n> quote\n- item",
    "{{ link }} {% include 'mail/layout.html' %} {# x #}",
    "mailtag0end mailtag1end",
    "\u202egnp.exe\u2066 \u200f",
    "&lt;b&gt; &amp; \" '",
    "[x]: http://evil.example\n\n[x]",
    "x" * 10_000,
    "👩‍🎤 Ωmega 李",
    "",
    "\\",
]
TEXT_KINDS = [
    ("confirm_email", "name"), ("new_sign_in", "device"), ("new_sign_in", "place"), ("new_sign_in", "method"),
    ("organization_invited", "inviter"), ("organization_invited", "organization"), ("organization_invited", "role"),
    ("organization_owner", "organization"), ("api_key_created", "name"), ("oauth_confirm", "provider"),
    ("connection_changed", "provider"), ("email_changed", "new_email"), ("second_factor_changed", "change"),
    ("payment_received", "description"), ("payment_failed", "amount"), ("low_balance", "left"),
    ("plan_changed", "plan"), ("renewal_failed", "plan"),
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(("kind", "name"), TEXT_KINDS)
class TestHostileValues:
    def test_they_become_neither_links_nor_tags_nor_lines(self, kind, name, value):
        plain = rendering.render(row(kind, **{name: "Mira"}))
        mail = rendering.render(row(kind, **{name: value}))
        assert Links(mail.html).targets == Links(plain.html).targets
        assert Links(mail.html).tags == Links(plain.html).tags
        if value:
            assert mail.text.count("\n") == plain.text.count("\n")
        for text in (mail.text, mail.html):
            assert not re.search(r"(?<!127\.0\.0\.1:8000/)\b(https?://evil|www\.evil|evil\.example)", text)
            assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200f\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
        assert len(mail.text) < 3000

    def test_they_get_into_no_header(self, kind, name, value):
        message = compose(row(kind, **{name: value})).message()
        assert set(message.keys()) == {
            "Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted",
            "X-Auto-Response-Suppress", "X-Entity-Ref-ID",
        }  # fmt: skip
        assert message["To"] == "mira@troupe.example"
        assert len(rendering.render(row(kind, **{name: value})).subject) <= 200


def test_a_value_is_shown_as_it_was_written():
    mail = rendering.render(row("confirm_email", name="Ann-Sophie O'Neill & J.R. <3 _x_ *y*"))
    assert "Hello Ann-Sophie O'Neill & J.R. <3 _x_ *y*," in mail.text
    assert "Hello Ann-Sophie O&#x27;Neill &amp; J.R. &lt;3 _x_ *y*," in mail.html


def test_a_person_sees_the_address_that_was_written_though_it_is_no_link():
    text = rendering.render(row("email_changed", new_email="m***@troupe.example")).text
    assert "m***@troupe.example" in text.replace(rendering.NON_JOINER, "")


class TestHeaders:
    def test_they_say_that_a_machine_wrote_it_and_which_mail_it_is(self, settings):
        settings.DEFAULT_FROM_EMAIL = "Troupe <hello@troupe.example>"
        mail = row("magic_link")
        message = compose(mail).message()
        assert message["Message-ID"] == f"<{mail.pk}@troupe.example>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["X-Entity-Ref-ID"] == str(mail.pk)
        assert message["From"] == "Troupe <hello@troupe.example>"

    def test_there_is_a_text_and_the_same_as_html(self):
        message = compose(row("magic_link", "de")).message()
        assert message.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in message.get_payload()] == ["text/plain", "text/html"]
        assert all(part.get_content_charset() == "utf-8" for part in message.get_payload())


class TestSiteTexts:
    def test_a_site_may_bring_texts_of_its_own(self, settings, tmp_path):
        (tmp_path / "mail" / "en").mkdir(parents=True)
        (tmp_path / "mail" / "en" / "account_restored.md").write_text("Subject: Ours\n\nOur **own** words.\n")
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
        rendering.load.cache_clear()
        rendering._engine.cache_clear()
        try:
            mail = rendering.render(row("account_restored"))
            assert mail.subject == "Ours"
            assert "Our own words." in mail.text
            assert "Our <strong>own</strong> words." in mail.html
        finally:
            rendering.load.cache_clear()
            rendering._engine.cache_clear()

    def test_a_text_without_a_subject_is_refused(self):
        with pytest.raises(ValueError, match="its subject"):
            rendering.compiled("Hello\n\nworld")


def test_a_plain_link_is_taken_as_it_is():
    mail = row("account_deleted")
    mail.link = {"url": "https://troupe.example/sign-in?a=1&b=2"}
    rendered = rendering.render(mail)
    assert "https://troupe.example/sign-in?a=1&b=2" in rendered.text
    assert Links(rendered.html).targets[0] == "https://troupe.example/sign-in?a=1&b=2"


def test_a_sealed_link_opens_with_its_purpose_alone():
    key = rendering.link_of(row("magic_link")).partition("?key=")[2]
    assert keys.unseal("magic_link", key) == ROW
    assert keys.unseal("reset_password", key) is None


def test_one_text_alone_stands_for_a_row():
    """The last letter of 43 has two bits to spare: its three neighbours would mean the same bytes."""
    key = keys.seal("magic_link", ROW)
    letters = string.ascii_letters + string.digits + "-_"
    assert [last for last in letters if keys.unseal("magic_link", key[:-1] + last)] == [key[-1]]
