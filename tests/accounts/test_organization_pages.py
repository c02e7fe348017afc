"""Teams on the web: their pages, who pays, the invitation's page, and the operators' console."""

import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import services
from accounts.models import Invitation, Membership, Organization, User
from chat.models import Conversation, Message
from common.models import AuditEntry, OutgoingMail
from tests.accounts.company import token_of

pytestmark = pytest.mark.django_db


def browser(person=None):
    client = Client()
    if person:
        client.force_login(person.user, backend="accounts.backends.EmailBackend")
    return client


def said(response):
    """The notes that the next page shows."""
    return [str(message) for message in response.context["messages"]]


def page_of(company):
    return f"/organizations/{company.team.pk}"


# --- the pages --------------------------------------------------------------------------------------------------------


def test_the_list_shows_where_one_belongs_and_what_there_is_to_spend(company):
    company.grant(12)
    text = browser(company.member).get("/organizations").content.decode()
    assert all(words in text for words in ("The Company", "3 members", "12 credits", "Yours alone", "Pays now"))
    assert "No team yet" in browser(company.stranger).get("/organizations").content.decode()


def test_a_team_is_created_on_the_web(owner):
    page = browser(owner)
    response = page.post("/organizations/new", {"name": "The Players"}, follow=True)
    team = Organization.objects.get(name="The Players")
    assert response.redirect_chain == [(f"/organizations/{team.pk}", 302)]
    assert page.post("/organizations/new", {"name": " "}).status_code == 400
    assert page.post("/organizations/new", {"name": "\u202eevil"}).status_code == 400


@pytest.mark.parametrize(
    ("who", "sees", "does_not_see"),
    [
        ("owner", ["Invite someone", "Hand the team over", "Delete this team", "marta@troupe.example"], []),
        ("admin", ["Invite someone", "marta@troupe.example", "Leave the team"], ["Hand the team", "Delete this team"]),
        ("member", ["Leave the team", "@marta"], ["Invite someone", "@troupe.example</span>", "Rename", "Delete this"]),
    ],
)
def test_everybody_sees_what_they_may_do(company, who, sees, does_not_see):
    text = browser(getattr(company, who)).get(page_of(company)).content.decode()
    text = text[text.index("<main") :]
    assert [words for words in sees if words not in text] == []
    assert [words for words in does_not_see if words in text] == []


def test_the_page_takes_a_fixed_number_of_queries(company, join):
    page = browser(company.owner)

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert page.get(page_of(company)).status_code == 200
        return len(queries)

    company.invite("guest@troupe.example")
    page.get(page_of(company))
    few = count()
    for number in range(4):
        company.take_in(join(f"guest{number}"))
        company.invite(f"other{number}@troupe.example")
    assert count() == few


def test_the_buttons_do_what_they_say(company):
    page, path = browser(company.owner), page_of(company)
    member, admin = company.place(company.member), company.place(company.admin)

    def press(button, fields=None):
        return said(page.post(f"{path}/{button}", fields or {}, follow=True))

    assert press("rename", {"name": "The Players"}) == ["It has a new name."]
    assert press("invite", {"email": "friend@troupe.example", "role": "member"}) == [
        "An invitation is on its way to friend@troupe.example."
    ]
    invitation = Invitation.objects.get()
    assert "once more" in press(f"invitations/{invitation.pk}/resend")[0]
    assert "no longer works" in press(f"invitations/{invitation.pk}/revoke")[0]
    assert press(f"members/{member.pk}/role", {"role": "admin"}) == ["marta is an admin now."]
    assert "no longer belong" in press(f"members/{admin.pk}/remove")[0]
    assert press("transfer", {"user": str(company.member.id)}) == ["It is in other hands now. You are an admin."]
    assert company.roles() == {"olivia": "admin", "marta": "owner"}
    assert press("leave") == ["You have left the team."]
    assert page.get(path).status_code == 404
    assert Organization.objects.get(pk=company.team.pk).name == "The Players"


def test_what_is_refused_is_said_on_the_page(company):
    page, path = browser(company.owner), page_of(company)
    assert "Make somebody else an owner first" in said(page.post(f"{path}/leave", follow=True))[0]
    response = page.post(f"{path}/invite", {"email": company.member.user.email, "role": "member"})
    assert response.status_code == 409
    assert "This person is a member already." in response.content.decode()
    assert page.post(f"{path}/invite", {"email": "nobody", "role": "member"}).status_code == 400
    assert page.post(f"{path}/invite", {"email": "a@troupe.example", "role": "owner"}).status_code == 400
    assert page.post(f"{path}/rename", {"name": ""}).status_code == 400
    assert said(page.post(f"{path}/transfer", {"user": "nobody"}, follow=True)) == ["Choose who takes over."]
    assert "not a member" in said(page.post(f"{path}/transfer", {"user": str(uuid.uuid4())}, follow=True))[0]
    member = browser(company.member).post(f"{path}/rename", {"name": "Mine"}, follow=True)
    assert said(member) == ["Only owners and admins may rename it."]
    assert company.roles() == {"olivia": "owner", "adam": "admin", "marta": "member"}


