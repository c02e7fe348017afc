"""Files in the operators' console: who sees what, and what taking down reaches."""

import uuid

import pytest
import pyvips
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import services as accounts
from accounts.models import User
from common.models import AuditEntry
from media import tasks
from media.models import Asset, StorageUse, StoredContent, StrayFile, Upload
from tests.conftest import Api
from tests.standins.cdn_server import CdnServer

pytestmark = pytest.mark.django_db
MODELS = ["asset", "storedcontent", "upload", "storageuse", "strayfile"]
VARIANTS = ("original", "medium", "small", "thumbnail")
REASON = {"reason": "somebody complained"}


@pytest.fixture(autouse=True)
def _media(media_root):
    """Files go into a folder of the test's own."""


@pytest.fixture
def of_role(join):
    """`of_role("support")`: a browser of somebody who has the role."""

    def sign_in(role):
        person = join(f"sven-{role}")
        boss = User.objects.create_superuser(f"boss-{role}@troupe.example", username=f"boss-{role}")
        accounts.set_access(user=person.user, role=role, is_active=True, actor=boss, reason="hired")
        client = Client()
        client.force_login(person.user)
        return client

    return sign_in


@pytest.fixture
def moderator(of_role):
    return of_role("moderator")


@pytest.fixture
def console(staff):
    client = Client()
    client.force_login(staff.user)
    return client


def photo(red=200, width=300, height=200):
    picture = pyvips.Image.black(width, height, bands=3).linear([1, 1, 1], [red, 20, 60])
    return picture.cast("uchar").copy(interpretation="srgb").write_to_buffer(".png")


def send(person, data=None, **fields):
    file = SimpleUploadedFile("beach.png", data or photo())
    answer = Api(person).client.post("/api/upload/file", {"file": file} | fields)
    assert answer.status_code == 201, answer.content
    return Asset.objects.select_related("content").get(pk=answer.json()["id"])


def page(client, model, *key, **query):
    name = "change" if key else "changelist"
    return client.get(reverse(f"admin:media_{model}_{name}", args=key), query)


def act(client, name, *key, **fields):
    """Fills in the dialog of an action."""
    return client.post(reverse(f"admin:media_{name}", args=key), {"_form_submitted": "on"} | fields)


def look(client, asset, variant="original", **headers):
    return client.get(reverse("admin:media_asset_file", args=[asset.pk, variant]), headers=headers)


def shown(asset, variant="original"):
    """The status that a visitor gets."""
    return Api().client.get(f"/media/{asset.key}?variant={variant}").status_code


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything(owner):
    asset = send(owner)
    Upload.objects.create(
        owner=owner.user,
        organization_id=owner.organization_id,
        key=f"other/{uuid.uuid4()}",
        storage="local",
        filename="a.mp4",
        content_type="video/mp4",
        size=1000,
        purpose="other",
        visibility="public",
        expires_at=asset.created_at,
    )
    StrayFile.objects.create(storage="local", key="files/aa/gone.webp")
    return asset


@pytest.mark.parametrize("model", MODELS)
def test_every_table_can_be_looked_through_and_written_by_no_form(console, everything, model):
    listed = page(console, model)
    assert listed.status_code == 200
    (row,) = listed.context["cl"].result_list
    assert page(console, model, row.pk).status_code == 200
    assert console.get(reverse(f"admin:media_{model}_add")).status_code == 403
    assert console.post(reverse(f"admin:media_{model}_change", args=[row.pk])).status_code == 403
    assert console.post(reverse(f"admin:media_{model}_delete", args=[row.pk])).status_code == 403


@pytest.mark.parametrize("model", ["asset", "storedcontent", "upload", "storageuse"])
def test_a_list_costs_the_same_queries_however_long(console, join, model):
    def add(name):
        person = join(name)
        asset = send(person)
        Upload.objects.create(
            owner=person.user, organization_id=person.organization_id, key=f"other/{uuid.uuid4()}", storage="local",
            filename="a", content_type="video/mp4", size=9, purpose="other", visibility="public",
            expires_at=asset.created_at,
        )  # fmt: skip

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert page(console, model).status_code == 200
        return len(captured)

    add("anna")
    page(console, model)
    few = queries()
    for name in ("berta", "carla", "dora"):
        add(name)
    assert queries() == few


