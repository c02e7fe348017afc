"""The finance desk's own page: what came in, what credits did, what waits for somebody; and the tables as CSV."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing import exports, money
from billing.models import Price
from billing.selectors import finance
from common import audit
from common.admin_reasons import reason_field
from common.rendering import credits_string

LONGEST_RANGE = timedelta(days=366)
SHOWN_AT_FIRST = timedelta(days=29)
WIDE, HIGH, GAP = 720, 160, 2  # of the chart, in its own units


class RangeForm(forms.Form):
    """Which days, and which currency. Days are of UTC, both included."""

    since = forms.DateField(widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    until = forms.DateField(widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    currency = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, currencies: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(name, name) for name in currencies]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and not timedelta(0) <= until - since <= LONGEST_RANGE:
            raise forms.ValidationError("Choose a first day, and a last one at most a year later.")
        return data


class ExportForm(RangeForm):
    """The same of a table, and why somebody takes it out of here."""

    table = forms.ChoiceField(
        choices=[(name, table.title) for name, table in exports.TABLES.items()], widget=UnfoldAdminSelectWidget
    )
    reason = reason_field()

    field_order = ("table", "since", "until", "currency", "reason")


def addresses() -> list[URLPattern]:
    """For the site of the console, which guards them as its own pages."""
    return [
        path("finance/", admin.site.admin_view(page), name="billing_finance"),
        path("finance/export/", admin.site.admin_view(export), name="billing_finance_export"),
    ]


def may_see(request: HttpRequest) -> bool:
    user = request.user
    return user.has_perm("billing.view_payment") and user.has_perm("billing.view_entry")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    _require(request)
    currencies, first = _currencies(), _first_range()
    chosen = RangeForm({**first, **request.GET.dict()}, currencies=currencies)
    asked = chosen.cleaned_data if chosen.is_valid() else first
    return _page(request, chosen, ExportForm(initial=asked, currencies=currencies, auto_id="export_%s"), asked)


@require_POST
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The table as a file, as it is read. Refused, it is the page again with what is wrong."""
    _require(request)
    currencies, first = _currencies(), _first_range()
    form = ExportForm(request.POST, currencies=currencies, auto_id="export_%s")
    if not form.is_valid():
        return _page(request, RangeForm(first, currencies=currencies), form, first)
    asked = form.cleaned_data
    name, since, until, currency = asked["table"], asked["since"], asked["until"], asked["currency"]
    audit.record(
        actor=request.user,  # type: ignore[arg-type]
        action="finance.export",
        target=request.user,  # type: ignore[arg-type]
        reason=asked["reason"],
        data={"table": name, "since": str(since), "until": str(until), "currency": currency},
    )
    pages = exports.csv_pages(exports.TABLES[name], since, until, currency)
    # a server of ASGI would gather what a plain iterator gives in memory before it sends any
    content: Any = _in_threads(pages) if isinstance(request, ASGIRequest) else pages
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{since}-{until}.csv"'
    response["Cache-Control"] = "no-store"
    return response


async def _in_threads(pages: Iterator[str]) -> AsyncIterator[str]:
    while text := await sync_to_async(_next)(pages):
        yield text


def _next(pages: Iterator[str]) -> str:
    """Empty at the end; a page never is, but for the last of a table that fills its pages."""
    return next(pages, "")


def _require(request: HttpRequest) -> None:
    if not may_see(request):
        raise PermissionDenied


def _currencies() -> list[str]:
    """Of the catalogue, dollars first."""
    names = Price.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return sorted(names, key=lambda name: (name != "USD", name)) or ["USD"]


def _first_range() -> dict[str, Any]:
    today = datetime.now(UTC).date()
    return {"since": today - SHOWN_AT_FIRST, "until": today, "currency": "USD"}


def _page(request: HttpRequest, chosen: RangeForm, export_form: ExportForm, asked: dict[str, Any]) -> HttpResponse:
    since, until, currency = asked["since"], asked["until"], asked["currency"]
    revenue = finance.revenue(since, until, currency)
    plans = finance.plan_income(currency)
    context = {
        **admin.site.each_context(request),
        "title": "Finance",
        "chosen": chosen,
        "export": export_form,
        "since": since,
        "until": until,
        "currency": currency,
        "total": _shown(revenue.total, currency),
        "days": _bars(revenue.by_day, since, until, currency),
        "chart": {"width": WIDE, "height": HIGH},
        "tables": [
            ("By plan and pack", _shares(revenue.by_thing, currency)),
            ("By provider", _shares(revenue.by_provider, currency)),
        ],
        "moved": _written(finance.credits_moved(since, until)),
        "outstanding": _written(finance.credits_outstanding()),
        "plans": [(plan, money.written(plan.monthly, currency)) for plan in plans],
        "monthly": money.written(sum(plan.monthly for plan in plans), currency),
        "desk": _desk(finance.on_the_desk()),
    }
    return render(request, "admin/finance.html", context, status=400 if export_form.errors else 200)


def _shown(row: finance.Takings, currency: str) -> dict[str, Any]:
    amounts = {"amount": row.amount, "refunded": row.refunded, "disputed": row.disputed, "kept": row.kept}
    written = {name: money.written(amount, currency) for name, amount in amounts.items()}
    return {"name": row.name, "payments": row.payments, **written}


def _shares(rows: list[finance.Takings], currency: str) -> list[dict[str, Any]]:
    most = max((row.amount for row in rows), default=0) or 1
    return [{**_shown(row, currency), "share": round(100 * row.amount / most)} for row in rows]


def _bars(rows: list[finance.Takings], since: date, until: date, currency: str) -> list[dict[str, Any]]:
    """A bar for every day of the range, those without takings too: where it stands and how high, and what went back."""
    by_day = {row.name: row for row in rows}
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    most = max((row.amount for row in rows), default=0) or 1
    step = WIDE / len(days)
    bars = []
    for number, day in enumerate(days):
        row = by_day.get(day.isoformat()) or finance.Takings(day.isoformat(), 0, 0, 0, 0)
        height, lost = HIGH * row.amount / most, HIGH * (row.refunded + row.disputed) / most
        place = {"x": round(number * step, 2), "width": round(max(step - GAP, step * 0.6), 2)}
        sizes = {"y": round(HIGH - height, 2), "height": round(height, 2), "lost": round(lost, 2)}
        bars.append({**_shown(row, currency), **place, **sizes, "lost_y": round(HIGH - lost, 2)})
    return bars


def _desk(counts: dict[str, Any]) -> list[dict[str, Any]]:
    places = {
        "unmatched": ("Unmatched charges", "unmatchedcharge", "?resolved=no"),
        "webhooks_failed": ("Failed webhooks", "webhookevent", "?status__exact=failed"),
        "webhooks_old": ("Webhooks that wait for over 15 minutes", "webhookevent", "?status__exact=waiting"),
        "refunds_pending": ("Refunds on their way", "refund", "?status__exact=pending"),
        "adjustments_waiting": (
            "Adjustments that wait for a second person",
            "adjustmentrequest",
            "?status__exact=waiting",
        ),
        "payments_missing": ("Payments that went back with credits missing", "payment", "?missing=yes"),
    }
    return [
        {"title": title, "count": counts[name], "link": reverse(f"admin:billing_{model}_changelist") + query}
        for name, (title, model, query) in places.items()
    ] + [{"title": "Credits missing after refunds", "count": _written(counts)["credits_missing"], "link": ""}]


def _written(credits: dict[str, Any]) -> dict[str, str]:  # noqa: A002
    return {name: credits_string(Decimal(amount)) for name, amount in credits.items()}
