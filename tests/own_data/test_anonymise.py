"""After thirty days: nothing tells who it was, nothing of others is touched, and the books are whole."""

from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import services
from accounts.models import ApiKey, Block, Consent, DataExport, Favourite, MailKey, Organization, User
from accounts.services import anonymisation, exports
from billing.models import Entry, Wallet
from billing.reconciliation import reconcile
from billing.services import grant_credits, spend
from characters.models import Character, Like, Memory, Persona
from characters.selectors import read_character
from characters.services import create_character, create_persona, fold_counters, like, remember
from chat.models import Conversation, Member, Message, MessageTrace, Variant
from chat.services import delete_message, edit_message, send_message
from common.errors import Conflict
from common.models import AuditEntry, OutgoingMail
from tests.own_data.conftest import left
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "zanzibar"  # stands in everything the person wrote


@pytest.fixture
def stella(stranger, odile):
    """Who leaves. All that is hers says "zanzibar"."""
    user = stranger.user
    User.objects.filter(pk=user.pk).update(
        display_name=f"Stella {SECRET}", bio=SECRET, preferences={"x": SECRET}, utm={"source": SECRET}
    )
    user.refresh_from_db()
    EmailAddress.objects.create(user=user, email=f"{SECRET}@troupe.example")
    SocialAccount.objects.create(user=user, provider="google", uid=SECRET, extra_data={"name": SECRET})
    RecoveryCodes.activate(user)
    personal = Organization.objects.get(pk=stranger.organization_id)
    Organization.objects.filter(pk=personal.pk).update(name=SECRET)
    ApiKey.objects.create(organization=personal, user=user, name=SECRET, prefix="tr", digest="d", scopes=["chat"])
    Block.objects.create(user=user, blocked=odile.creator)
    Favourite.objects.create(user=user, target_type="character", target_id=odile.pk)
    create_persona(user_id=user.pk, fields={"name": SECRET, "description": SECRET})
    like(character_id=odile.pk, user_id=user.pk)
    remember(user_id=user.pk, character_id=odile.pk, text=SECRET)
    create_character(creator=user, fields={"name": SECRET, "description": SECRET, "system_prompt": SECRET})
    Block.objects.filter(user=user).delete()
    return stranger


def talked(person, character, talk):
    conversation = talk(person, character)
    sent = send_message(conversation_id=conversation.pk, user_id=person.id, text=SECRET, answer=False)
    edit_message(message_id=sent.message["id"], user_id=person.id, text=f"{SECRET} again")
    other = send_message(conversation_id=conversation.pk, user_id=person.id, text=SECRET)
    delete_message(message_id=other.message["id"], user_id=person.id)
    return conversation


def leave(person, *, days=31.0):
    services.delete_account(user_id=person.id, actor=person.user)
    left(person, days=days)


def leave_for_good(person):
    leave(person)
    assert anonymisation.anonymise_due() == 1