def test_a_team_is_deleted_by_typing_its_name(company):
    page, path = browser(company.owner), f"{page_of(company)}/delete"
    assert "The Company" in page.get(path).content.decode()
    assert page.post(path, {"name": "the company"}).status_code == 400
    company.grant(1)
    refused = page.post(path, {"name": "The Company"})
    assert refused.status_code == 409
    assert "still has 1 credits" in refused.content.decode()
    assert company.roles() != {}
    from billing import services as billing

    billing.spend(organization_id=company.team.pk, amount=1, feature="story")
    assert page.post(path, {"name": "The Company"}).status_code == 302
    assert company.roles() == {}


@pytest.mark.parametrize("who", ["stranger", "admin", "member"])
def test_the_page_of_deletion_is_for_owners(company, who):
    client = browser(getattr(company, who))
    for response in (client.get(f"{page_of(company)}/delete"), client.post(f"{page_of(company)}/delete")):
        assert response.status_code == 404
    assert company.roles() != {}


def test_strangers_find_no_page_and_visitors_the_door(company):
    member, invitation = company.place(company.member).pk, company.invite("friend@troupe.example").pk
    buttons = ["rename", "invite", "transfer", "leave", f"members/{member}/role", f"members/{member}/remove"]
    buttons += [f"invitations/{invitation}/{word}" for word in ("resend", "revoke")]
    fields = {"name": "Mine", "email": "a@troupe.example", "role": "admin", "user": str(company.member.id)}
    before = company.roles()
    assert browser(company.stranger).get(page_of(company)).status_code == 404
    for button in buttons:
        assert browser(company.stranger).post(f"{page_of(company)}/{button}", fields).status_code == 404
        response = browser().post(f"{page_of(company)}/{button}", fields)
        assert (response.status_code, response.headers["Location"].partition("?")[0]) == (302, "/sign-in")
    assert (company.roles(), Organization.objects.get(pk=company.team.pk).name) == (before, "The Company")
    assert Invitation.objects.filter(revoked_at=None).count() == 1


# --- who pays ---------------------------------------------------------------------------------------------------------


def choose(client, organization_id, **fields):
    return client.post("/organizations/switch", {"organization": str(organization_id)} | fields)


def test_whoever_is_chosen_pays(company, character):
    company.grant(7)
    page = browser(company.owner)
    assert page.get("/wallet").context["wallet"]["organization"] == str(company.owner.organization_id)
    response = choose(page, company.team.pk, next="/wallet")
    assert (response.status_code, response.headers["Location"]) == (302, "/wallet")
    shown = page.get("/wallet")
    assert (shown.context["wallet"]["organization"], shown.context["wallet"]["total"]) == (str(company.team.pk), "7")
    assert f'data-organization="{company.team.pk}"' in shown.content.decode()
    page.post("/chats/start", {"character": str(character.pk)})
    assert Conversation.objects.get().organization == company.team
    choose(page, company.owner.organization_id)
    assert page.get("/wallet").context["wallet"]["total"] == "20"


def test_one_pays_from_no_organisation_of_others(company):
    page = browser(company.stranger)
    for other in (company.team.pk, company.owner.organization_id, uuid.uuid4(), "nonsense", ""):
        assert choose(page, other).status_code == 404
    assert page.get("/wallet").context["wallet"]["organization"] == str(company.stranger.organization_id)


def test_the_switch_leads_nowhere_else(company):
    response = choose(browser(company.owner), company.team.pk, next="https://elsewhere.example/")
    assert response.headers["Location"] == "/organizations"


def test_who_has_left_pays_quietly_from_their_own_purse(company):
    page = browser(company.member)
    choose(page, company.team.pk)
    company.place(company.member).delete()
    response = page.get("/wallet")
    assert response.status_code == 200
    assert response.context["wallet"]["organization"] == str(company.member.organization_id)
    assert "acting_organization" not in page.session