def test_a_file_is_found_by_its_bytes_owner_key_address_and_id(console, owner, stranger):
    mine, other = send(owner), send(stranger, photo(red=90))

    def found(term):
        return [row.pk for row in page(console, "asset", q=term).context["cl"].result_list]

    sha256 = mine.content.sha256
    for term in (
        sha256,
        sha256[:12].upper(),
        "oliv",
        mine.key,
        mine.key[:20],
        f"http://127.0.0.1:8000/media/{mine.key}",
    ):
        assert (term, found(term)) == (term, [mine.pk])
    for rendition in mine.content.renditions.all():
        assert found(rendition.sha256) == [mine.pk]
    assert found(str(other.pk)) == [other.pk]
    assert found("nobody") == found("0" * 64) == []
    (content,) = page(console, "storedcontent", q=sha256[:10]).context["cl"].result_list
    assert content == mine.content


def test_storage_is_found_by_username_and_organisation(console, owner, stranger):
    send(owner), send(stranger, photo(red=90))

    def found(term):
        return [row.organization_id for row in page(console, "storageuse", q=term).context["cl"].result_list]

    assert found("oliv") == found(str(owner.organization_id)) == [owner.organization_id]
    assert found("nobody") == []


def test_files_are_filtered(console, owner):
    public, private = send(owner), send(owner, purpose="chat")

    def found(**query):
        return {row.pk for row in page(console, "asset", **query).context["cl"].result_list}

    assert found(visibility__exact="private") == found(purpose__exact="chat") == {private.pk}
    assert found(content__family__exact="image") == {public.pk, private.pk}
    assert found(content__family__exact="video") == set()
    assert found(taken_down_at__isempty="0") == set()


def test_a_list_shows_small_pictures_of_what_everybody_sees_alone(console, owner):
    public, private = send(owner), send(owner, photo(red=90), visibility="private")
    taken_down = send(owner, photo(red=30))
    act(console, "asset_take_down", taken_down.pk, **REASON)
    text = page(console, "asset").content.decode()
    assert reverse("admin:media_asset_file", args=[public.pk, "thumbnail"]) in text
    for hidden in (private, taken_down):
        assert reverse("admin:media_asset_file", args=[hidden.pk, "thumbnail"]) not in text
    assert not AuditEntry.objects.filter(action="asset.look").exists()


@pytest.mark.parametrize("variant", VARIANTS)
def test_staff_look_at_private_files_and_each_look_is_written_down(moderator, owner, variant):
    asset = send(owner, photo(width=1200), visibility="private")
    assert shown(asset) == 404
    assert (
        reverse("admin:media_asset_file", args=[asset.pk, "original"])
        in page(moderator, "asset", asset.pk).content.decode()
    )
    for number in (1, 2):
        answer = look(moderator, asset, variant)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        sandboxed = answer.headers["Content-Security-Policy"]
        assert "sandbox" in sandboxed
        width = pyvips.Image.new_from_buffer(b"".join(answer.streaming_content), "").width
        assert width == {"medium": 1024, "small": 512, "thumbnail": 256}.get(variant, 1200)
        looks = AuditEntry.objects.filter(action="asset.look", target_id=str(asset.pk))
        assert (looks.count(), looks[0].actor.username) == (number, "sven-moderator")


def test_a_look_at_what_everybody_sees_is_nobody_s_business(moderator, owner):
    assert look(moderator, send(owner)).status_code == 200
    assert not AuditEntry.objects.filter(action="asset.look").exists()


def test_a_private_clip_that_is_played_in_pieces_is_one_look(moderator, owner):
    asset = send(owner, visibility="private")
    pieces = [look(moderator, asset, Range=f"bytes={first}-{first + 9}") for first in (0, 10, 20)]
    assert [piece.status_code for piece in pieces] == [206, 206, 206]
    assert AuditEntry.objects.filter(action="asset.look").count() == 1


def test_staff_look_at_what_was_taken_down(moderator, owner):
    asset = send(owner)
    act(moderator, "asset_take_down", asset.pk, **REASON)
    assert shown(asset) == 404
    assert look(moderator, asset).status_code == 200


