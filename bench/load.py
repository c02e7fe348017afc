"""Puts the bench's world into our tables, and signs its people in. Needs Django to be set up."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts.models import AuthSession, Membership, Organization, User
from accounts.tokens import AccessToken, Claims
from bench import world
from billing.models import Entry, Wallet
from characters.models import Character
from characters.services.scores import refresh_scores
from chat.models import Conversation, Member, Message, Variant
from common.tokens import count_tokens


def load_world() -> None:
    """Fills a migrated database that nobody has used yet."""
    for table, rows in TABLES.items():
        _copy(table, rows())
    refresh_scores(everyone=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def access_token(person: int) -> str:
    """An access token of this person's session, as signing in gives."""
    claims = Claims(
        user_id=world.row_id("user", person),
        session_id=world.row_id("session", person),
        organization_id=world.row_id("organization", person),
        role=User._meta.get_field("role").default,
    )
    return str(AccessToken.for_claims(claims))


def _copy(model: type[Model], rows: Iterable[Model]) -> None:
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    names = ", ".join(f'"{field.column}"' for field in fields)
    sql = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row([field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields])


def _people() -> Iterator[User]:
    for n in range(1, world.PEOPLE + 1):
        at = world.joined_at(n)
        yield User(
            id=world.row_id("user", n), created_at=at, updated_at=at, username=world.username(n), password="!",
            email=f"{world.username(n)}@example.com", email_verified=True,
        )  # fmt: skip


def _organizations() -> Iterator[Organization]:
    for n in range(1, world.PEOPLE + 1):
        at = world.joined_at(n)
        yield Organization(
            id=world.row_id("organization", n), created_at=at, updated_at=at, name=world.username(n), personal=True
        )


def _memberships() -> Iterator[Membership]:
    for n in range(1, world.PEOPLE + 1):
        at = world.joined_at(n)
        yield Membership(
            id=world.row_id("membership", n), created_at=at, updated_at=at, user_id=world.row_id("user", n),
            organization_id=world.row_id("organization", n), role=Membership.Role.OWNER, personal=True,
        )  # fmt: skip


def _sessions() -> Iterator[AuthSession]:
    now = timezone.now()
    for n in range(1, world.PEOPLE + 1):
        yield AuthSession(
            id=world.row_id("session", n), created_at=now, updated_at=now, user_id=world.row_id("user", n),
            kind=AuthSession.Kind.TOKEN, refresh_jti=f"{n:032d}", last_used_at=now, expires_at=now + timedelta(days=7),
        )  # fmt: skip


def _wallets() -> Iterator[Wallet]:
    for n in range(1, world.PEOPLE + 1):
        at = world.joined_at(n)
        yield Wallet(
            id=world.row_id("wallet", n), created_at=at, updated_at=at, organization_id=world.row_id("organization", n),
            balance=Decimal(world.CREDITS), bonus_balance=Decimal(world.BONUS_CREDITS), last_number=2,
        )  # fmt: skip


def _grants() -> Iterator[Entry]:
    """The entries that a wallet's balances come from, so that the books are right from the start."""
    main, bonus = Decimal(world.CREDITS), Decimal(world.BONUS_CREDITS)
    for n in range(1, world.PEOPLE + 1):
        for number, kind, amounts, total in ((1, "grant", (main, 0), main), (2, "bonus", (0, bonus), main + bonus)):
            yield Entry(
                id=world.row_id(kind, n), wallet_id=world.row_id("wallet", n), number=number, main=Decimal(amounts[0]),
                bonus=Decimal(amounts[1]), balance_after=total, kind="grant", key=f"bench:{kind}:{n}",
                created_at=world.joined_at(n),
            )  # fmt: skip


def _characters() -> Iterator[Character]:
    for row in world.characters():
        yield Character(
            id=world.row_id("character", row.number), created_at=row.created_at, updated_at=row.created_at,
            creator_id=world.row_id("user", row.creator), name=row.name, tagline=row.tagline,
            description=row.description, greeting=f"*looks up* You found me. I am {row.name}.",
            age=row.age, gender=row.gender, tags=row.tags,
            category=row.category, likes_amount=row.likes, messages_amount=row.messages,
            visibility="public" if row.public else "private", published_at=row.created_at if row.public else None,
        )  # fmt: skip


def _conversations() -> Iterator[Conversation]:
    for n in range(1, world.CONVERSATIONS + 1):
        last = world.begun_at(n) + timedelta(minutes=world.MESSAGES_EACH)
        yield Conversation(
            id=world.row_id("conversation", n), created_at=world.begun_at(n), updated_at=last, kind="character",
            character_id=world.row_id("character", world.character_of(n)), last_seq=world.MESSAGES_EACH,
            organization_id=world.row_id("organization", n), last_message_at=last, tokens=25 * world.MESSAGES_EACH,
        )  # fmt: skip


def _members() -> Iterator[Member]:
    for n in range(1, world.CONVERSATIONS + 1):
        last = world.begun_at(n) + timedelta(minutes=world.MESSAGES_EACH)
        yield Member(
            id=world.row_id("member", n), created_at=world.begun_at(n), updated_at=last, role=Member.Role.OWNER,
            conversation_id=world.row_id("conversation", n), user_id=world.row_id("user", n), last_message_at=last,
        )  # fmt: skip


def _messages() -> Iterator[Message]:
    tokens: dict[str, int] = {}
    for row in world.messages():
        if row.text not in tokens:
            tokens[row.text] = count_tokens(row.text)
        yield Message(
            id=world.row_id("message", row.number), created_at=row.created_at, updated_at=row.created_at,
            conversation_id=world.row_id("conversation", row.conversation), seq=row.seq, rev=row.seq, text=row.text,
            author_kind="user" if row.by_user else "character", tokens=tokens[row.text],
            author_user_id=world.row_id("user", row.conversation) if row.by_user else None,
            author_character_id=None if row.by_user else world.row_id("character", row.character),
        )  # fmt: skip


def _variants() -> Iterator[Variant]:
    """Every reply has the wording that was written for it."""
    for row in world.messages():
        if not row.by_user:
            yield Variant(
                id=world.row_id("variant", row.number), created_at=row.created_at, updated_at=row.created_at, index=0,
                message_id=world.row_id("message", row.number), text=row.text, status="complete", provider="custom",
                model="custom/default", next_index=20, attempts=1, finished_at=row.created_at,
            )  # fmt: skip


TABLES: dict[type[Model], Callable[[], Iterator[Model]]] = {
    User: _people,
    Organization: _organizations,
    Membership: _memberships,
    AuthSession: _sessions,
    Wallet: _wallets,
    Entry: _grants,
    Character: _characters,
    Conversation: _conversations,
    Member: _members,
    Message: _messages,
    Variant: _variants,
}