def test_to_know_who_pays_costs_nothing_for_ones_own_and_one_query_for_a_team(company, rf):
    from accounts.tokens import Claims
    from accounts.web_sessions import ACTING, acting_organization

    request = rf.get("/")
    request.session = {}
    request.claims = Claims(company.owner.id, uuid.uuid4(), company.owner.organization_id, "member")
    with CaptureQueriesContext(connection) as queries:
        assert acting_organization(request) == company.owner.organization_id
    assert len(queries) == 0
    request.session[ACTING] = str(company.team.pk)
    with CaptureQueriesContext(connection) as queries:
        assert acting_organization(request) == acting_organization(request) == company.team.pk
    assert len(queries) == 1


def test_the_menu_offers_ones_teams(company):
    assert 'aria-label="Who pays"' in browser(company.member).get("/chats").content.decode()
    assert 'aria-label="Who pays"' not in browser(company.stranger).get("/chats").content.decode()


# --- a conversation whose payer one has left --------------------------------------------------------------------------


@pytest.fixture
def paid_by_the_team(company, character):
    """A conversation of the member's that the team pays for."""
    from chat import services as chat

    company.grant(10)
    type(character).objects.filter(pk=character.pk).update(visibility="public")
    return chat.start_conversation(
        user_id=company.member.id, organization_id=company.team.pk, character_id=character.pk
    ).pk


