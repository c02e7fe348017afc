"""API keys in the web app: one's own, and an organisation's."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts import selectors, services
from accounts.key_forms import SCOPES, ApiKeyForm
from accounts.models import Membership
from accounts.pages.organizations import enter_gate, user_id_of
from accounts.selectors.organizations import MANAGERS
from accounts.services.api_keys import NewApiKey
from common.errors import NotFound, Problem

# what one tries a new key with first, by the scope it has
TRIALS = {"chat": "/api/conversations", "spend": "/api/wallet"}


class OfOrganization(LoginRequiredMixin, View):
    """A base: whose keys are looked at. Without an id in the address it is one's personal organisation."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        claims = request.claims  # type: ignore[attr-defined]
        self.named: uuid.UUID | None = kwargs.get("organization_id")
        self.organization_id = self.named or (claims.organization_id if claims else None)

    def place(self) -> Membership:
        """Raises NotFound for who is no member."""
        assert self.organization_id  # who is not signed in was sent away before
        return selectors.place_of(self.organization_id, user_id_of(self.request))

    def address(self) -> str:
        return reverse("organization_api_keys", args=[self.named]) if self.named else reverse("account_api_keys")


@method_decorator(never_cache, name="dispatch")
class KeysPage(OfOrganization):
    def get(self, request: HttpRequest, **_: uuid.UUID) -> HttpResponse:
        place = self.place()
        return self.show(place, ApiKeyForm(manages=place.role in MANAGERS))

    def post(self, request: HttpRequest, **_: uuid.UUID) -> HttpResponse:
        """The answer shows the new key, this once: a page that one is sent to could not know it."""
        place = self.place()
        form = ApiKeyForm(request.POST, manages=place.role in MANAGERS)
        if not form.is_valid():
            return self.show(place, form, status=400)
        try:
            enter_gate(request)
            made = services.create_api_key(
                organization_id=place.organization_id, user_id=user_id_of(request), **form.fields_for_service()
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.show(place, form, status=problem.status)
        return self.show(place, ApiKeyForm(manages=place.role in MANAGERS), made=made, status=201)

    def show(
        self, place: Membership, form: ApiKeyForm, *, made: NewApiKey | None = None, status: int = 200
    ) -> HttpResponse:
        keys = selectors.api_keys_for(place.organization_id, place.user_id).order_by("-pk")
        context: dict[str, Any] = {
            "organization": place.organization,
            "keys": [_shown(key) for key in selectors.with_budgets(map(selectors.api_key_data, keys))],
            "form": form,
            "manages": place.role in MANAGERS,
            "user_id": place.user_id,
        }
        if made:
            context |= {"made": made, "trial": _trial(made)}
        return render(self.request, "accounts/api_keys.html", context, status=status)


def _shown(key: dict[str, Any]) -> dict[str, Any]:
    return key | {"says": [SCOPES[scope].partition(":")[0] for scope in key["scopes"]]}


def _trial(made: NewApiKey) -> str | None:
    """A command that shows that the key works."""
    path = next((TRIALS[scope] for scope in made.row.scopes if scope in TRIALS), None)
    return f'curl {settings.PUBLIC_URL}{path} -H "Authorization: Bearer {made.key}"' if path else None


class RevokeKey(OfOrganization):
    """Ends one key; the page has asked before."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, key_id: uuid.UUID, **_: uuid.UUID) -> HttpResponse:
        try:
            enter_gate(request)
            services.revoke_api_key(
                organization_id=self.place().organization_id, actor_id=user_id_of(request), key_id=key_id
            )
        except NotFound:
            raise
        except Problem as problem:
            messages.error(request, problem.detail)
        else:
            messages.success(request, "The key has ended. Whatever used it is refused from now on.")
        return redirect(self.address())