@pytest.mark.parametrize("role", ["finance", "creator"])
def test_nobody_else_looks(of_role, owner, role):
    asset = send(owner, visibility="private")
    assert look(of_role(role), asset).status_code in {302, 403}
    assert look(Client(), asset).status_code == 302
    assert not AuditEntry.objects.filter(action="asset.look").exists()


def test_no_file_is_no_page(console, owner):
    asset = send(owner)
    assert look(console, asset, "enormous").status_code == 404
    assert console.get(reverse("admin:media_asset_file", args=[uuid.uuid4(), "original"])).status_code == 404


def test_a_clip_says_how_far_it_is_and_why_it_failed(console, owner):
    asset = send(owner)
    content = StoredContent.objects.filter(pk=asset.content_id)
    content.update(family="video", status="processing", progress=40)
    assert "It is being prepared: 40 %" in page(console, "asset", asset.pk).content.decode()
    content.update(status="failed", error="This clip is broken.")
    for model, key in (("asset", asset.pk), ("storedcontent", asset.content_id)):
        assert "This clip is broken." in page(console, model, key).content.decode()
    content.update(status="ready", error="")
    assert "<video" in page(console, "asset", asset.pk).content.decode()
    content.update(family="audio")
    assert "<audio" in page(console, "asset", asset.pk).content.decode()
    assert f"{asset.pk}/file/thumbnail" not in page(console, "asset").content.decode()


def test_a_stored_file_names_its_files_and_uses(console, owner):
    asset = send(owner)
    text = page(console, "storedcontent", asset.content_id).content.decode()
    for rendition in asset.content.renditions.all():
        assert f"{rendition.storage}:{rendition.key}" in text
    assert asset.key in text


# --- taking down ------------------------------------------------------------------------------------------------------


def test_taking_down_reaches_every_copy_variant_and_the_cdn(
    moderator, owner, stranger, settings, django_capture_on_commit_callbacks
):
    mine, theirs = send(owner), send(stranger)
    avatar, private = send(stranger, purpose="avatar"), send(owner, purpose="content")
    other = send(owner, photo(red=90))
    with CdnServer() as cdn:
        settings.CDN_BASE_URL = cdn.url
        with django_capture_on_commit_callbacks() as callbacks:
            answer = act(moderator, "asset_take_down", mine.pk, **REASON)
        assert answer.headers["HX-Redirect"] == reverse("admin:media_asset_change", args=[mine.pk])
        assert "Taken down: 4 files." in page(moderator, "asset", mine.pk).content.decode()
        for asset in (mine, theirs, avatar):
            assert [shown(asset, variant) for variant in VARIANTS] == [404] * 4
        assert shown(other) == 200
        assert len(callbacks) == 3  # a job for each public one
        for asset in (mine, theirs, avatar):
            tasks.purge_from_cdn(asset.key)
        assert len(cdn.purged) == 3 * 5
        assert f"/media/{theirs.key}?variant=thumbnail" in cdn.purged
    trail = AuditEntry.objects.filter(action="asset.take_down")
    assert {entry.target_id for entry in trail} == {str(one.pk) for one in (mine, theirs, avatar, private)}
    assert {(entry.reason, entry.actor.username) for entry in trail} == {("somebody complained", "sven-moderator")}
    assert page(moderator, "asset", taken_down_at__isempty="0").context["cl"].result_count == 4


def test_what_was_taken_down_is_put_back_under_the_same_addresses(moderator, owner, stranger):
    mine, theirs = send(owner), send(stranger)
    act(moderator, "asset_take_down", mine.pk, **REASON)
    act(moderator, "asset_put_back", theirs.pk, reason="it was a mistake")
    assert [shown(asset, variant) for asset in (mine, theirs) for variant in VARIANTS] == [200] * 8
    assert AuditEntry.objects.filter(action="asset.put_back", reason="it was a mistake").count() == 2


def test_what_was_taken_down_does_not_come_back_as_it_was_shown(moderator, owner, stranger, problem):
    asset = send(owner)
    saved = b"".join(look(moderator, asset).streaming_content)
    act(moderator, "asset_take_down", asset.pk, **REASON)
    file = SimpleUploadedFile("saved.webp", saved)
    assert problem(Api(stranger).client.post("/api/upload/file", {"file": file})) == (422, "CONTENT_REJECTED")