def every_text_of_the_database() -> str:
    """All columns of all tables, but for the framework's own."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and model._meta.app_label not in {"contenttypes", "auth"}:
                cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')  # noqa: S608
                found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_nothing_in_any_table_tells_who_it_was(stella, odile, talk):
    talked(stella, odile, talk)
    exports.make_export(exports.request_export(user_id=stella.id).pk)
    leave_for_good(stella)
    OutgoingMail.objects.filter(kind="account_anonymised").delete()  # the last mail, which goes with its time
    left_over = [line for line in every_text_of_the_database().splitlines() if SECRET in line or "stella" in line]
    assert left_over == []


def test_the_person_is_a_name_made_by_chance(stella, api):
    leave_for_good(stella)
    user = User.objects.get(pk=stella.id)
    assert user.username.startswith("deleted-")
    assert user.email == f"{user.username}@anonymised.invalid"
    assert (user.display_name, user.bio, user.avatar, user.preferences, user.utm) == ("", "", "", {}, {})
    assert not user.has_usable_password()
    assert not user.is_active
    assert stella.id.hex[-12:] not in user.username
    for table in (EmailAddress, SocialAccount, MailKey, Favourite, Block, DataExport, Persona, Memory, Like):
        assert not table.objects.filter(user=user).exists(), table
    assert Consent.objects.filter(user=user).count() == 3
    assert set(AuditEntry.objects.filter(target_id=str(user.pk)).values_list("action", flat=True)) >= {
        "user.delete",
        "user.anonymise",
    }


def test_the_last_mail_goes_to_the_address_it_is_about(stella):
    leave_for_good(stella)
    assert [mail.kind for mail in OutgoingMail.objects.filter(user_id=stella.id)] == ["account_anonymised"]
    assert OutgoingMail.objects.get(user_id=stella.id).to == "stella@troupe.example"


def test_the_picture_is_deleted_from_the_storage(stella, settings, data_dir):
    key = default_storage.save("avatars/stella.webp", ContentFile(b"a picture"))
    services.set_avatar(user_id=stella.id, key=key)
    leave_for_good(stella)
    assert not default_storage.exists(key)


def test_nobody_signs_in_as_them_any_more(stella, api):
    leave_for_good(stella)
    for email in ("stella@troupe.example", User.objects.get(pk=stella.id).email):
        assert api().post("/api/auth/login", {"email": email, "password": PASSWORD}).status_code == 401


def test_address_and_username_are_free_again(stella, join):
    leave_for_good(stella)
    assert join("stella").user.username == "stella"


def test_conversations_go_with_all_that_was_said(stella, odile, talk):
    conversation = talked(stella, odile, talk)
    leave_for_good(stella)
    for table, where in (
        (Conversation, {"pk": conversation.pk}),
        (Member, {"conversation": conversation.pk}),
        (Message, {"conversation": conversation.pk}),
        (Variant, {"message__conversation": conversation.pk}),
        (MessageTrace, {"message__conversation": conversation.pk}),
    ):
        assert not table.objects.filter(**where).exists(), table


def test_many_messages_go_in_statements_of_bounded_size(stella, odile, talk, monkeypatch):
    from chat import own_data

    monkeypatch.setattr(own_data, "ROWS_A_STATEMENT", 7)
    conversation = talk(stella, odile)
    for number in range(20):
        send_message(conversation_id=conversation.pk, user_id=stella.id, text=str(number), answer=False)
    leave_for_good(stella)
    assert not Message.objects.filter(conversation=conversation.pk).exists()


def test_in_a_conversation_with_others_only_their_own_words_go(stella, owner, odile, talk):
    conversation = talk(owner, odile)
    Member.objects.create(conversation=conversation, user=stella.user, last_message_at=timezone.now())
    send_message(conversation_id=conversation.pk, user_id=owner.id, text="Mine stays", answer=False)
    send_message(conversation_id=conversation.pk, user_id=stella.id, text=SECRET, answer=False)
    leave_for_good(stella)
    texts = list(Message.objects.filter(conversation=conversation).order_by("seq").values_list("text", flat=True))
    assert texts == ["Good evening.", "Mine stays", ""]
    assert Message.objects.get(conversation=conversation, author_user=stella.id).deleted_at
    assert Member.objects.get(conversation=conversation, user=stella.user).left_at


def test_their_characters_are_emptied_and_others_keep_what_they_said(owner, stella, odile, talk):
    conversation = talked(stella, odile, talk)
    leave_for_good(owner)
    odile.refresh_from_db()
    assert (odile.name, odile.description, odile.system_prompt, odile.greeting) == ("Odile", "", "", "")
    assert odile.deleted_at
    assert odile.visibility == "private"
    assert Message.objects.filter(conversation=conversation, text=f"{SECRET} again").exists()
    with pytest.raises(Exception, match="nothing here"):
        read_character(odile.pk, stella.id)


def test_a_character_nobody_else_saw_loses_its_name_too(stella):
    leave_for_good(stella)
    assert Character.objects.get(creator=stella.id).name == "A character that is gone"


def test_their_likes_are_taken_back_and_the_numbers_stay_exact(stella, owner, odile):
    like(character_id=odile.pk, user_id=owner.id)
    fold_counters()
    assert read_character(odile.pk, None)["likes_amount"] == 2
    leave_for_good(stella)
    assert read_character(odile.pk, None)["likes_amount"] == 1
    fold_counters()
    assert read_character(odile.pk, None)["likes_amount"] == Like.objects.filter(character=odile).count() == 1


def test_the_books_are_whole_before_and_after(stella, odile, talk):
    wallet = Wallet.objects.get(organization_id=stella.organization_id)
    grant_credits(organization_id=stella.organization_id, amount="12.5", key="a-payment")
    spend(organization_id=stella.organization_id, amount="3", feature="test")
    talked(stella, odile, talk)
    before = list(Entry.objects.filter(wallet=wallet).order_by("number").values_list("pk", "main", "bonus"))
    assert reconcile().ok
    leave_for_good(stella)
    assert reconcile().ok
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.bonus_balance) == (0, 0)
    after = list(Entry.objects.filter(wallet=wallet).order_by("number").values_list("pk", "main", "bonus"))
    assert after[: len(before)] == before
    written_off = Entry.objects.filter(wallet=wallet, kind="expiry")
    assert sum((entry.amount for entry in written_off), Decimal(0)) < 0
    assert {entry.feature for entry in written_off} == {"account_deleted"}


def test_once_more_changes_nothing(stella):
    leave_for_good(stella)
    name = User.objects.get(pk=stella.id).username
    entries = Entry.objects.count()
    assert anonymisation.anonymise(user_id=stella.id) is False
    assert anonymisation.anonymise_due() == 0
    assert User.objects.get(pk=stella.id).username == name
    assert Entry.objects.count() == entries


@pytest.mark.parametrize("days", [0, 29.9])
def test_before_the_thirty_days_nobody_is_touched(stella, days):
    leave(stella, days=days)
    assert anonymisation.anonymise_due() == 0
    assert User.objects.get(pk=stella.id).username == "stella"


def test_who_is_here_is_never_anonymised(stella):
    with pytest.raises(Conflict):
        anonymisation.anonymise(user_id=stella.id)
    assert User.objects.get(pk=stella.id).username == "stella"


def test_one_that_fails_holds_up_nobody_and_is_tried_again(join, monkeypatch):
    people = [join(f"nora{number}") for number in range(3)]
    for number, person in enumerate(people):
        leave(person, days=40 - number)
    real = anonymisation._rename

    def fail_for_the_first(user):
        if user.pk == people[0].id:
            raise RuntimeError("the disk is full")
        real(user)

    monkeypatch.setattr(anonymisation, "_rename", fail_for_the_first)
    assert anonymisation.anonymise_due() == 2
    first = User.objects.get(pk=people[0].id)
    assert (first.username, first.anonymised_at) == ("nora0", None)  # all of it or nothing
    assert EmailAddress.objects.filter(user=first).exists()
    monkeypatch.setattr(anonymisation, "_rename", real)
    assert anonymisation.anonymise_due() == 1
    assert reconcile().ok


def test_a_run_takes_a_bounded_number(join):
    for number in range(3):
        leave(join(f"nora{number}"))
    assert anonymisation.anonymise_due(at_most=2) == 2
    assert anonymisation.anonymise_due(at_most=2) == 1


def test_a_person_of_the_staff_is_nobody_special_any_more(staff):
    leave_for_good(staff)
    user = User.objects.get(pk=staff.id)
    assert (user.role, user.is_staff, user.is_superuser, user.groups.count()) == ("member", False, False, 0)


def test_every_table_with_a_person_in_it_is_known_here():
    """A new one: say in its app's `own_data` (or in `accounts.services.anonymisation`) what becomes of its rows."""
    refers = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is User
    }
    keeps_only_the_id = {
        "admin.LogEntry.user",
        "accounts.ApiKey.revoked_by",
        "accounts.Consent.user",
        "accounts.Invitation.invited_by",
        "accounts.Membership.user",
        "billing.AdjustmentRequest.decided_by",
        "billing.AdjustmentRequest.requested_by",
        "billing.Budget.member",
        "billing.CheckoutSession.user",
        "billing.Payment.user",
        "billing.Refund.requested_by",
        "billing.Subscription.user",
        "billing.UnmatchedCharge.resolved_by",
        "chat.MessageTrace.editor",
        "common.AuditEntry.actor",
    }
    goes = {
        "account.EmailAddress.user",
        "accounts.ApiKey.user",
        "accounts.AuthSession.user",
        "accounts.Block.blocked",
        "accounts.Block.user",
        "accounts.DataExport.user",
        "accounts.Favourite.user",
        "accounts.FormerUsername.user",
        "accounts.Invitation.accepted_by",
        "accounts.MailKey.user",
        "billing.TopUp.user",
        "characters.Character.creator",
        "characters.Like.user",
        "characters.Memory.user",
        "characters.Persona.user",
        "chat.Member.user",
        "chat.Message.author_user",
        "djstripe.Customer.subscriber",
        "media.Asset.owner",
        "media.StoredContent.owner",
        "media.Upload.owner",
        "mfa.Authenticator.user",
        "notifications.Notification.actor",
        "notifications.Notification.user",
        "socialaccount.SocialAccount.user",
    }
    assert refers == keeps_only_the_id | goes


def test_who_left_thirty_days_ago_is_found_by_an_index():
    since = timezone.now() - timedelta(days=30)
    due = User.objects.filter(deleted_at__lte=since, anonymised_at=None).order_by("deleted_at").values("pk")[:50]
    with transaction.atomic(), connection.cursor() as cursor:
        # else it depends on how few rows there are; outside a transaction the settings would do nothing
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        assert "user_to_anonymise" in due.explain()
