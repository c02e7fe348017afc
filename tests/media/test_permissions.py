"""Who may do what with files: every endpoint for everybody, and a refusal changes nothing."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import services
from accounts.models import Membership, Organization
from tests.conftest import Api
from tests.media.sending import BASE64, BATCH, CONFIRM, DELETE, FILE, PRESIGNED, by_form, invited, path_of, picture
from tests.tables import contents

pytestmark = pytest.mark.django_db
WHO = ("anonymous", "stranger", "owner", "teammate", "staff")
PICTURE = base64.b64encode(picture(7)).decode()


def form(path, **fields):
    return lambda api, world: api.client.post(
        path, {"file": SimpleUploadedFile("a.png", picture(7)), **{k: v(world) for k, v in fields.items()}}
    )


def post(path, **fields):
    def call(api, world):
        body = {name: value(world) if callable(value) else value for name, value in fields.items()}
        return api.post(path, body)

    return call


def get(path):
    return lambda api, world: api.get(path.format(**world))


def delete(path):
    return lambda api, world: api.delete(path.format(**world))


def team(world):
    return world["team"]


INVITED = {"filename": "a.png", "content_type": "image/png", "size": 5}
# what is asked, and the status for: anonymous, stranger, owner, teammate, staff
TABLE = {
    "status": (get("/api/upload/status"), (401, 200, 200, 200, 200)),
    "a picture by a form": (form(FILE), (401, 201, 201, 201, 201)),
    "a picture for the team": (form(FILE, organization=team), (401, 404, 201, 201, 404)),
    "base64": (post(BASE64, base64_data=PICTURE), (401, 201, 201, 201, 201)),
    "base64 for the team": (post(BASE64, base64_data=PICTURE, organization=team), (401, 404, 201, 201, 404)),
    "batch": (post(BATCH, items=[{"base64_data": PICTURE}]), (401, 200, 200, 200, 200)),
    "presigned": (post(PRESIGNED, **INVITED), (401, 201, 201, 201, 201)),
    "presigned for the team": (post(PRESIGNED, **INVITED, organization=team), (401, 404, 201, 201, 404)),
    "confirm": (post(CONFIRM, key=lambda world: world["arrived"]), (401, 404, 201, 404, 404)),
    "record": (post("/api/assets", key=lambda world: world["arrived"]), (401, 404, 201, 404, 404)),
    "record as r2file": (post("/api/r2files", key=lambda world: world["arrived"]), (401, 404, 201, 404, 404)),
    "delete by address": (post(DELETE, url=lambda world: world["public_url"]), (401, 404, 204, 404, 404)),
    "delete by a signed address": (post(DELETE, url=lambda world: world["private_url"]), (401, 404, 204, 404, 404)),
    "assets": (get("/api/assets"), (401, 200, 200, 200, 200)),
    "r2files": (get("/api/r2files"), (401, 200, 200, 200, 200)),
    "a public asset": (get("/api/assets/{public}"), (401, 404, 200, 404, 404)),
    "a private asset": (get("/api/assets/{private}"), (401, 404, 200, 404, 404)),
    "an r2file": (get("/api/r2files/{private}"), (401, 404, 200, 404, 404)),
    "delete an asset": (delete("/api/assets/{public}"), (401, 404, 204, 404, 404)),
    "delete an r2file": (delete("/api/r2files/{private}"), (401, 404, 204, 404, 404)),
    "my portrait": (form("/api/users/me/profile-picture"), (401, 200, 200, 200, 200)),
    "no portrait": (post("/api/users/me/remove-profile-picture"), (401, 200, 200, 200, 200)),
    "put without a signature": (lambda api, world: api.put(world["put"].partition("?")[0], {}), (404,) * 5),
}
PAGES = {
    "see a public file": ("public_url", False, (200, 200, 200, 200, 200)),
    "see a private file": ("private_url", False, (404, 404, 200, 404, 404)),
    "see a private file by its signed address": ("private_url", True, (200, 200, 200, 200, 200)),
}


@pytest.fixture
def cast(owner, teammate, stranger, staff):
    return {"anonymous": None, "stranger": stranger, "owner": owner, "teammate": teammate, "staff": staff}


@pytest.fixture
def world(local, owner, cast):
    """Of the owner: a public and a private asset in the team's storage, and an upload that has arrived."""
    organization = Organization.objects.create(name="The company")
    for name, role in (("owner", "owner"), ("teammate", "member")):
        Membership.objects.create(organization=organization, user=cast[name].user, role=role)
    made = {
        seen_by: by_form(owner, picture(), visibility=seen_by, organization=str(organization.pk)).json()
        for seen_by in ("public", "private")
    }
    invitation = invited(owner, picture(1), organization=str(organization.pk)).json()
    assert local.put(invitation, picture(1)) == 204
    return {
        "team": str(organization.pk),
        "public": made["public"]["id"],
        "private": made["private"]["id"],
        "public_url": made["public"]["url"],
        "private_url": made["private"]["url"],
        "arrived": invitation["key"],
        "put": path_of(invitation["upload_url"]),
    }


