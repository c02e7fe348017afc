"""The forms of a team's pages."""

from django import forms

from accounts.forms import ProblemForm
from accounts.models import Membership, Organization
from accounts.services import MAX_ORGANIZATION_NAME

Role = Membership.Role
INVITED_AS = [(Role.MEMBER.value, "Member"), (Role.ADMIN.value, "Admin")]


class TeamForm(ProblemForm):
    name = forms.CharField(max_length=MAX_ORGANIZATION_NAME, widget=forms.TextInput({"autocomplete": "organization"}))


class InvitationForm(ProblemForm):
    email = forms.EmailField(
        max_length=254, widget=forms.EmailInput({"autocomplete": "off", "placeholder": "name@example.org"})
    )
    role = forms.ChoiceField(choices=INVITED_AS, initial=Role.MEMBER.value)


class RoleForm(ProblemForm):
    role = forms.ChoiceField(choices=Role.choices)


class HeirForm(ProblemForm):
    """Which member becomes the owner."""

    user = forms.UUIDField()


class DeleteTeamForm(ProblemForm):
    """The team's name, typed once more."""

    name = forms.CharField(max_length=200, widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args: object, team: Organization, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.team = team
        self.fields["name"].label = f"Type “{team.name}” to go on"

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.team.name.strip():
            raise forms.ValidationError("This is not the team's name.")
        return self.cleaned_data["name"]
