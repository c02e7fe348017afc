"""Pictures as base64: alone, and many at once."""

import base64
import uuid

import pytest

from tests.conftest import Api
from tests.media import forged
from tests.media.sending import BASE64, BATCH, assert_whole, picture
from tests.tables import contents

pytestmark = pytest.mark.django_db


def encoded(data):
    return base64.b64encode(data).decode()


def only(row, *fields):
    return tuple(row[field] for field in fields)


class TestBase64:
    def test_with_and_without_a_data_url(self, local, owner):
        for written in [
            "{}",
            "data:image/png;base64,{}",
            "data:;base64,{}",
            "DATA:text/html;BASE64,{}",
            "data:image/png;charset=x;base64,{}",
        ]:
            text = written.format(encoded(picture()))
            assert Api(owner).post(BASE64, {"base64_data": text}).status_code == 201

    def test_lines_may_be_broken(self, local, owner):
        for end in ["\n", "\r\n", " "]:
            text = encoded(picture())
            broken = end.join(text[at : at + 76] for at in range(0, len(text), 76)) + end
            assert Api(owner).post(BASE64, {"base64_data": broken}).status_code == 201

    def test_what_is_none(self, local, owner, problem):
        for text in [
            "",
            "data:",
            "data:image/png;base64,",
            f"data:image/png,{encoded(picture())}",
            "not base64!",
            "a",
            "abc",
            encoded(picture())[:-1] + "*",
            encoded(picture()) + "=",
            encoded(picture()) + "====",
            "QQ==" + encoded(picture()),
            encoded(picture()).replace("A", "А"),  # a Cyrillic one
            encoded(picture()).replace("+", "-").replace("/", "_") + "-_-_",
            "\n\n",
        ]:
            before = contents()
            answer = Api(owner).post(BASE64, {"base64_data": text})
            assert problem(answer) == (400, "VALIDATION_ERROR")
            assert "base64_data" in answer.json()["errors"]
            assert contents() == before

    def test_padding_in_the_middle_of_a_long_one(self, local, owner, problem):
        text = encoded(bytes(range(256)) * 12 * 256)[: 1024 * 1024 - 4] + "QQ==" + encoded(bytes(999))
        assert problem(Api(owner).post(BASE64, {"base64_data": text}))[0] == 400

    def test_what_is_not_even_text(self, local, owner, problem):
        for given in [None, 5, [], {}, True]:
            assert problem(Api(owner).post(BASE64, {"base64_data": given}))[0] == 400

    def test_without_any(self, local, owner, problem):
        assert problem(Api(owner).post(BASE64, {"mime_type": "image/png"}))[0] == 400


class TestBatch:
    def post(self, person, items, **fields):
        return Api(person).post(BATCH, {"items": items, **fields})

    def test_each_is_answered_for_itself_and_in_order(self, shelf, owner):
        items = [
            {"base64_data": encoded(picture(1)), "filename": "one"},
            {"base64_data": encoded(forged.HTML), "mime_type": "image/png"},
            {"base64_data": "!"},
            {"base64_data": encoded(picture(2)), "purpose": "chat", "visibility": "public"},
            {"base64_data": encoded(picture(3)), "organization": str(uuid.uuid4())},
            {"base64_data": encoded(picture(4)), "filename": "six"},
        ]
        answer = self.post(owner, items)
        assert answer.status_code == 200
        told = [
            item["asset"]["filename"] if "asset" in item else (item["error"]["status"], item["error"]["code"])
            for item in answer.json()["items"]
        ]
        refused = (400, "VALIDATION_ERROR")
        assert told == ["one", (415, "UNSUPPORTED_MEDIA_TYPE"), refused, refused, (404, "NOT_FOUND"), "six"]
        assert_whole(shelf)

    def test_an_item_is_for_what_the_batch_is_unless_it_says_more(self, local, owner):
        items = [{"base64_data": encoded(picture(1))}, {"base64_data": encoded(picture(2)), "purpose": "event_cover"}]
        made = self.post(owner, items, purpose="character", visibility="private").json()["items"]
        told = [only(item["asset"], "purpose", "visibility") for item in made]
        assert told == [("character", "private"), ("event_cover", "private")]

    def test_fifty_and_no_more(self, local, owner, problem):
        item = {"base64_data": encoded(picture())}
        made = self.post(owner, [item] * 50).json()["items"]
        assert len({each["asset"]["id"] for each in made}) == 1
        assert len(made) == 50
        assert problem(self.post(owner, [item] * 51)) == (400, "VALIDATION_ERROR")
        assert problem(self.post(owner, [])) == (400, "VALIDATION_ERROR")

    def test_an_item_that_is_none_spoils_it_before_anything_is_stored(self, local, owner, problem):
        for item in [{}, {"base64_data": ["QQ=="]}, {"base64_data": "QQ==", "colour": "red"}, "QQ==", None]:
            before = contents()
            assert problem(self.post(owner, [{"base64_data": encoded(picture())}, item])) == (400, "VALIDATION_ERROR")
            assert contents() == before
