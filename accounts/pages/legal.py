"""What people agree to. A site has texts of its own in `DATA_DIR/templates/legal/`."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    return render(request, "legal/terms.html", {"version": settings.TERMS_VERSION, **_facts()})


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "legal/privacy.html", {"version": settings.PRIVACY_VERSION, **_facts()})


def _facts() -> dict[str, int]:
    return {"deleted_kept_days": settings.DELETED_KEPT_DAYS, "export_kept_days": settings.EXPORT_KEPT_DAYS}
