"""The wallet in the web app: a ledger to be read aloud."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.web_sessions import acting_organization
from billing import selectors
from billing.selectors.ledger import ledger_page
from common.errors import ValidationProblem

LISTED = 30


@require_GET
@login_required
@never_cache
def wallet(request: HttpRequest) -> HttpResponse:
    """The wallet of who pays, and its ledger; for htmx, a further page of lines alone."""
    claims, payer = request.claims, acting_organization(request)  # type: ignore[attr-defined]
    cursor = request.GET.get("cursor")
    try:
        page = ledger_page(payer, viewer_id=claims.user_id, cursor=cursor, limit=LISTED)
    except ValidationProblem as error:
        raise Http404 from error
    context = {"lines": page.items, "next": page.next}
    if cursor and request.headers.get("HX-Request"):
        return render(request, "billing/_entries.html", context)
    return render(request, "billing/wallet.html", context | {"wallet": selectors.wallet_data(payer)})
