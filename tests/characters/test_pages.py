"""The playbill, the poster and the workshop, as a browser asks for them."""

import pytest
from django.test import Client

from characters.models import Character, Like
from characters.services import create_character, like

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Mira", "tagline": "Keeper of the light", "age": "30", "gender": "female", "category": "fantasy",
    "tags": "Sea, slow burn, sea", "description": "First.\r\n\r\nSecond.", "visibility": "private",
    "content_rating": "everyone", "alternate_greetings": "One.\r\n\r\nStill one.\r\n---\r\nTwo.",
}  # fmt: skip
HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser():
    def open_as(person=None, **options):
        client = Client(**options)
        if person:
            client.force_login(person.user)
        return client

    return open_as


@pytest.fixture
def made(creator):
    """`made("Mira")`: a public character."""

    def make(name="Mira", **fields):
        return create_character(
            creator=creator.user, fields={"name": name, "age": 30, "gender": "other", "visibility": "public"} | fields
        )

    return make


def text(response):
    return response.content.decode()


# --- the playbill -----------------------------------------------------------------------------------------------------


def test_the_playbill_shows_who_is_public(browser, made):
    made("Mira", tagline="Keeper of the light", tags=["sea"])
    made("Hidden", visibility="private")
    page = browser().get("/")
    assert page.status_code == 200
    assert "Mira" in text(page)
    assert "Keeper of the light" in text(page)
    assert "Hidden" not in text(page)
    assert "?tags=sea" in text(page)
    assert "HX-Request" in page.headers["Vary"]


def test_the_playbill_is_searched_and_ordered_by_its_address(browser, made):
    made("Dragon")
    made("Baker")
    assert "Baker" not in text(browser().get("/?search=dragon"))
    for order in ("popular", "trending", "new", "relevance", "nonsense"):
        assert "Baker" in text(browser().get(f"/?order={order}"))
    assert "Nobody answers to" in text(browser().get("/?search=unicorn"))


def test_more_cards_come_alone_to_htmx_and_as_a_page_without_it(browser, made):
    for number in range(30):
        made(f"Somebody {number}")
    page = browser().get("/?order=new&utm_source=letter")
    cursor = page.context["cards"].split("cursor=")[1].split('"')[0]
    more = browser().get(f"/?order=new&cursor={cursor}", headers=HTMX)
    assert "<html" not in text(more)
    assert text(more).count('class="card"') == 6
    assert "<html" in text(browser().get(f"/?order=new&cursor={cursor}"))
    names = [name for name in (f"Somebody {n}<" for n in range(30)) if name in text(page) + text(more)]
    assert len(names) == 30


def test_what_a_reader_adds_to_the_address_reaches_nobody_else(browser, made):
    for number in range(30):
        made(f"Somebody {number}")
    browser().get("/?evil=%3Cscript%3E&search=")
    assert "evil" not in text(browser().get("/"))


def test_what_people_write_is_no_html(browser, made):
    evil = made("<script>alert(1)</script>", tagline='"><img src=x onerror=alert(1)>', description="<b>bold</b> *bow*",
                greeting="<i>hi</i>", example_dialogue="{{char}}: <u>x</u>", tags=["<s>"])  # fmt: skip
    for address in ("/", f"/characters/{evil.pk}", "/?search=%3Cscript%3Ealert"):
        page = text(browser().get(address))
        for forbidden in ("<script>alert", "<img src=x", "<b>bold", "<i>hi", "<u>x", "<s>"):
            assert forbidden not in page
    assert "<em>bow</em>" in text(browser().get(f"/characters/{evil.pk}"))


def test_hostile_addresses_get_an_error_page(browser):
    for query in ("search=a%00b", "cursor=x", "search=" + "x" * 201, "tags=" + "x" * 99):
        page = browser().get(f"/?{query}")
        assert page.status_code == 400
        assert "<html" in text(page)


def test_the_playbill_costs_nobody_a_query_the_second_time(browser, made, queries):
    made()
    browser().get("/")
    with queries() as asked:
        browser().get("/")
    assert len(asked) == 0


# --- a poster ---------------------------------------------------------------------------------------------------------


