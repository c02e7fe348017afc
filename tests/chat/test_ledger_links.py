"""The lines of the wallet that replies leave."""

import uuid

import pytest

from billing.models import Entry
from billing.selectors.ledger import ledger_page
from characters.models import Character
from chat import services
from chat.ledger import conversations_of_replies

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(owner):
    from billing.models import Wallet

    Wallet.objects.filter(organization=owner.organization_id).update(free_messages=0)
    ada = Character.objects.create(creator=owner.user, name="Ada", age=36, gender="female")
    return services.start_conversation(user_id=owner.id, organization_id=owner.organization_id, character_id=ada.pk)


def test_a_reply_says_whose_it_is_and_leads_to_the_conversation_of_who_sits_in_it(owner, stranger, conversation):
    services.send_message(conversation_id=conversation.pk, user_id=owner.id, text="Good evening.")
    entry = Entry.objects.get(kind="reserve")
    assert entry.description == "Reply by Ada"
    page = ledger_page(owner.organization_id, viewer_id=owner.id, cursor=None, limit=5)
    assert page.items[0]["link"] == f"/chats/{conversation.pk}"
    page = ledger_page(owner.organization_id, viewer_id=stranger.id, cursor=None, limit=5)
    assert page.items[0]["link"] is None


def test_odd_ids_lead_nowhere(owner):
    assert conversations_of_replies(["", "x", "'", str(uuid.uuid4()), "{" + str(uuid.uuid4()) + "}"], owner.id) == {}
