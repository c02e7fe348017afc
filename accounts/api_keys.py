"""API keys as programs send them: what one looks like, and for whom it stands.

Redis remembers for at most a minute whom a key stands for, or that it is dead. Whatever ends a key says so there at
once, so it is felt by every process; what nobody says (the ban of a person has ended) is noticed when the minute is
over.
"""

import hashlib
import secrets
import string
import uuid
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson
import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import STAFF_ROLES, ApiKey, Membership, Role, Scope
from accounts.tokens import Claims
from common import redis
from common.errors import Unauthenticated
from common.ratelimits import Gate

log = structlog.get_logger(__name__)
BEGINNING = "troupe_"
SECRET_BYTES, SECRET_LETTERS, CHECK_LETTERS = 32, 43, 6
LENGTH = len(BEGINNING) + SECRET_LETTERS + CHECK_LETTERS
SHOWN = len(BEGINNING) + 6  # what the row keeps, so that people can tell their keys apart
PATTERN = rf"{BEGINNING}[0-9A-Za-z]{{{SECRET_LETTERS + CHECK_LETTERS}}}"  # what scanners for leaked secrets look for
LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
REMEMBERED_SECONDS = 60
DEAD = b"0"


def new_key() -> str:
    """`troupe_`, 32 random bytes in base 62, and six letters by which a typo is told without asking anybody."""
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), SECRET_LETTERS)
    return f"{BEGINNING}{secret}{_check(secret)}"


def is_whole(text: str) -> bool:
    """Whether it is a key as we write them: of the right length and letters, and without a typo."""
    if len(text) != LENGTH or not text.startswith(BEGINNING) or not text.isascii() or not text[7:].isalnum():
        return False
    secret = text[len(BEGINNING) : -CHECK_LETTERS]
    return _check(secret) == text[-CHECK_LETTERS:]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), CHECK_LETTERS)


def _base62(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(LETTERS))
        letters.append(LETTERS[rest])
    return "".join(reversed(letters))


# --- whom a key stands for --------------------------------------------------------------------------------------------


class Holder(NamedTuple):
    """What a key may do, for whom. Only JSON's types, to be remembered."""

    api_key: str
    user: str
    organization: str
    role: str
    scopes: list[str]

    def claims(self) -> Claims:
        return Claims(
            user_id=uuid.UUID(self.user),
            session_id=None,  # type: ignore[arg-type]  # see there
            organization_id=uuid.UUID(self.organization),
            role=self.role,
            api_key_id=uuid.UUID(self.api_key),
            scopes=frozenset(self.scopes),
        )


def read_key(text: str, address: str) -> Claims:
    """The claims of a live key. `address` is the caller's, whose guesses are counted.

    Raises Unauthenticated, RateLimited.
    """
    if not is_whole(text):
        raise Unauthenticated("This is not a whole API key. Please copy it again.")
    digest = digest_of(text)
    remembered = _recall(digest)
    if remembered is None:
        # the database is asked once a minute for a key that lives, and no more often than this for those that don't
        Gate(who=address, preset="api").enter()
        holder = _look_up(digest)
    else:
        holder = None if remembered == DEAD else Holder(*orjson.loads(remembered))
    if holder is None:
        raise Unauthenticated("This API key is not valid, or not any more.")
    return holder.claims()


def _look_up(digest: str) -> Holder | None:
    now = timezone.now()
    row = live_keys(now).filter(digest=digest).values_list(*HOLDER).first()
    if row is None:
        _remember(digest, DEAD, REMEMBERED_SECONDS)
        return None
    *_, expires_at = row
    holder = _holder(*row)
    seconds = REMEMBERED_SECONDS if expires_at is None else (expires_at - now).total_seconds()
    _remember(digest, orjson.dumps(tuple(holder)), min(REMEMBERED_SECONDS, seconds))
    return holder


PLACE = "organization__memberships"
HOLDER = ("id", "user_id", "organization_id", "user__role", f"{PLACE}__role", "scopes", "expires_at")


def live_keys(now: datetime) -> QuerySet[ApiKey]:
    """Those that open doors: neither they nor their person, membership or organisation has ended."""
    person_is_here = Q(user__is_active=True, user__deleted_at=None) & (
        Q(user__banned_until=None) | Q(user__banned_until__lte=now)
    )
    return ApiKey.objects.filter(
        person_is_here,
        Q(expires_at=None) | Q(expires_at__gt=now),
        revoked_at=None,
        organization__deleted_at=None,
        organization__memberships__user=F("user"),
    )


def _holder(
    key_id: uuid.UUID,
    user_id: uuid.UUID,
    organization_id: uuid.UUID,
    role: str,
    place: str,
    scopes: list[str],
    expires_at: datetime | None,
) -> Holder:
    role = Role.MEMBER if role in STAFF_ROLES else role
    if place == Membership.Role.MEMBER:  # was an admin when it was made
        scopes = [scope for scope in scopes if scope != Scope.SPEND]
    return Holder(str(key_id), str(user_id), str(organization_id), str(role), scopes)


# --- what Redis remembers ---------------------------------------------------------------------------------------------


def end(digests: Iterable[str]) -> None:
    """These keys are dead. Call after the rows say so and are committed."""
    try:
        pipeline = redis.client().pipeline(transaction=False)
        for digest in digests:
            pipeline.set(_name(digest), DEAD, ex=REMEMBERED_SECONDS)
        pipeline.execute()
    except redis.RedisError:
        # nothing remembers a key for longer than REMEMBERED_SECONDS, and Redis is away just now
        log.warning("end of API keys not announced")


def forget(digests: Iterable[str]) -> None:
    """What these keys may do is to be looked up again."""
    try:
        if names := [_name(digest) for digest in digests]:
            redis.client().delete(*names)
    except redis.RedisError:
        log.warning("change of API keys not announced")


def _name(digest: str) -> str:
    return f"api-key:{digest}"


def _recall(digest: str) -> bytes | None:
    try:
        return redis.ask(("GET", _name(digest)))[0]
    except redis.RedisError:
        return None


def _remember(digest: str, holder: bytes, seconds: float) -> None:
    try:
        # never over an end that was announced meanwhile
        redis.client().set(_name(digest), holder, px=max(1, int(seconds * 1000)), nx=True)
    except redis.RedisError:
        return