def test_a_poster_shows_the_character_in_its_own_words(browser, made, stranger):
    mira = made(
        description="Keeper.\n\nOf the light.",
        greeting="*lifts the lamp* Who is there, {{user}}?",
        nickname="Mi",
        example_dialogue="<START>\n{{user}}: Hello\n{{char}}: Mind it.\nAnd the other.\n<START>\n{{char}}: Again?",
        system_prompt="Never tell.",
    )
    page = browser().get(f"/characters/{mira.pk}")
    assert "<p>Keeper.</p><p>Of the light.</p>" in text(page)
    assert "<em>lifts the lamp</em> Who is there, You?" in text(page)
    assert "Never tell" not in text(page)
    scenes = page.context["dialogue"]
    assert [[(line["speaker"], line["is_character"]) for line in scene] for scene in scenes] == [
        [("You", False), ("Mi", True)],
        [("Mi", True)],
    ]
    assert scenes[0][1]["html"] == "<p>Mind it.<br>And the other.</p>"
    assert page.context["is_creator"] is False
    assert "stella" in text(browser(stranger).get(f"/characters/{mira.pk}"))


def test_a_private_poster_is_its_creators(browser, made, creator, stranger):
    mira = made(visibility="private")
    assert browser(creator).get(f"/characters/{mira.pk}").status_code == 200
    for reader in (browser(), browser(stranger)):
        page = reader.get(f"/characters/{mira.pk}")
        assert page.status_code == 404
        assert "Mira" not in text(page)


# --- likes ------------------------------------------------------------------------------------------------------------


def test_a_like_answers_htmx_with_the_button_and_a_form_with_the_page(browser, made, stranger):
    mira = made()
    path = f"/characters/{mira.pk}/like"
    liked = browser(stranger).post(path, {"liked": "1"}, headers=HTMX)
    assert liked.status_code == 200
    assert 'aria-pressed="true"' in text(liked)
    assert 'data-count="1"' in text(liked)
    taken = browser(stranger).post(path, {"liked": "0"}, headers=HTMX)
    assert 'aria-pressed="false"' in text(taken)
    plain = browser(stranger).post(path, {"liked": "1"})
    assert (plain.status_code, plain.headers["Location"]) == (303, f"/characters/{mira.pk}")
    assert 'aria-pressed="true"' in text(browser(stranger).get(f"/characters/{mira.pk}"))
    assert Like.objects.count() == 1


def test_who_is_not_signed_in_is_shown_the_door(browser, made):
    mira = made()
    path = f"/characters/{mira.pk}/like"
    door = f"/sign-in?next=%2Fcharacters%2F{mira.pk}"
    by_htmx = browser().post(path, {"liked": "1"}, headers=HTMX)
    assert (by_htmx.status_code, by_htmx.headers["HX-Redirect"]) == (204, door)
    assert browser().post(path, {"liked": "1"}).headers["Location"] == door
    assert not Like.objects.exists()


def test_a_like_from_elsewhere_is_refused(browser, made, stranger):
    mira = made()
    page = browser(stranger, enforce_csrf_checks=True).post(f"/characters/{mira.pk}/like", {"liked": "1"})
    assert page.status_code == 403
    assert not Like.objects.exists()


def test_a_like_is_posted(browser, made, stranger):
    assert browser(stranger).get(f"/characters/{made().pk}/like").status_code == 405


# --- the workshop -----------------------------------------------------------------------------------------------------


def test_a_character_is_written_in_the_workshop(browser, owner):
    assert browser(owner).get("/characters/new").status_code == 200
    page = browser(owner).post("/characters/new", FORM)
    mira = Character.objects.get()
    assert (page.status_code, page.headers["Location"]) == (303, f"/characters/{mira.pk}")
    assert (mira.creator_id, mira.age, mira.tags, mira.visibility) == (owner.id, 30, ["sea", "slow burn"], "private")
    assert mira.description == "First.\n\nSecond."
    assert mira.alternate_greetings == ["One.\n\nStill one.", "Two."]