@pytest.mark.parametrize("name", TABLE)
def test_the_api(cast, world, problem, name):
    call, expected = TABLE[name]
    before = contents()
    # those who are refused come first, as the others may change what there is
    for who, status in sorted(zip(WHO, expected, strict=True), key=lambda each: -each[1]):
        answer = call(Api(cast[who]), world)
        assert answer.status_code == status, (who, answer.content)
        if status >= 400:
            problem(answer)
            assert contents() == before, who


@pytest.mark.parametrize("name", PAGES)
def test_the_files_themselves(cast, world, name):
    what, with_signature, expected = PAGES[name]
    path = path_of(world[what])
    clients = {who: Client() for who in WHO}
    for who, client in clients.items():
        if cast[who]:
            client.force_login(cast[who].user)
    before = contents()
    for (who, client), status in zip(clients.items(), expected, strict=True):
        answer = client.get(path if with_signature else path.partition("?")[0])
        assert answer.status_code == status, who
    assert contents() == before


def test_lists_show_nothing_of_others(cast, world):
    for who in ("stranger", "teammate", "staff"):
        for path in ("/api/assets", "/api/r2files"):
            assert Api(cast[who]).get(path).json() == {"items": [], "next": None}


def test_a_batch_for_an_organisation_of_others_stores_nothing(cast, world):
    before = contents()
    answer = Api(cast["stranger"]).post(BATCH, {"items": [{"base64_data": PICTURE}], "organization": world["team"]})
    assert [item["error"]["code"] for item in answer.json()["items"]] == ["NOT_FOUND"]
    assert contents() == before


def test_no_api_key_sends_files(local, owner, problem):
    made = services.create_api_key(user_id=owner.id, organization_id=owner.organization_id, name="a script")
    client = Client(headers={"Authorization": f"Bearer {made.key}"})
    before = contents()
    for path in ("/api/upload/status", "/api/assets"):
        assert problem(client.get(path)) == (403, "FORBIDDEN")
    for path in (BASE64, PRESIGNED, CONFIRM, DELETE):
        assert problem(client.post(path, {}, content_type="application/json")) == (403, "FORBIDDEN")
    assert contents() == before


def test_who_left_an_organisation_still_has_what_they_sent(cast, world, local):
    """It is theirs; who pays for its place is another matter."""
    Membership.objects.filter(user=cast["teammate"].user, personal=False).update(role="owner")
    Membership.objects.filter(user=cast["owner"].user, personal=False).delete()
    assert Api(cast["owner"]).delete(f"/api/assets/{world['public']}").status_code == 204
    assert Api(cast["owner"]).post(CONFIRM, {"key": world["arrived"]}).status_code == 201
