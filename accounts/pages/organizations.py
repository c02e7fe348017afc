"""Teams in the web app: one's own, one of them with everything that is done there, and who pays."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View

from accounts import selectors, services
from accounts.models import Membership
from accounts.pages.entrance import safe_next
from accounts.selectors import organizations as reads
from accounts.selectors.invitations import invitation_data, invitations_of
from accounts.team_forms import DeleteTeamForm, HeirForm, InvitationForm, RoleForm, TeamForm
from accounts.web_sessions import act_for, acting_organization
from common.errors import NotFound, Problem
from common.ratelimits import Gate

LISTED, MEMBERS_LISTED, HEIRS_LISTED = 100, 50, 500
Role = Membership.Role


def user_id_of(request: HttpRequest) -> uuid.UUID:
    user_id: uuid.UUID = request.claims.user_id  # type: ignore[attr-defined]
    return user_id


def enter_gate(request: HttpRequest, *, mails: bool = False) -> None:
    """Raises RateLimited."""
    who = str(user_id_of(request))
    Gate(who=who, preset="api", write=True, windows=[("gql:auth", f"{who}:invitations")] if mails else ()).enter()


# --- all of them, and who pays ----------------------------------------------------------------------------------------


@require_GET
@login_required
@never_cache
def organizations(request: HttpRequest) -> HttpResponse:
    """Where one belongs, one's open invitations, and who pays."""
    user_id = user_id_of(request)
    places = reads.memberships_of(user_id).order_by("-personal", "-pk")[:LISTED]
    context = {
        "organizations": selectors.with_totals([reads.organization_data(place) for place in places]),
        "invitations": selectors.invitations_to(user_id),
        "acting": acting_organization(request),
    }
    return render(request, "accounts/organizations.html", context)


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """From now on another organisation pays."""
    try:
        organization_id = uuid.UUID(request.POST.get("organization", ""))
    except ValueError as error:
        raise Http404 from error
    act_for(request, organization_id)
    return redirect(safe_next(request) or "organizations")


