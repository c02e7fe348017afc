"""What the stand-in of Stripe keeps: objects in the shapes of 2026-05-27.dahlia, their expansion, and signed events."""

import copy
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import stripe
from dateutil.relativedelta import relativedelta

from tests.standins.stripe_params import Refused

VERSION = "2026-05-27.dahlia"
ACCOUNT = "acct_1TroupeStandIn0001"
Row = dict[str, Any]

# what a list or an object shows only when it is asked to
INCLUDABLE = {
    "invoice": ("payments",),
    "charge": ("refunds",),
    "checkout.session": ("line_items",),
    "customer": ("sources", "subscriptions", "tax_ids"),
}
DEEPEST_EXPANSION = 4


def now() -> int:
    return int(time.time())


def later(moment: int, every: str, times: int = 1) -> int:
    step = relativedelta(months=times) if every == "month" else relativedelta(years=times)
    return int((datetime.fromtimestamp(moment, UTC) + step).timestamp())


def listed(rows: list[Row], url: str) -> Row:
    return {"object": "list", "data": rows, "has_more": False, "url": url}


class Books:
    """Every object by its id; ids tell the kind, as Stripe's do."""

    secret_key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    webhook_secret = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.declining: set[str] = set()  # payment methods whose next charges the bank refuses
        self.keep(
            {
                "id": ACCOUNT,
                "object": "account",
                "created": now(),
                "business_profile": {"name": "Troupe", "url": "https://troupe.example"},
                "settings": {"dashboard": {"display_name": "Troupe", "timezone": "Etc/UTC"}, "branding": {}},
                "country": "DE",
                "default_currency": "eur",
                "email": "box@troupe.example",
                "type": "standard",
                "charges_enabled": True,
                "payouts_enabled": True,
                "details_submitted": True,
                "metadata": {},
            }
        )

    def keep(self, row: Row) -> Row:
        self.rows[row["id"]] = row
        return row

    def new(self, prefix: str, kind: str, **fields: Any) -> Row:
        """A new object with what all have in common."""
        base = {"id": f"{prefix}_{uuid.uuid4().hex[:24]}", "object": kind, "created": now(), "livemode": False}
        return self.keep({**base, "metadata": {}, **fields})

    def find(self, kind: str, key: str, *, param: str = "id", status: int = 404) -> Row:
        row = self.rows.get(key)
        if row is None or row["object"] != kind:
            raise Refused(status, f"No such {kind}: '{key}'", code="resource_missing", param=param)
        return row

    def of(self, kind: str, **where: Any) -> list[Row]:
        """Newest first."""
        found = [
            row
            for row in self.rows.values()
            if row["object"] == kind and all(row.get(name) == value for name, value in where.items())
        ]
        return found[::-1]

    # --- answers ---

    def shown(self, row: Row, expand: list[str] = []) -> Row:  # noqa: B006  # only read
        """A copy as the API shows it: references as ids but for those to expand, and without the includable."""
        answer = copy.deepcopy(row)
        asked = {path.split(".")[0] for path in expand}
        for name in INCLUDABLE.get(row["object"], ()):
            if name in asked:
                answer[name] = listed([self.shown(part) for part in self._parts(row, name)], f"/v1/{name}")
        for path in expand:
            if path.count(".") >= DEEPEST_EXPANSION:
                raise Refused(400, "You cannot expand more than 4 levels of a property", param="expand")
            self._expand(answer, path.split("."), path)
        return answer

    def _parts(self, row: Row, name: str) -> list[Row]:
        match name:
            case "payments":
                return self.of("invoice_payment", invoice=row["id"])
            case "refunds":
                return self.of("refund", charge=row["id"])
            case "subscriptions":
                return self.of("subscription", customer=row["id"])
        return []

    def _expand(self, place: Any, path: list[str], whole: str) -> None:
        if isinstance(place, list):
            for row in place:
                self._expand(row, path, whole)
            return
        if not path or place is None:
            return
        name, rest = path[0], path[1:]
        if name not in place:
            raise Refused(400, f"This property cannot be expanded ({whole}).", param="expand")
        if isinstance(place[name], str) and place[name] in self.rows:
            place[name] = self.shown(self.rows[place[name]], [".".join(rest)] if rest else [])
        else:
            self._expand(place[name], rest, whole)

    def page(self, rows: list[Row], asked: Row, url: str) -> Row:
        """`limit`, `starting_after`, `created` and the expansion of a list."""
        if created := asked.get("created"):
            limits = created if isinstance(created, dict) else {"gte": created, "lte": created}
            rows = [row for row in rows if _within(row["created"], limits)]
        if after := asked.get("starting_after"):
            ids = [row["id"] for row in rows]
            if after not in ids:
                raise Refused(400, f"No such object: '{after}'", code="resource_missing", param="starting_after")
            rows = rows[ids.index(after) + 1 :]
        limit = asked.get("limit", 10)
        if not 1 <= limit <= 100:
            raise Refused(400, "Invalid integer: limit must be 1 to 100", param="limit")
        expand = asked.get("expand", [])
        if any(not path.startswith("data.") for path in expand):
            raise Refused(400, "This property cannot be expanded. Did you mean data.…?", param="expand")
        inner = [path.removeprefix("data.") for path in expand]
        answer = listed([self.shown(row, inner) for row in rows[:limit]], url)
        return answer | {"has_more": len(rows) > limit}

    # --- events ---

    def tell(self, kind: str, row: Row, **changed: Any) -> None:
        """Signs an event about `row` as it is now and sends it to the endpoint."""
        data = {"object": self.shown(row)} | ({"previous_attributes": changed} if changed else {})
        event = self.new(
            "evt",
            "event",
            api_version=VERSION,
            type=kind,
            data=data,
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
        )
        del event["metadata"]
        body = json.dumps(event, indent=2)
        signature = stripe.WebhookSignature.generate_signature_header(body, self.webhook_secret)
        self.send(body.encode(), {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature})

    def send(self, body: bytes, headers: dict[str, str]) -> None:
        raise NotImplementedError


def _within(moment: int, limits: dict[str, int]) -> bool:
    tests = {
        "gte": moment >= limits.get("gte", moment),
        "gt": moment > limits.get("gt", moment - 1),
        "lte": moment <= limits.get("lte", moment),
        "lt": moment < limits.get("lt", moment + 1),
    }
    return all(tests.values())