def test_a_team_one_has_left_pays_no_further_reply(company, paid_by_the_team, write_reply):
    from tests.accounts.company import call

    member, path = call(company.member), f"/api/conversations/{paid_by_the_team}"
    sent = member.post(f"{path}/messages", {"text": "Good evening."})
    assert sent.status_code == 201
    write_reply(sent.json()["reply"])
    spent = call(company.owner).get(f"/api/wallet?organization={company.team.pk}").json()
    services.leave_team(organization_id=company.team.pk, user_id=company.member.id)
    said_so_far = Message.objects.count()
    reply = sent.json()["reply"]["id"]
    for response in (
        member.post(f"{path}/messages", {"text": "And then?"}),
        member.post(f"/api/messages/{reply}/regenerate"),
        member.post(f"/api/messages/{reply}/continue"),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
        assert "no longer belong" in response.json()["detail"]
    assert Message.objects.count() == said_so_far
    assert call(company.owner).get(f"/api/wallet?organization={company.team.pk}").json() == spent
    # what costs nothing goes on, and so does all of it once somebody else pays
    assert member.get(f"{path}/messages").status_code == 200
    assert member.post(f"{path}/messages", {"text": "Quietly.", "reply": False}).status_code == 201
    assert member.patch(path, {"organization": str(company.team.pk)}).status_code == 404
    changed = member.patch(path, {"organization": None})
    assert (changed.status_code, changed.json()["organization"]) == (200, str(company.member.organization_id))
    assert member.post(f"{path}/messages", {"text": "And then?"}).status_code == 201


def test_the_stage_offers_another_payer(company, paid_by_the_team):
    page, path = browser(company.member), f"/chats/{paid_by_the_team}"
    assert "Nobody pays" not in page.get(path).content.decode()
    company.place(company.member).delete()
    assert "Nobody pays" in page.get(path).content.decode()
    assert browser(company.stranger).post(f"{path}/payer").status_code == 404
    assert page.post(f"{path}/payer").status_code == 302
    assert Conversation.objects.get().organization_id == company.member.organization_id
    assert "Nobody pays" not in page.get(path).content.decode()


def test_to_know_whether_one_may_let_it_pay_costs_a_message_no_query(company, paid_by_the_team):
    from chat.selectors import seat_of

    with CaptureQueriesContext(connection) as queries:
        assert seat_of(paid_by_the_team, company.member.id).may_pay
    assert len(queries) == 1


# --- the invitation's page --------------------------------------------------------------------------------------------


def test_the_link_of_the_mail_leads_to_the_invitation(company):
    token = token_of(company.invite(company.stranger.user.email))
    response = browser().get(f"/invitations?key={token}")
    assert (response.status_code, response.headers["Location"]) == (302, f"/invitations/{token}")
    for odd in ("", "a/b", "é", "%00"):
        assert browser().get(f"/invitations?key={odd}").headers["Location"] == "/organizations"


def test_a_visitor_is_led_in_and_back(company):
    token = token_of(company.invite(company.stranger.user.email))
    text = browser().get(f"/invitations/{token}").content.decode()
    assert "olivia" in text
    assert "s…@troupe.example" in text
    assert company.stranger.user.email not in text
    assert re.findall(r'href="(/sign-(?:in|up)\?next=[^"]+)"', text) == [
        f"/sign-up?next=/invitations/{token}",
        f"/sign-in?next=/invitations/{token}",
    ]
    response = browser().post(f"/invitations/{token}")
    assert response.headers["Location"] == f"/sign-in?next=/invitations/{token}"


def test_opening_the_page_uses_nothing_up_and_its_button_joins(company):
    token, page = token_of(company.invite(company.stranger.user.email)), browser(company.stranger)
    for _ in range(2):
        assert "Accept the invitation" in page.get(f"/invitations/{token}").content.decode()
    assert "stella" not in company.roles()
    response = page.post(f"/invitations/{token}", follow=True)
    assert said(response) == ["Welcome to “The Company”."]
    assert company.roles()["stella"] == "member"
    over = page.get(f"/invitations/{token}")
    assert over.status_code == 410
    assert "accepted already" in over.content.decode()
    assert page.post(f"/invitations/{token}").status_code == 410


def test_another_account_is_told_whose_invitation_it_is(company):
    token, page = token_of(company.invite("friend@troupe.example")), browser(company.stranger)
    for response in (page.get(f"/invitations/{token}"), page.post(f"/invitations/{token}")):
        text = response.content.decode()
        assert "f…@troupe.example" in text
        assert "Accept the invitation" not in text
        assert "friend@" not in text
    assert "stella" not in company.roles()


def test_nonsense_is_not_found_on_the_web(company):
    for token in ("nonsense", "x" * 43, "%00"):
        assert browser(company.stranger).get(f"/invitations/{token}").status_code == 404


def test_ones_open_invitations_stand_on_the_page_of_organisations(company):
    company.invite(company.stranger.user.email)
    assert "You are invited" not in browser(company.stranger).get("/organizations").content.decode()
    User.objects.filter(pk=company.stranger.id).update(email_verified=True)
    assert "You are invited to “The Company”" in browser(company.stranger).get("/organizations").content.decode()


# --- the operators' console -------------------------------------------------------------------------------------------


@pytest.fixture
def console(staff):
    return browser(staff)


def press(console, name, row, reason="lost her telephone"):
    address = reverse(f"admin:accounts_{name}", args=[row.pk])
    return console.post(address, {"_form_submitted": "on", "reason": reason})


def test_staff_give_a_team_an_owner_with_a_reason(company, console, staff):
    place = company.place(company.member)
    assert "HX-Redirect" not in press(console, "membership_make_owner", place, reason="").headers
    assert company.roles()["marta"] == "member"
    assert "HX-Redirect" in press(console, "membership_make_owner", place).headers
    assert company.roles()["marta"] == "owner"
    entry = AuditEntry.objects.get(action="membership.role")
    assert (entry.actor, entry.reason) == (staff.user, "lost her telephone")
    assert OutgoingMail.objects.filter(kind="organization_owner").count() == 1
    press(console, "membership_make_owner", place)
    personal = Membership.objects.get(organization=company.member.organization_id)
    press(console, "membership_make_owner", personal)
    assert AuditEntry.objects.filter(action="membership.role").count() == 1


def test_staff_take_an_invitation_back_with_a_reason(company, console, staff):
    invitation = company.invite("friend@troupe.example")
    press(console, "invitation_revoke", invitation, reason="spam")
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    assert AuditEntry.objects.get(action="invitation.revoke").reason == "spam"
    assert press(console, "invitation_revoke", invitation).status_code == 200
    assert AuditEntry.objects.filter(action="invitation.revoke").count() == 1


def test_who_may_not_does_not(company, join):
    support = join("sully")
    User.objects.filter(pk=support.id).update(role="support")
    support.user.refresh_from_db()
    support.user.groups.clear()
    client = browser(support)
    assert press(client, "membership_make_owner", company.place(company.member)).status_code == 403
    assert press(client, "invitation_revoke", company.invite("friend@troupe.example")).status_code == 403
    assert company.roles()["marta"] == "member"


@pytest.mark.parametrize("model", ["organization", "membership", "invitation"])
def test_the_console_lists_searches_and_opens_them(company, console, model):
    invitation = company.invite("friend@troupe.example")
    rows = {"organization": company.team, "membership": company.place(company.member), "invitation": invitation}
    searches = {
        "organization": ["the com", str(company.team.pk)],
        "membership": ["mart", str(company.team.pk), str(rows["membership"].pk)],
        "invitation": ["FRIEND@troupe.example", str(company.team.pk), str(invitation.pk)],
    }
    address = reverse(f"admin:accounts_{model}_changelist")
    for search in searches[model]:
        assert rows[model] in list(console.get(address, {"q": search}).context["cl"].queryset), search
    for odd in ("\x00", "%", "x" * 5000):
        assert console.get(address, {"q": odd}).status_code in {200, 302}
    assert console.get(reverse(f"admin:accounts_{model}_change", args=[rows[model].pk])).status_code == 200
    assert console.get(reverse(f"admin:accounts_{model}_add")).status_code == 403