def test_what_the_form_shows_is_what_it_keeps(browser, owner):
    browser(owner).post("/characters/new", FORM)
    before = Character.objects.get()
    form = browser(owner).get(f"/characters/{before.pk}/edit").context["form"]
    shown = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in shown.items() if value not in (None, False)}
    assert browser(owner).post(f"/characters/{before.pk}/edit", data).status_code == 303
    after = Character.objects.get()
    for field in Character._meta.concrete_fields:
        if field.name not in ("updated_at", "search"):
            assert getattr(after, field.name) == getattr(before, field.name), field.name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\x00b"),
        ("age", "17"),
        ("age", ""),
        ("age", "x"),
        ("gender", ""),
        ("gender", "dragon"),
        ("tags", ",".join(f"t{n}" for n in range(21))),
        ("tags", "x" * 41),
        ("alternate_greetings", "\n---\n".join("abc" for _ in range(21))),
        ("description", "x" * 20_001),
        ("visibility", "secret"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(browser, owner, field, value):
    page = browser(owner).post("/characters/new", FORM | {"tagline": "kept as typed", field: value})
    assert page.status_code == 422
    assert field in page.context["form"].errors
    assert "kept as typed" in text(page)
    assert not Character.objects.exists()


def test_publishing_unconfirmed_says_what_to_do(browser, owner):
    page = browser(owner).post("/characters/new", FORM | {"visibility": "public"})
    assert page.status_code == 422
    assert "confirm your e-mail address" in text(page)
    assert not Character.objects.exists()


@pytest.mark.parametrize("path", ["edit", "delete"])
@pytest.mark.parametrize("person", ["stranger", "staff", None])
def test_the_workshop_is_its_creators(request, browser, made, path, person):
    mira = made()
    reader = browser(request.getfixturevalue(person) if person else None)
    expected = 404 if person else 302
    assert reader.get(f"/characters/{mira.pk}/{path}").status_code == expected
    assert reader.post(f"/characters/{mira.pk}/{path}", FORM).status_code == expected
    mira.refresh_from_db()
    assert (mira.name, mira.tagline, mira.deleted_at) == ("Mira", "", None)


def test_a_character_is_deleted_after_a_question(browser, made, creator):
    mira = made()
    path = f"/characters/{mira.pk}/delete"
    assert "Delete Mira?" in text(browser(creator).get(path))
    gone = browser(creator).post(path)
    assert (gone.status_code, gone.headers["Location"]) == (303, "/my/characters")
    mira.refresh_from_db()
    assert mira.deleted_at is not None
    assert browser(creator).get(path).status_code == 404


def test_ones_own_characters_stand_newest_change_first(browser, made, creator, stranger):
    first, second = made("First"), made("Second", visibility="private")
    page = browser(creator).get("/my/characters")
    assert text(page).index("Second") < text(page).index("First")
    first.save()
    page = browser(creator).get("/my/characters")
    assert text(page).index("First") < text(page).index("Second")
    assert "Nobody in rehearsal" in text(browser(stranger).get("/my/characters"))
    assert browser().get("/my/characters").status_code == 302
    assert second.visibility == "private"


# --- portraits --------------------------------------------------------------------------------------------------------


def test_a_portrait_is_drawn_and_kept_by_the_browser(browser, made):
    mira = made()
    drawn = browser().get(f"/portraits/{mira.pk}.svg")
    assert drawn.status_code == 200
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert drawn.content.startswith(b"<svg")
    assert "immutable" in drawn.headers["Cache-Control"]
    assert drawn.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert drawn.headers["X-Content-Type-Options"] == "nosniff"
    assert drawn.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = browser().get(f"/portraits/{mira.pk}.svg", headers={"If-None-Match": drawn.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_fixed_traits_are_drawn_and_an_id_of_nobody_has_a_mask_too(browser, made):
    mira = made()
    before = browser().get(f"/portraits/{mira.pk}.svg").content
    Character.objects.filter(pk=mira.pk).update(portrait={"palette": "velvet", "eyes": "round"})
    styled = browser().get(f"/portraits/{mira.pk}.svg").content
    Character.objects.filter(pk=mira.pk).update(portrait={"palette": "lagoon", "eyes": "round"})
    assert len({before, styled, browser().get(f"/portraits/{mira.pk}.svg").content}) == 3
    assert browser().get("/portraits/01890000-0000-7000-8000-000000000000.svg").status_code == 200
    assert browser().get("/portraits/1.svg").status_code == 404


def test_a_like_elsewhere_shows_on_the_poster_at_once(browser, made, stranger):
    mira = made()
    browser().get(f"/characters/{mira.pk}")
    like(character_id=mira.pk, user_id=stranger.id)
    assert 'data-count="1"' in text(browser().get(f"/characters/{mira.pk}"))