@method_decorator(never_cache, name="dispatch")
class NewTeamPage(LoginRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(TeamForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TeamForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            enter_gate(request)
            team = services.create_team(user_id=user_id_of(request), name=form.cleaned_data["name"])
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status)
        messages.success(request, f"“{team.name}” is there. Invite the others.")
        return redirect("organization", team.pk)

    def show(self, form: TeamForm, status: int = 200) -> HttpResponse:
        return render(self.request, "accounts/organization_new.html", {"form": form}, status=status)


# --- one of them ------------------------------------------------------------------------------------------------------


@require_GET
@login_required
@never_cache
def organization(request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
    return show_organization(request, organization_id)


def show_organization(
    request: HttpRequest,
    organization_id: uuid.UUID,
    *,
    rename_form: TeamForm | None = None,
    invitation_form: InvitationForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of one organisation, with a form that was refused. Raises NotFound for who is no member."""
    place = selectors.place_of(organization_id, user_id_of(request))
    manages = place.role in reads.MANAGERS
    members = Paginator(reads.members_of(organization_id).order_by("pk"), MEMBERS_LISTED)
    page = members.get_page(request.GET.get("page"))
    (data,) = selectors.with_totals([reads.organization_data(place)])
    context: dict[str, Any] = {
        "organization": data,
        "members": [_member(member, place) for member in page],
        "page": page,
        "manages": manages,
        "owns": place.role == Role.OWNER,
        "acting": acting_organization(request),
        "rename_form": rename_form or TeamForm({"name": data["name"]}),
    }
    if context["owns"] and not place.personal:
        context["heirs"] = reads.members_of(organization_id).exclude(pk=place.pk).order_by("pk")[:HEIRS_LISTED]
    if manages and not place.personal:
        context["invitation_form"] = invitation_form or InvitationForm()
        context["invitations"] = [invitation_data(row) for row in invitations_of(organization_id).order_by("-pk")]
    return render(request, "accounts/organization.html", context, status=status)


def _member(member: Membership, viewer: Membership) -> dict[str, Any]:
    """A member with what the viewer may do with them."""
    manages = viewer.role in reads.MANAGERS and not viewer.personal
    may_change = manages and (viewer.role == Role.OWNER or member.role != Role.OWNER)
    roles = Role.choices if viewer.role == Role.OWNER else [choice for choice in Role.choices if choice[0] != "owner"]
    return reads.member_data(member, with_email=viewer.role in reads.MANAGERS) | {
        "name": member.user.display_name or member.user.username,
        "own": member.user_id == viewer.user_id,
        "role_name": member.get_role_display(),
        "roles": roles if may_change else [],
        "removable": may_change and member.user_id != viewer.user_id,
    }


class TeamAction(View):
    """One button of a team's page: does it and goes back there, with a note of what was done or why it was not."""

    http_method_names = ["post"]
    mails = False

    def dispatch(self, request: HttpRequest, *args: Any, **ids: uuid.UUID) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(self.address)
        return super().dispatch(request, *args, **ids)  # type: ignore[return-value]

    @property
    def organization_id(self) -> uuid.UUID:
        organization_id: uuid.UUID = self.kwargs["organization_id"]
        return organization_id

    @property
    def address(self) -> str:
        return reverse("organization", args=[self.organization_id])

    @property
    def who(self) -> dict[str, uuid.UUID]:
        """What every service is told of who acts where."""
        return {"organization_id": self.organization_id, "actor_id": user_id_of(self.request)}

    def post(self, request: HttpRequest, **_: uuid.UUID) -> HttpResponse:
        try:
            enter_gate(request, mails=self.mails)
            return self.act(request)
        except NotFound:
            raise
        except Problem as problem:
            return self.refuse(problem)

    def act(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedError

    def done(self, words: str) -> HttpResponse:
        messages.success(self.request, words)
        return redirect(self.address)

    def refuse(self, problem: Problem) -> HttpResponse:
        said = [message for field in (problem.errors or {}).values() for message in field]
        messages.error(self.request, " ".join(said) or problem.detail)
        return redirect(self.address)


class Rename(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        form = TeamForm(request.POST)
        if not form.is_valid():
            return show_organization(request, self.organization_id, rename_form=form, status=400)
        services.rename_organization(**self.who, name=form.cleaned_data["name"])
        return self.done("It has a new name.")


class Invite(TeamAction):
    mails = True

    def act(self, request: HttpRequest) -> HttpResponse:
        form = InvitationForm(request.POST)
        if not form.is_valid():
            return show_organization(request, self.organization_id, invitation_form=form, status=400)
        try:
            asked = form.cleaned_data
            services.invite(**self.who, email=asked["email"], role=asked["role"])
        except NotFound:
            raise
        except Problem as problem:
            form.add_problem(problem)
            return show_organization(request, self.organization_id, invitation_form=form, status=problem.status)
        return self.done(f"An invitation is on its way to {form.cleaned_data['email']}.")


class Resend(TeamAction):
    mails = True

    def act(self, request: HttpRequest) -> HttpResponse:
        invitation = services.resend_invitation(**self.who, invitation_id=self.kwargs["invitation_id"])
        return self.done(f"The invitation is on its way to {invitation.email} once more.")


class Revoke(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        services.revoke_invitation(**self.who, invitation_id=self.kwargs["invitation_id"])
        return self.done("The invitation was taken back. Its link no longer works.")


class ChangeRole(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        form = RoleForm(request.POST)
        if not form.is_valid():
            raise Http404
        member = services.change_role(
            **self.who, membership_id=self.kwargs["member_id"], role=form.cleaned_data["role"]
        )
        name = member.user.display_name or member.user.username
        return self.done(f"{name} is {ROLE_WORDS[member.role]} now.")


ROLE_WORDS: dict[str, str] = {Role.OWNER: "an owner", Role.ADMIN: "an admin", Role.MEMBER: "a member"}


class Remove(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        services.remove_member(**self.who, membership_id=self.kwargs["member_id"])
        return self.done("They no longer belong to the team, and their keys to it have ended.")


class Transfer(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        form = HeirForm(request.POST)
        selectors.place_of(self.organization_id, user_id_of(request))
        if not form.is_valid():
            messages.error(request, "Choose who takes over.")
            return redirect(self.address)
        services.transfer_team(**self.who, user_id=form.cleaned_data["user"])
        return self.done("It is in other hands now. You are an admin.")


class Leave(TeamAction):
    def act(self, request: HttpRequest) -> HttpResponse:
        services.leave_team(organization_id=self.organization_id, user_id=user_id_of(request))
        messages.success(request, "You have left the team.")
        return redirect("organizations")


@method_decorator(never_cache, name="dispatch")
class DeletePage(LoginRequiredMixin, View):
    """Asks for the team's name before it goes for good. Only owners come here."""

    def dispatch(self, request: HttpRequest, *args: Any, **ids: uuid.UUID) -> HttpResponse:
        if request.user.is_authenticated:
            place = selectors.place_of(ids["organization_id"], user_id_of(request))
            if place.role != Role.OWNER or place.personal:
                raise NotFound
            self.team = place.organization
        return super().dispatch(request, *args, **ids)  # type: ignore[return-value]

    def get(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        return self.show(DeleteTeamForm(team=self.team))

    def post(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        form = DeleteTeamForm(request.POST, team=self.team)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            enter_gate(request)
            services.delete_team(organization_id=organization_id, actor_id=user_id_of(request))
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status)
        messages.success(request, f"“{self.team.name}” is no more.")
        return redirect("organizations")

    def show(self, form: DeleteTeamForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "team": self.team}
        return render(self.request, "accounts/organization_delete.html", context, status=status)
