"""`Idempotency-Key`: the same key and body give the first answer again for 24 hours.

The key's row is written in the transaction of the work itself, so a crash half-way leaves neither. Only answers of
success are kept: where nothing was done, trying again is safe.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from common.database import fetch_one
from common.errors import Conflict, ValidationProblem
from common.models import IdempotencyKey
from common.rendering import to_json

KEPT = timedelta(hours=24)
Handler = Callable[..., HttpResponse]


def once(key: str, handler: Handler) -> Handler:
    """`handler` (a view's bound method), run at most once for this caller, path and key."""
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise_later: Handler = _refuse_key
        return raise_later

    def run(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        # an API key is a caller of its own: it pays from another wallet than its person, or than another key
        caller = str(getattr(request.auth, "api_key_id", None) or request.user.pk or "anonymous")
        path = request.path
        body_hash = hashlib.sha256(request.method.encode() + to_json(request.data)).hexdigest()  # type: ignore[union-attr]
        with transaction.atomic():
            _lock(f"{caller} {path} {key}")
            if kept := _kept(caller, path, key):
                return _repeat(kept, body_hash)
            response = handler(request, *args, **kwargs)
            if response.status_code < 400:
                _keep(caller, path, key, body_hash, response)
            return response

    return run


def _refuse_key(*_: Any, **__: Any) -> HttpResponse:
    raise ValidationProblem(errors={"Idempotency-Key": ["Give 1 to 255 printable characters."]})


def _lock(name: str) -> None:
    row = fetch_one("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    if not row or not row[0]:
        raise Conflict("The first call with this Idempotency-Key is still running.", retry_after=1)


def _kept(caller: str, path: str, key: str) -> IdempotencyKey | None:
    kept = IdempotencyKey.objects.filter(caller=caller, path=path, key=key).first()
    if kept and kept.created_at < timezone.now() - KEPT:
        kept.delete()
        return None
    return kept


def _repeat(kept: IdempotencyKey, body_hash: str) -> HttpResponse:
    if kept.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used with another body.")
    return HttpResponse(bytes(kept.answer or b""), status=kept.status, content_type="application/json")


def _keep(caller: str, path: str, key: str, body_hash: str, response: HttpResponse) -> None:
    IdempotencyKey.objects.create(
        caller=caller,
        path=path,
        key=key,
        body_hash=body_hash,
        status=response.status_code,
        answer=response.content,
    )


def forget_old() -> int:
    """Deletes keys past their 24 hours; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