def test_taking_down_twice_does_nothing_more(moderator, owner):
    asset = send(owner)
    act(moderator, "asset_take_down", asset.pk, **REASON)
    act(moderator, "asset_take_down", asset.pk, **REASON)
    assert AuditEntry.objects.filter(action="asset.take_down").count() == 1
    assert "Taken down: 0 files." in page(moderator, "asset", asset.pk).content.decode()


def test_what_was_taken_down_does_not_come_back_by_being_sent_again(moderator, owner, stranger, problem):
    act(moderator, "asset_take_down", send(owner).pk, **REASON)
    for person in (owner, stranger):
        file = SimpleUploadedFile("again.png", photo())
        answer = Api(person).client.post("/api/upload/file", {"file": file, "purpose": "character"})
        assert problem(answer) == (422, "CONTENT_REJECTED")
    assert Asset.objects.count() == 1


def test_nothing_is_taken_down_without_a_reason(moderator, owner):
    asset = send(owner)
    for name in ("asset_take_down", "asset_put_back"):
        act(moderator, name, asset.pk, reason="")
    assert shown(asset) == 200
    assert not AuditEntry.objects.filter(target_id=str(asset.pk)).exists()


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_an_administrator_deletes_a_file_for_good(console, owner, stranger):
    mine, theirs = send(owner), send(stranger)
    act(console, "asset_erase", mine.pk, **REASON)
    assert not Asset.objects.filter(pk=mine.pk).exists()
    tasks.delete_strays()
    assert (shown(mine), shown(theirs)) == (404, 200)
    assert StorageUse.objects.get(organization_id=owner.organization_id).used_bytes == 0
    entry = AuditEntry.objects.get(action="asset.delete")
    assert (entry.target_id, entry.reason, entry.data["key"]) == (str(mine.pk), REASON["reason"], mine.key)


def test_deleting_for_good_needs_a_reason(console, owner):
    asset = send(owner)
    act(console, "asset_erase", asset.pk, reason="")
    assert Asset.objects.filter(pk=asset.pk).exists()


def test_what_is_gone_meanwhile_is_not_found(console, owner):
    asset = send(owner)
    assert Api(owner).delete(f"/api/assets/{asset.pk}").status_code == 204
    for name in ("asset_take_down", "asset_put_back", "asset_erase"):
        assert act(console, name, asset.pk, **REASON).status_code == 404


@pytest.mark.parametrize(
    ("role", "may"),
    [("moderator", {"take_down", "put_back"}), ("support", set()), ("finance", set())],
)
def test_who_may_do_what(of_role, owner, role, may):
    client, asset = of_role(role), send(owner)
    for name in ("take_down", "put_back", "erase"):
        assert (act(client, f"asset_{name}", asset.pk, **REASON).status_code == 200) is (name in may), name
    assert act(client, "strayfile_delete_due", **REASON).status_code == 403
    assert Asset.objects.filter(pk=asset.pk).exists()
    assert page(client, "asset").status_code == (403 if role == "finance" else 200)


def test_what_was_put_off_is_due_at_once(console, owner, media_root, django_capture_on_commit_callbacks):
    asset = send(owner)
    file = asset.content.renditions.first()
    asset.content.renditions.all().delete()
    waiting = StrayFile.objects.create(storage=file.storage, key=file.key, attempts=3, due_at="2099-01-01T00:00Z")
    coming = StrayFile.objects.create(storage="local", key="files/aa/coming.webp", due_at="2099-01-01T00:00Z")
    with django_capture_on_commit_callbacks() as callbacks:
        act(console, "strayfile_delete_due", **REASON)
    assert len(callbacks) == 1
    assert "Due now: 1 file." in page(console, "strayfile").content.decode()
    assert tasks.delete_strays() == 1
    assert not (media_root / file.key).exists()
    assert list(StrayFile.objects.all()) == [coming]
    assert not StrayFile.objects.filter(pk=waiting.pk).exists()
    assert AuditEntry.objects.get(action="strays.delete_due").data == {"files": 1}
