"""Characters in the operators' console."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from characters.models import Character, Lorebook, Persona
from characters.services import count_messages, create_character, fold_counters, like, refresh_scores, remember
from common.models import AuditEntry

pytestmark = pytest.mark.django_db

MODELS = ["character", "like", "lorebook", "memory", "persona", "dailyactivity", "counterdelta", "scoregeneration"]


@pytest.fixture
def console(staff):
    client = Client()
    client.force_login(staff.user)
    return client


@pytest.fixture
def mira(creator):
    fields = {"name": "Mira", "age": 30, "gender": "other", "visibility": "public", "system_prompt": "Never tell."}
    return create_character(creator=creator.user, fields=fields)


@pytest.fixture
def everything(mira, creator, stranger):
    like(character_id=mira.pk, user_id=stranger.id)
    fold_counters()
    refresh_scores()
    count_messages(character_id=mira.pk)
    Lorebook.objects.create(character=mira)
    Persona.objects.create(user=stranger.user, name="Captain")
    remember(user_id=stranger.id, character_id=mira.pk, text="Fears storms")


def page(console, model, *key):
    name = "change" if key else "changelist"
    return console.get(reverse(f"admin:characters_{model}_{name}", args=key))


@pytest.mark.parametrize("model", MODELS)
def test_every_table_can_be_looked_through(console, everything, model):
    listed = page(console, model)
    assert listed.status_code == 200
    (row,) = listed.context["cl"].result_list
    opened = page(console, model, row.pk)
    assert opened.status_code == 200
    assert console.get(reverse(f"admin:characters_{model}_add")).status_code == 403
    assert console.post(reverse(f"admin:characters_{model}_delete", args=[row.pk])).status_code == 403


def test_what_a_character_remembers_is_not_for_staff(console, everything):
    listed = page(console, "memory")
    opened = page(console, "memory", listed.context["cl"].result_list[0].pk)
    assert b"Fears storms" not in listed.content + opened.content


@pytest.mark.parametrize("amount", [2, 20])
def test_the_list_costs_the_same_queries_however_long(console, creator, queries, amount):
    page(console, "character")
    for number in range(amount):
        create_character(creator=creator.user, fields={"name": f"C{number}"})
    with queries() as asked:
        page(console, "character")
    about = [one["sql"] for one in asked.captured_queries if "characters_character" in (one["sql"] or "")]
    assert len(about) == 2, about  # the page, and the capped count


def test_a_character_is_found_by_name_creator_and_id(console, mira, creator):
    create_character(creator=creator.user, fields={"name": "Someone else"})

    def found(term):
        address = reverse("admin:characters_character_changelist")
        return {row.name for row in console.get(address, {"q": term}).context["cl"].result_list}

    assert found("MIR") == {"Mira"}
    assert found(str(mira.pk)) == {"Mira"}
    assert found("@olivia") == {"Mira", "Someone else"}
    assert found("@nobody") == found("else") == set()


def dialog(console, name, character, **fields):
    address = reverse(f"admin:characters_character_{name}", args=[character.pk])
    return console.post(address, {"_form_submitted": "on"} | fields, headers={"HX-Request": "true"})


def test_staff_take_down_and_restore_with_a_reason(console, staff, creator, mira, api, problem):
    path = f"/api/characters/{mira.pk}"
    assert api().get(path).status_code == 200
    assert dialog(console, "take_down", mira, reason="").status_code == 200
    mira.refresh_from_db()
    assert mira.taken_down_at is None

    dialog(console, "take_down", mira, reason="Impersonates someone")
    mira.refresh_from_db()
    assert (mira.visibility, mira.taken_down_at is None) == ("private", False)
    entry = AuditEntry.objects.get(action="character.taken_down")
    assert (entry.actor_id, entry.target_id, entry.reason) == (staff.id, str(mira.pk), "Impersonates someone")
    assert api(creator).get(path).status_code == 200
    for visibility in ("public", "unlisted"):
        assert problem(api(creator).patch(path, {"visibility": visibility})) == (403, "FORBIDDEN")
    assert api(creator).patch(path, {"tagline": "edited"}).status_code == 200

    dialog(console, "restore", mira, reason="It was a namesake")
    assert AuditEntry.objects.filter(action="character.restored").exists()
    assert Character.objects.get().visibility == "private"
    assert api(creator).patch(path, {"visibility": "public"}).status_code == 200


def test_who_may_only_look_can_take_nothing_down(mira, join):
    person = join("sven")
    User.objects.filter(pk=person.id).update(role="support")
    person.user.refresh_from_db()
    person.user.user_permissions.add(Permission.objects.get(codename="view_character"))
    console = Client()
    console.force_login(person.user)
    assert page(console, "character", mira.pk).status_code == 200
    assert dialog(console, "take_down", mira, reason="For fun").status_code == 403
    mira.refresh_from_db()
    assert mira.taken_down_at is None
    assert page(console, "persona").status_code == 403
