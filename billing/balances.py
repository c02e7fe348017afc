"""Every wallet of the site, for staff."""

import uuid
from typing import Any

from billing.announcements import wallet_fields
from billing.selectors import as_strings
from common.database import fetch_all, fetch_one
from common.pagination import Page, encode_cursor

MAX_SEARCH = 254
# each arm goes by an index of its own
FOUND = """
w.organization_id IN (
    SELECT id FROM accounts_organization WHERE lower(name) LIKE %(prefix)s
    UNION ALL
    SELECT organization_id FROM accounts_membership WHERE user_id IN (
        SELECT id FROM accounts_user WHERE username LIKE %(prefix)s
        UNION ALL SELECT id FROM accounts_user WHERE lower(email) LIKE %(prefix)s)
)
"""
PAGE = """
SELECT w.id, o.id, o.name, o.personal, owner.username, w.balance, w.bonus_balance, w.reserved, w.free_messages
FROM billing_wallet w
JOIN accounts_organization o ON o.id = w.organization_id
LEFT JOIN LATERAL (
    SELECT u.username FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
    WHERE m.organization_id = o.id AND m.role = 'owner' ORDER BY m.id LIMIT 1
) owner ON true
WHERE {conditions}
ORDER BY w.id DESC LIMIT %(limit)s
"""


def balances_page(*, search: str, before: uuid.UUID | None, limit: int, count: bool) -> Page:
    """Wallets, the newest first: one query, and another where the total is asked for.

    `search` is the beginning of an organisation's name, or of the username or address of somebody in it.
    """
    conditions, params = "true", dict[str, Any]()
    if prefix := search.strip().lower():
        escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        conditions, params["prefix"] = FOUND, f"{escaped}%"
    total = _count(conditions, params) if count else None
    if before is not None:
        conditions, params["before"] = f"{conditions} AND w.id < %(before)s", before
    # only texts of this file are put together; values go as parameters
    rows = fetch_all(PAGE.format(conditions=conditions), params | {"limit": limit + 1})
    more, rows = len(rows) > limit, rows[:limit]
    return Page([_item(row) for row in rows], encode_cursor([rows[-1][0]]) if more else None, total)


def _item(row: tuple[Any, ...]) -> dict[str, Any]:
    wallet_id, organization_id, name, personal, owner, *numbers = row
    return as_strings(wallet_fields(organization_id, *numbers)) | {
        "id": wallet_id,
        "organization": {"id": organization_id, "name": name, "personal": personal},
        "owner": owner,
    }


def _count(conditions: str, params: dict[str, Any]) -> int:
    row = fetch_one(f"SELECT count(*) FROM billing_wallet w WHERE {conditions}", params)  # noqa: S608
    return row[0] if row else 0
