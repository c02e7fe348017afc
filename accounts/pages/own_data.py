"""`/account/data`: a copy of one's data, what one agreed to, and leaving."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View

from accounts import services
from accounts.downloads import send_export
from accounts.forms import ProblemForm
from accounts.models import Consent, DataExport, User
from accounts.pages.recent import recently_proven
from accounts.registry import export_parts
from accounts.selectors import own_data
from accounts.services import consents, deletion, exports
from common.errors import Conflict, Problem, RateLimited
from common.keys import unseal

SALT = "accounts.goodbye"
Status = DataExport.Status


def me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@require_GET
@login_required
@never_cache
def data_page(request: HttpRequest) -> HttpResponse:
    answers = {row["purpose"]: row for row in own_data.consents_of(me(request).pk)}
    context = {
        **_export_context(request),
        "parts": sorted(part.says for part in export_parts().values() if part.says),
        "terms": answers.get(Consent.Purpose.TERMS),
        "privacy": answers.get(Consent.Purpose.PRIVACY),
        "marketing": answers.get(Consent.Purpose.MARKETING),
        "kept_days": settings.DELETED_KEPT_DAYS,
    }
    return render(request, "accounts/data.html", context)


def _export_context(request: HttpRequest) -> dict[str, Any]:
    export = own_data.newest_export(me(request).pk)
    return {"export": export, "export_path": own_data.export_path(export) if export else ""}


@require_GET
@login_required
@never_cache
def export_state(request: HttpRequest) -> HttpResponse:
    """For htmx: how far the copy is. It asks again by itself until there is nothing more to wait for."""
    return render(request, "accounts/_export.html", _export_context(request))


@require_POST
@login_required
def ask_for_export(request: HttpRequest) -> HttpResponse:
    try:
        exports.request_export(user_id=me(request).pk)
    except RateLimited as problem:
        messages.error(request, problem.detail)
    return redirect("account_data")


@require_GET
@login_required
@never_cache
def fetch_export(request: HttpRequest) -> HttpResponseBase:
    """The link of the mail. It is one person's, and another who is signed in here is told there is nothing."""
    export_id = unseal(own_data.EXPORT_PURPOSE, request.GET.get("key", ""))
    export = DataExport.objects.filter(pk=export_id, user_id=me(request).pk).first() if export_id else None
    if export is None:
        raise Http404
    if export.status != Status.READY:
        messages.info(request, "That copy is no longer kept. You can have a new one made.")
        return redirect("account_data")
    return send_export(export, request.headers.get("Range"))


@require_POST
@login_required
def answer_marketing(request: HttpRequest) -> HttpResponse:
    given = request.POST.get("marketing") == "on"
    purpose = Consent.Purpose.MARKETING
    version = consents.present_version(purpose)
    consents.give_consent(user_id=me(request).pk, purpose=purpose, version=version, given=given)
    messages.success(request, "You will hear from us now and then." if given else "We will send you no news.")
    return redirect("account_data")


class GoodbyeForm(ProblemForm):
    """The username, typed, so that nobody leaves by a slip."""

    username = forms.CharField(
        max_length=64,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["username"].label = f"Type your username, {person.username}, to go on"

    def clean_username(self) -> str:
        name = self.cleaned_data["username"].strip().lower().removeprefix("@")
        if name != self.person.username:
            raise forms.ValidationError(f"That is not your username. It is {self.person.username}.")
        return name


@method_decorator([never_cache, recently_proven], name="dispatch")
class DeletionPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(GoodbyeForm(person=me(request)), conflict=_what_keeps(me(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = GoodbyeForm(request.POST, person=me(request))
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            user = services.delete_account(user_id=me(request).pk, actor=me(request))
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=400, conflict=problem if isinstance(problem, Conflict) else None)
        until = deletion.restorable_until(user)
        assert until
        logout(request)
        return HttpResponseRedirect(f"{reverse('goodbye')}?until={signing.dumps(until.isoformat(), salt=SALT)}")

    def show(self, form: GoodbyeForm, *, status: int = 200, conflict: Problem | None = None) -> HttpResponse:
        context = {
            "form": form,
            "until": timezone.now() + deletion.kept_for(),
            "kept_days": settings.DELETED_KEPT_DAYS,
            "teams": conflict.extra.get("organizations", []) if conflict else [],
            "conflict": conflict,
        }
        return render(self.request, "accounts/delete.html", context, status=status)


def _what_keeps(user: User) -> Conflict | None:
    """Why this person can't leave just now."""
    try:
        services.check_can_leave_all(user=user)
    except Conflict as problem:
        return problem
    return None


@require_GET
@never_cache
def goodbye(request: HttpRequest) -> HttpResponse:
    """The page after leaving: until when one can come back. Without our signed date it says so in general."""
    try:
        until = datetime.fromisoformat(signing.loads(request.GET.get("until", ""), salt=SALT))
    except (signing.BadSignature, ValueError):
        until = None
    return render(request, "accounts/goodbye.html", {"until": until, "kept_days": settings.DELETED_KEPT_DAYS})
