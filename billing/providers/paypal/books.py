"""What PayPal keeps beside orders and subscriptions: disputes, and the list of an account's transactions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from billing.providers.paypal.amounts import minor, moment, stamp
from billing.providers.paypal.api import Api, in_path, object_of

log = structlog.get_logger(__name__)

LOST = {"RESOLVED_BUYER_FAVOUR", "ACCEPTED"}  # spec; the others leave the money with us
REFUND_CODE = "T1107"  # docs, "Transaction event codes": payment refund, initiated by the merchant
WINDOW = timedelta(days=31)  # spec: the most that one list of transactions spans
REFUNDABLE = timedelta(days=180)
PAGE = 500


class Books:
    def __init__(self, api: Api) -> None:
        self._api = api

    def is_disputed(self, transaction_id: str) -> bool:
        """Whether its money is contested or was lost. A dispute of a part counts as one of the whole.

        Needs "Customer disputes" ticked at the app (docs); without it PayPal answers 403 and nobody sees disputes.
        """
        params = {"disputed_transaction_id": transaction_id, "page_size": "50"}
        response = self._api.call("GET", "/v1/customer/disputes", params=params, expect=(403, 404))
        if response.status_code == 403:
            log.warning("paypal shows this app no disputes")
        if not response.is_success:
            return False
        return any(self._is_against_us(dispute) for dispute in object_of(response).get("items") or ())

    def _is_against_us(self, dispute: dict[str, Any]) -> bool:
        if dispute["status"] != "RESOLVED":
            return True
        # the list has no outcomes (spec)
        whole = self._api.json("GET", f"/v1/customer/disputes/{in_path(dispute['dispute_id'])}")
        return (whole.get("dispute_outcome") or {}).get("outcome_code") in LOST

    def refunded(self, transaction_id: str, paid_at: datetime) -> int:
        """What went back of a transaction by the account's list, which lags up to three hours behind (spec)."""
        since, total = paid_at - timedelta(days=1), 0
        until = min(datetime.now(UTC) + timedelta(days=1), paid_at + REFUNDABLE + WINDOW)
        while since < until:
            part = min(since + WINDOW, until)
            for info in self.transactions(since, part, transaction_type=REFUND_CODE):
                if info.get("paypal_reference_id") == transaction_id and info.get("transaction_status") == "S":
                    total += abs(minor(info["transaction_amount"])[0])
            since = part
        return total

    def transactions(self, since: datetime, until: datetime, **filters: str) -> Iterator[dict[str, Any]]:
        """`transaction_info` of each (spec: `GET /v1/reporting/transactions`). Needs "Transaction search" ticked."""
        page, pages = 1, 1
        while page <= pages:
            span = {"start_date": stamp(since), "end_date": stamp(until)}
            params = span | {"fields": "transaction_info", "page_size": str(PAGE), "page": str(page)} | filters
            answer = self._api.json("GET", "/v1/reporting/transactions", params=params)
            pages = int(answer.get("total_pages") or 0)
            for detail in answer.get("transaction_details") or ():
                yield detail["transaction_info"]
            page += 1


def initiated_at(info: dict[str, Any]) -> datetime | None:
    return moment(info.get("transaction_initiation_date"))
