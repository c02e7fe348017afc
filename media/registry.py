"""What other apps tell media. They register in their `AppConfig.ready()`.

Media knows nothing of chat or of paid content: who may see a private file is asked of the app that uses it.
"""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.callbacks import Callbacks

if TYPE_CHECKING:
    from media.models import Asset

# (asset, reader's id) -> whether they may see it, beside its owner
ViewRule = Callable[["Asset", uuid.UUID], bool]
_view_rules: dict[str, ViewRule] = {}

# (organisation's id) -> bytes it may store, None for any number
QuotaReader = Callable[[uuid.UUID], int | None]
_quota_reader: QuotaReader | None = None

# (asset): about to go, in the transaction that deletes it; whoever refers to it lets go
asset_deleted = Callbacks()
on_asset_deleted = asset_deleted.add
# (asset): a clip is ready or has failed, in the transaction that says so
asset_finished = Callbacks()
on_asset_finished = asset_finished.add


def add_view_rule(purpose: str, may_see: ViewRule) -> None:
    """Private assets of this purpose are seen by those `may_see` names, beside their owner."""
    _view_rules[purpose] = may_see


def may_see(asset: "Asset", user_id: uuid.UUID | None) -> bool:
    """Whether a private asset is shown to this person. What nobody has spoken for is its owner's alone."""
    if user_id is None:
        return False
    rule = _view_rules.get(asset.purpose)
    return asset.owner_id == user_id or bool(rule and rule(asset, user_id))


def set_quota_reader(read: QuotaReader) -> None:
    global _quota_reader  # noqa: PLW0603
    _quota_reader = read


def quota_of(organization_id: uuid.UUID) -> int | None:
    """Bytes that an organisation may store; None is no limit."""
    return _quota_reader(organization_id) if _quota_reader else None
