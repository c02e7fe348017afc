"""A team from its founding to a conversation that it pays for, in the browsers of two people."""

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import DEMO, PHONE
from tests.browser.stage import Stage
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser

PASSWORD = "velvet curtain 9"


def link_in_the_mail_to(email: str) -> str:
    """The path of the link, as the mail's text has it."""
    from common.mail.delivery import compose
    from common.models import OutgoingMail

    mail = OutgoingMail.objects.get(to=email, kind="organization_invited")
    found = re.search(r"/invitations\?key=[\w-]+", compose(mail).body)
    assert found
    return found[0]


def figure(page: Page):
    return page.locator("[data-corner-figure]")


def test_a_team_is_founded_joined_by_mail_and_pays(window, mira, odile):
    from accounts.models import Organization
    from billing import services as billing
    from chat.models import Conversation

    owner, email = window(mira), f"guest{uuid.uuid4().hex[:8]}@troupe.example"
    owner.goto("/organizations")
    expect(owner.get_by_role("heading", name="No team yet")).to_be_visible()
    owner.get_by_role("link", name="New team").click()
    owner.get_by_label("Name").fill("The Lamplighters")
    owner.get_by_role("button", name="Create the team").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("The Lamplighters")
    owner.get_by_label("Email").fill(email)
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.get_by_text(f"An invitation is on its way to {email}.")).to_be_visible()
    team = Organization.objects.get(name="The Lamplighters")
    billing.grant_credits(organization_id=team.pk, amount=50, key=f"gift:{team.pk}")

    # the link of the mail, in another browser that nobody has signed in to
    guest = window(viewport=PHONE)
    guest.goto(link_in_the_mail_to(email))
    expect(guest.get_by_role("heading", level=1)).to_have_text("Join “The Lamplighters”")
    expect(guest.get_by_text("Mira invites you")).to_be_visible()
    guest.get_by_role("link", name="Join Troupe").click()
    guest.get_by_label("Email").fill(email)
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Join").click()
    guest.get_by_role("button", name="Accept the invitation").click()
    expect(guest.get_by_text("Welcome to “The Lamplighters”.")).to_be_visible()
    expect(guest.get_by_role("heading", name="2 members")).to_be_visible()
    expect(figure(guest)).to_have_text("10 free")

    # the switcher
    guest.locator("summary[aria-label='Your account']").click()
    guest.get_by_role("button", name="The Lamplighters").click()
    expect(figure(guest)).to_have_text("50")
    guest.goto("/wallet")
    expect(guest.locator(".account__total")).to_contain_text("50")
    expect(guest.get_by_role("button", name="The Lamplighters", exact=True).first).to_have_attribute(
        "aria-current", "true"
    )

    # and it pays; the owner's page hears of it
    owner.goto("/wallet")
    owner.locator(".chips").get_by_role("button", name="The Lamplighters").click()
    expect(figure(owner)).to_have_text("50")
    guest.goto(f"/characters/{odile.pk}")
    guest.get_by_role("button", name="Talk with Odile").click()
    stage = Stage(guest)
    stage.expect_idle()
    conversation = Conversation.objects.get(organization=team)
    Conversation.objects.filter(pk=conversation.pk).update(model=DEMO)
    stage.say("Who lights the lamps tonight?")
    expect(stage.replies).to_have_count(2)
    stage.expect_idle()
    expect(figure(guest)).to_have_text("49.9")
    expect(figure(owner)).to_have_text("49.9")
    expect(owner.locator(".account__total")).to_contain_text("49.9")

    # out again: what is paid by the team stops, and the person goes on by themselves
    owner.goto(f"/organizations/{team.pk}")
    owner.get_by_role("button", name=re.compile("^Remove ")).click()
    expect(owner.get_by_role("heading", name="1 member", exact=True)).to_be_visible()
    guest.reload()
    expect(figure(guest)).to_have_text("10 free")
    expect(guest.get_by_text("Nobody pays for this conversation")).to_be_visible()
    guest.get_by_role("button", name="Let my own purse pay").click()
    expect(guest.get_by_text("Nobody pays for this conversation")).to_have_count(0)
    stage = Stage(guest)
    stage.say("I pay for myself, then.")
    expect(stage.replies).to_have_count(3)
    stage.expect_idle()
    expect(figure(guest)).to_have_text("9 free")


def test_a_reload_of_the_wallet_asks_for_the_teams_own(window, mira):
    """After the line was lost, the corner is read afresh: of who pays, not of the person."""
    from accounts import services
    from billing import services as billing

    team = services.create_team(user_id=mira.user.pk, name="The Prompters")
    billing.grant_credits(organization_id=team.pk, amount=7, key=f"gift:{team.pk}")
    page = window(mira)
    page.goto("/wallet")
    page.locator(".chips").get_by_role("button", name="The Prompters").click()
    expect(figure(page)).to_have_text("7")
    with page.expect_response(lambda response: f"/api/wallet?organization={team.pk}" in response.url):
        page.evaluate(
            """async () => {
                const { followWallet } = await import(document.querySelector("script[src*='js/app']").src
                    .replace("app.js", "wallet.js"));
                followWallet({ on() {} })();
            }"""
        )
    expect(figure(page)).to_have_text("7")


def test_a_team_ends_when_its_name_is_typed_without_a_script(window, mira, watch):
    from accounts import services

    team = services.create_team(user_id=mira.user.pk, name="The Understudies")
    page = window(mira, java_script_enabled=False)
    page.goto(f"/organizations/{team.pk}")
    page.get_by_role("link", name="Delete this team").click()
    watch.forgive("status of 400")
    page.get_by_label("Type “The Understudies” to go on").fill("The Understudied")
    page.get_by_role("button", name="Delete the team").click()
    expect(page.get_by_text("This is not the team's name.")).to_be_visible()
    page.get_by_label("Type “The Understudies” to go on").fill("The Understudies")
    page.get_by_role("button", name="Delete the team").click()
    expect(page.get_by_text("“The Understudies” is no more.")).to_be_visible()


@screens
def test_the_pages_of_teams(window, mira, join, screen):
    from accounts import services
    from accounts.models import Membership
    from billing import services as billing
    from common.keys import seal

    team = services.create_team(user_id=mira.user.pk, name="The Worshipful Company of Lamplighters and Link-boys")
    friend = join(display_name="Bartholomew Featherstonehaugh-Cholmondeley")
    Membership.objects.create(organization=team, user=friend.user, role="admin")
    Membership.objects.create(organization=team, user=join().user)
    billing.grant_credits(organization_id=team.pk, amount=1250, key=f"gift:{team.pk}")
    email = f"a.rather.long.address.{uuid.uuid4().hex}@subdomain.troupe.example"
    invitation = services.invite(organization_id=team.pk, actor_id=mira.user.pk, email=email, role="member")
    here, link = f"/organizations/{team.pk}", f"/invitations/{seal('invitation', invitation.pk)}"
    for person in (mira, friend):
        page = window(person, **screen)
        paths = ["/organizations", "/organizations/new", here, link, "/wallet"]
        for path in [*paths, f"{here}/delete"] if person is mira else paths:
            page.goto(path)
            expect(page.locator("h1")).to_be_attached()
            pages.check(page)
            if screen.get("is_mobile"):
                assert pages.small_targets(page) == []
        for more in page.locator(".team__more summary").all():
            more.click()
    page = window(**screen)
    page.goto(link)
    pages.check(page)
