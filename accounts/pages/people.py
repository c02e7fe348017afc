"""One's own profile and preferences, and other people."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View

from accounts import names, registry, selectors, services
from accounts.forms import ProblemForm
from accounts.models import Favourite, User
from accounts.pages.entrance import safe_next
from accounts.people_forms import PreferencesForm, ProfileForm
from accounts.preferences import preferences_of
from accounts.web_sessions import remember_surroundings
from common.errors import NotFound, Problem
from common.ratelimits import Gate

ON_A_PAGE = 100


def me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def enter_gate(request: HttpRequest) -> None:
    """Raises RateLimited."""
    Gate(who=str(request.user.pk), preset="api", write=True).enter()


@method_decorator(never_cache, name="dispatch")
class OwnPage(LoginRequiredMixin, View):
    """A form about oneself. A subclass says which, and what is done with it."""

    form_class: type[ProblemForm]
    template: str
    done: str

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class(initial=self.initial(me(request))))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST, initial=self.initial(me(request)))
        if form.is_valid():
            try:
                enter_gate(request)
                self.save(form.cleaned_data)
                messages.success(request, self.done)
                return redirect(request.path)
            except Problem as problem:
                form.add_problem(problem)
        return self.show(form, status=422)

    def initial(self, user: User) -> dict[str, Any]:
        raise NotImplementedError

    def save(self, fields: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def show(self, form: ProblemForm, status: int = 200) -> HttpResponse:
        return render(self.request, self.template, {"form": form, "person": me(self.request)}, status=status)


class ProfilePage(OwnPage):
    form_class = ProfileForm
    template = "accounts/profile.html"
    done = "Your profile is saved."

    def initial(self, user: User) -> dict[str, Any]:
        return {name: getattr(user, name) for name in ProfileForm.base_fields}

    def save(self, fields: Mapping[str, Any]) -> None:
        user = services.update_profile(user_id=me(self.request).pk, changes=fields)
        remember_surroundings(self.request, user)


class PreferencesPage(OwnPage):
    form_class = PreferencesForm
    template = "accounts/preferences.html"
    done = "Your preferences are saved."

    def initial(self, user: User) -> dict[str, Any]:
        return preferences_of(user)

    def save(self, fields: Mapping[str, Any]) -> None:
        services.update_preferences(user_id=me(self.request).pk, changes=fields)


@require_GET
@login_required
@never_cache
def people(request: HttpRequest) -> HttpResponse:
    """Whom I have blocked, and what I want to find again: the newest of each."""
    user_id = me(request).pk
    blocks = selectors.blocks_of(user_id).order_by("-pk")[:ON_A_PAGE]
    favourites = Favourite.objects.filter(user_id=user_id).order_by("-pk")[:ON_A_PAGE]
    context = {
        "blocks": [selectors.block_data(row) for row in blocks],
        "favourites": selectors.favourites_data(favourites, user_id),
        "shown_at_most": ON_A_PAGE,
    }
    return render(request, "accounts/people.html", context)


@require_GET
def person(request: HttpRequest, username: str) -> HttpResponse:
    """Somebody as others see them. Who has blocked them finds the way to undo it here, and nothing else."""
    viewer_id = request.user.pk
    try:
        found = selectors.get_person(viewer_id=viewer_id, username=username)
    except NotFound:
        if viewer_id is None or not names.SHAPE.fullmatch(username.lower()):
            raise
        blocked = selectors.blocks_of(viewer_id).filter(blocked__username=username.lower()).first()
        if not blocked:
            raise
        return render(request, "accounts/person_blocked.html", {"blocked": selectors.block_data(blocked)})
    context = {
        "person": found,
        "profile": selectors.profile_data(found, viewer_id),
        "is_me": viewer_id == found.pk,
        "is_favourite": viewer_id is not None and selectors.is_favourite(viewer_id, "user", found.pk),
        **registry.profile_page_parts(found.pk, viewer_id),
    }
    return render(request, "accounts/person.html", context)


@require_POST
@login_required
def block(request: HttpRequest, username: str) -> HttpResponse:
    """Blocks somebody, or ends that, as `blocked` says."""
    enter_gate(request)
    is_name = names.SHAPE.fullmatch(username.lower())
    other = is_name and User.objects.filter(username=username.lower(), deleted_at=None, is_active=True).first()
    if not other:
        raise NotFound
    name = other.display_name or other.username
    if request.POST.get("blocked") == "0":
        services.unblock(user_id=me(request).pk, blocked_id=other.pk)
        messages.success(request, f"{name} is no longer blocked.")
    else:
        services.block(user_id=me(request).pk, blocked_id=other.pk)
        messages.success(request, f"{name} is blocked. You won't hear of each other.")
    return HttpResponseRedirect(safe_next(request) or reverse("person", args=[other.username]))


@require_POST
def favourite(request: HttpRequest, target_type: str, target_id: uuid.UUID) -> HttpResponse:
    """Keeps it or takes it off, as `kept` says; answers htmx with the button, a plain form with where it came from."""
    by_htmx, back = request.headers.get("HX-Request"), safe_next(request) or reverse("account_people")
    if not request.user.is_authenticated:
        door = f"{reverse('sign_in')}?{urlencode({'next': back})}"
        return HttpResponse(status=204, headers={"HX-Redirect": door}) if by_htmx else redirect(door)
    enter_gate(request)
    if target_type not in registry.favourite_kinds():
        raise NotFound
    kept = request.POST.get("kept") != "0"
    change: Any = services.add_favourite if kept else services.remove_favourite
    change(user_id=me(request).pk, target_type=target_type, target_id=target_id)
    if not by_htmx:
        return HttpResponseRedirect(back)
    context = {"kind": target_type, "id": target_id, "kept": kept, "back": back}
    return render(request, "_components/favourite.html", context)
