"""Ending sign-in sessions."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import AuthSession
from accounts.services.ending_keys import look_again_at_keys
from common import sessions
from common.errors import NotFound

EndReason = AuthSession.EndReason
KEPT_AFTER_EXPIRY = timedelta(days=30)


@transaction.atomic
def end_session(*, session_id: uuid.UUID, reason: str) -> bool:
    """Its tokens, its cookie and its sockets end once this is committed. False where it had ended before."""
    now = timezone.now()
    ended = AuthSession.objects.filter(pk=session_id, ended_at=None).update(ended_at=now, end_reason=reason)
    if ended:
        _announce_ends([session_id])
    return bool(ended)


def end_own_session(*, user_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """Ends one of a person's own sessions. False where it had ended before. Raises NotFound for anybody else's."""
    if not AuthSession.objects.filter(pk=session_id, user_id=user_id).exists():
        raise NotFound
    return end_session(session_id=session_id, reason=EndReason.SIGN_OUT)


def end_other_sessions(*, user_id: uuid.UUID, keep: uuid.UUID) -> int:
    """Signs a person out everywhere but in one session; returns how many ended."""
    return end_sessions_of(user_id=user_id, reason=EndReason.SIGN_OUT, but=keep)


@transaction.atomic
def end_sessions_of(*, user_id: uuid.UUID, reason: str, but: uuid.UUID | None = None) -> int:
    """Ends every session of a person (ban, deletion, new password, new role), perhaps but one; returns how many."""
    live = AuthSession.objects.filter(user_id=user_id, ended_at=None)
    if but:
        live = live.exclude(pk=but)
    ids = list(live.select_for_update().order_by("pk").values_list("pk", flat=True))
    live.filter(pk__in=ids).update(ended_at=timezone.now(), end_reason=reason)
    _announce_ends(ids)
    look_again_at_keys(user_id=user_id)
    return len(ids)


def _announce_ends(session_ids: Iterable[uuid.UUID]) -> None:
    for session_id in session_ids:
        transaction.on_commit(partial(sessions.end, session_id))


def forget_old_sessions() -> int:
    """Deletes sessions that expired a month ago; returns how many. For the scheduler, once a day."""
    return AuthSession.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER_EXPIRY).delete()[0]
