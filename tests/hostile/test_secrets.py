"""What nobody but its owner may read: not in a log, not in an error's answer, not in another site's hands."""

import io
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.db import IntegrityError, connection
from django.test import Client

from accounts.models import User
from common import logs
from tests.hostile import doors
from tests.hostile.conftest import check_problem
from tests.live import LiveSite, Wire
from tests.people import PASSWORD

PASSPHRASE, WORDS = "a passphrase of mine 7291", "these words are between us 4410"
SCRIPT = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'`{{7*7}}{% debug %}&lt;"


@pytest.fixture
def written() -> Iterator[Callable[[], str]]:
    """All that is logged meanwhile, from DEBUG on, as a terminal or a file gets it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    handler.setFormatter(next(h.formatter for h in root.handlers if "ProcessorFormatter" in repr(h.formatter)))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


class TestLogs:
    @pytest.fixture
    def talkative(self, django_db_setup: None, tmp_path: Path) -> Iterator[tuple[LiveSite, Path]]:
        log = tmp_path / "log"
        with LiveSite(LOG_LEVEL="DEBUG", LOG_FILE_PATH=str(log), DATABASE_LOGGING="true") as site:
            yield site, log

    @pytest.mark.django_db(transaction=True)
    async def test_a_whole_visit_leaves_no_secret_in_any_log(self, talkative, character, capfd):
        site, log = talkative
        email = "discreet@troupe.example"
        client = Client()
        person = {"email": email, "password": PASSPHRASE, "username": "discreet"}
        signed = (await sync_to_async(client.post)("/api/auth/signup", person, content_type="application/json")).json()
        secrets = [PASSPHRASE, WORDS, "wrong-4471-password", "sessionid-of-nobody-0123456789abcdef"]

        def over_rest() -> list[str]:
            import httpx

            api = httpx.Client(base_url=site.url, trust_env=False)
            pair = api.post("/api/auth/login", json={"email": email, "password": PASSPHRASE}).json()
            api.post("/api/auth/login", json={"email": email, "password": "wrong-4471-password"})
            api.post("/sign-in", data={"email": email, "password": PASSPHRASE})
            api.headers["Authorization"] = f"Bearer {pair['access']}"
            begun = api.post("/api/conversations", json={"character": str(character.pk)}).json()
            path = f"/api/conversations/{begun['id']}/messages"
            api.post(path, json={"text": WORDS})
            api.post(path, json={"text": {WORDS: WORDS}})
            api.post(path, content=b"{" + WORDS.encode())
            api.get("/api/characters", params={"search": WORDS, "cursor": WORDS})
            api.get("/api/wallet", headers={"Cookie": "session=sessionid-of-nobody-0123456789abcdef"})
            again = api.post("/api/auth/refresh", json={"refresh": pair["refresh"]}).json()
            api.post("/api/auth/refresh", json={"refresh": pair["refresh"]})
            return [pair["access"], pair["refresh"], again["access"], again["refresh"]]

        secrets += await sync_to_async(over_rest)()
        secrets += [signed["access"], signed["refresh"]]
        async with Wire(site, signed["access"]) as wire:
            await wire.ask("auth", token=signed["access"])
            await wire.ask("chat.send", conversation=str(uuid.uuid4()), text=WORDS)
        text = log.read_text() + "".join(capfd.readouterr())
        assert "/api/auth/login" in text
        for secret in secrets:
            assert secret not in text, secret
            assert secret.rsplit(".", 1)[-1] not in text
        assert email not in text

    @pytest.mark.django_db
    def test_a_failing_request_tells_the_log_where_and_not_what(self, owner, conversation, written, monkeypatch):
        def fail(**fields: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    """INSERT INTO chat_message (id, created_at, updated_at, conversation_id, seq, rev, author_kind,
                                                 text, status, variant, tokens)
                    VALUES (%s, now(), now(), %s, -1, 0, 'user', %s, 'complete', 0, 0)""",
                    [uuid.uuid4(), conversation, f"{fields['text']}\n\nand so on {WORDS}"],
                )

        monkeypatch.setattr("chat.services.send_message", fail)
        client = Client(raise_request_exception=False, headers=owner.headers)
        path = f"/api/conversations/{conversation}/messages"
        response = client.post(path, {"text": WORDS}, content_type="application/json")
        body = response.json()
        assert (response.status_code, body["code"]) == (500, "SERVER_ERROR")
        assert WORDS not in response.content.decode()
        assert "message_" not in response.content.decode()
        text = written()
        assert "IntegrityError" in text
        assert body["request_id"] in text
        assert WORDS not in text
        assert owner.token not in text

    @pytest.mark.parametrize("pretty", [True, False])
    def test_what_the_database_says_of_a_row_is_left_out_in_every_form(self, pretty):
        said = (
            'new row violates check constraint "x"\nDETAIL:  Failing row contains (1, two\n\nlines, of words).\n'
            "CONTEXT:  somewhere"
        )
        assert logs.without_rows(said) == (
            'new row violates check constraint "x"\nDETAIL: [hidden]\nCONTEXT:  somewhere'
        )
        try:
            try:
                raise ValueError(said.partition("CONTEXT")[0])
            except ValueError as error:
                raise IntegrityError(str(error)) from error
        except IntegrityError as error:
            text = logs._traceback((type(error), error, error.__traceback__))
        assert "of words" not in text
        assert "The above exception was the direct cause" in text

    def test_sentry_gets_no_words_either(self):
        from config.sentry import add_request_id

        event = add_request_id(
            {
                "exception": {"values": [{"value": f"no\nDETAIL:  Failing row contains ({WORDS})."}]},
                "request": {"url": "https://x", "data": WORDS, "headers": {}, "cookies": {}, "query_string": "token=x"},
            },
            {},
        )
        assert WORDS not in json.dumps(event)
        assert event["request"] == {"url": "https://x"}


@pytest.mark.django_db
class TestAnswers:
    def test_no_error_tells_of_our_insides(self, things, owner, caller, unlimited):
        answers = [
            caller(person).send(door.method, door.path(ids), body)
            for door in doors.api_doors()
            for person, ids, body in ((None, things, b"{"), (owner, {}, b"{}"), (owner, things, b"\xff"))
        ]
        insides = re.compile(
            r"Traceback|File \"|/work|/home|site-packages|psycopg|django|SELECT |chat_message|accounts_", re.IGNORECASE
        )
        for answer in answers:
            if answer.status_code >= 400:
                check_problem(answer)
                assert not insides.search(answer.content.decode()), answer.content

    @pytest.mark.parametrize("path", ["/nothing/here", "/api/nothing", "/static/nothing.js", "/admin/nothing"])
    def test_what_is_not_there_is_told_without_a_list_of_what_is(self, client, path):
        response = client.get(path, follow=True)
        text = response.content.decode(errors="replace")
        assert "urlpatterns" not in text
        assert "URLconf" not in text

    def test_no_server_names_itself_and_its_version(self, client):
        headers = {name.lower() for name in client.get("/").headers}
        assert not headers & {"x-powered-by", "server"}


@pytest.mark.django_db
class TestPages:
    """What people write, on pages that others open."""

    @pytest.fixture
    def marked(self, owner, character) -> Any:
        User.objects.filter(pk=owner.id).update(display_name=SCRIPT[:150])
        fields = ("name", "tagline", "description", "greeting", "nickname", "personality", "scenario", "creator_notes")
        texts = dict.fromkeys(fields, SCRIPT[:100])
        dialogue = f"<START>\n{{{{user}}}}: {SCRIPT}\n{{{{char}}}}: **{SCRIPT}** *{SCRIPT}*"
        type(character).objects.filter(pk=character.pk).update(
            **texts, example_dialogue=dialogue, tags=[SCRIPT[:40]], alternate_greetings=[SCRIPT]
        )
        return character

    def pages(self, character: Any, conversation: Any) -> list[str]:
        return [
            "/", "/?search=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/?tags=%22%3E%3Cscript%3E",
            "/?order=%22%3E%3Cscript%3E", f"/characters/{character.pk}", f"/characters/{character.pk}/edit",
            f"/characters/{character.pk}/delete", "/my/characters", "/characters/new", "/chats",
            f"/chats/{conversation}", "/wallet", f"/portraits/{character.pk}.svg",
        ]  # fmt: skip

    def test_no_page_runs_what_somebody_wrote(self, client, owner, marked, start, api):
        from billing.services import grant_credits

        conversation = start(owner)
        api(owner).post(f"/api/conversations/{conversation}/messages", {"text": SCRIPT, "reply": False})
        api(owner).patch(f"/api/conversations/{conversation}", {"title": SCRIPT})
        grant_credits(organization_id=owner.organization_id, amount=1, key="x", description=SCRIPT, feature=SCRIPT[:80])
        client.force_login(owner.user)
        for path in self.pages(marked, conversation):
            response = client.get(path)
            text = response.content.decode()
            assert response.status_code == 200, path
            assert "<script>alert" not in text, path
            assert "<img src=x" not in text, path
            assert "onerror=alert(2)>" not in text.replace("&gt;", ""), path
            assert "49" not in re.findall(r"`(.{0,6})", text), path
            assert "script-src 'self'" in response.headers["Content-Security-Policy"] or path.startswith("/portraits")

    def test_no_door_runs_what_its_address_says(self, client):
        for path in ("/sign-in", "/sign-up"):
            form = {"email": SCRIPT, "username": SCRIPT[:30], "password": SCRIPT, "next": SCRIPT}
            for response in (client.get(path, {"next": SCRIPT}), client.post(path, form)):
                assert "<script>alert" not in response.content.decode()
                assert "<img src=x" not in response.content.decode()

    def test_no_page_of_the_console_runs_what_somebody_wrote(self, client, owner, staff, marked, start, api):
        conversation = start(owner)
        api(owner).post(f"/api/conversations/{conversation}/messages", {"text": SCRIPT})
        client.force_login(staff.user)
        for name in (
            "accounts/user",
            "accounts/organization",
            "characters/character",
            "chat/conversation",
            "chat/message",
        ):
            listed = client.get(f"/admin/{name}/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
            assert "<script>alert" not in listed.content.decode()
            listed = client.get(f"/admin/{name}/")
            assert listed.status_code == 200
            opened = re.findall(rf'href="(/admin/{name}/[0-9a-f-]+/change/)', listed.content.decode())
            for text in (listed, *(client.get(path) for path in opened[:3])):
                assert "<script>alert" not in text.content.decode(), name
                assert "<img src=x" not in text.content.decode(), name

    def test_the_console_takes_odd_addresses(self, client, staff):
        client.force_login(staff.user)
        client.raise_request_exception = False
        for query in (
            "q=%00",
            "role__exact=%00",
            "role__exact=x",
            "p=-1",
            "p=99999999",
            "o=9",
            "e=1",
            "nonsense=1",
            "id=%ff",
        ):
            for name in ("accounts/user", "characters/character", "chat/message", "billing/entry"):
                assert client.get(f"/admin/{name}/?{query}").status_code < 500, (name, query)
        for key in ("%00", "x", "0", "'", str(uuid.uuid4()), "../", "%ff"):
            assert client.get(f"/admin/accounts/user/{key}/change/").status_code < 500, key


@pytest.mark.django_db
class TestDoorsOfOthers:
    @pytest.mark.parametrize(
        "where",
        [
            "https://evil.example", "//evil.example", "///evil.example", "http:evil.example", "\\\\evil.example",
            "/\\evil.example", "javascript:alert(1)", "\thttps://evil.example", "https:/\\evil.example",
            "//testserver@evil.example", "https://testserver.evil.example", "\x00//evil.example", "http://[",
        ],
    )  # fmt: skip
    def test_signing_in_leads_to_no_other_site(self, client, owner, where):
        response = client.post("/sign-in", {"email": owner.user.email, "password": PASSWORD, "next": where})
        assert (response.status_code, response.headers["Location"]) == (302, "/")

    def test_a_forged_host_gets_into_no_answer(self, client, api, owner, character):
        for path in ("/", f"/characters/{character.pk}", "/sign-in", "/api/characters", "/api/schema", "/api/docs"):
            text = client.get(
                path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
            ).content.decode()
            assert "evil.example" not in text, path

    def test_a_host_that_is_not_ours_is_refused(self, client, settings):
        settings.ALLOWED_HOSTS = ["troupe.example"]
        assert client.get("/", headers={"Host": "troupe.example"}).status_code == 200
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/sign-in", headers={"Host": "a b"}).status_code == 400

    def test_every_write_by_cookie_needs_the_token_of_our_own_pages(self, things, owner, unlimited):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(owner.user)
        for door in doors.api_doors("post", "put", "patch", "delete"):
            if not door.view.cls.authentication_classes:
                continue  # signing in and up look at no cookie
            body = json.dumps(door.body(things)) if door.body_schema else "{}"
            response = browser.generic(door.method.upper(), door.path(things), body, content_type="application/json")
            assert check_problem(response) == "FORBIDDEN", door
        for route in doors.pages():
            if route.startswith("/api/auth/headless/app/"):
                continue  # looks at no cookie: tests/accounts/test_headless.py
            response = browser.post(doors.Door("post", route, None).path(things))
            assert response.status_code in (403, 404, 405), route

    def test_signing_in_takes_no_session_that_was_there_before(self, client, owner):
        client.get("/")
        client.cookies[django_settings.SESSION_COOKIE_NAME] = "a" * 32
        client.post("/sign-in", {"email": owner.user.email, "password": PASSWORD})
        first = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        assert first != "a" * 32
        client.post("/sign-out")
        client.post("/sign-in", {"email": owner.user.email, "password": PASSWORD})
        assert client.cookies[django_settings.SESSION_COOKIE_NAME].value not in (first, "a" * 32)

    def test_another_sites_pages_may_read_nothing(self, api, owner, settings):
        for origin in ("https://evil.example", "null", "https://testserver.evil.example"):
            response = api(owner).get("/api/wallet", Origin=origin)
            assert "Access-Control-Allow-Origin" not in response.headers
