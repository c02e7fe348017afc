"""The forms of the page of budgets."""

import uuid
from typing import Any

from django import forms

from accounts.forms import ProblemForm
from billing.models import Budget
from common.credits import LARGEST, PLACES

Subjects = list[tuple[uuid.UUID, str]]
EVERYBODY = "organization"


class LimitForm(ProblemForm):
    limit = forms.DecimalField(
        label="Credits",
        min_value=0,
        max_value=LARGEST,
        max_digits=20,
        decimal_places=PLACES,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )


class BudgetForm(LimitForm):
    """Whom it binds is one choice: everybody, a member or a key."""

    subject = forms.ChoiceField(label="Who")
    period = forms.ChoiceField(label="How long", choices=[("month", "A month"), ("day", "A day")])

    def __init__(
        self, *args: Any, members: Subjects, keys: Subjects, everybody: str = "Everybody together", **options: Any
    ) -> None:
        super().__init__(*args, **options)
        subject: Any = self.fields["subject"]
        groups = {"Members": ("member", members), "API keys": ("key", keys)}
        subject.choices = [
            (EVERYBODY, everybody),
            *(
                (title, [(f"{scope}:{subject_id}", name) for subject_id, name in subjects])
                for title, (scope, subjects) in groups.items()
                if subjects
            ),
        ]

    def fields_for_service(self) -> dict[str, Any]:
        scope, _, subject_id = self.cleaned_data["subject"].partition(":")
        return {
            "scope": scope,
            "member_id": uuid.UUID(subject_id) if scope == Budget.Scope.MEMBER else None,
            "api_key_id": uuid.UUID(subject_id) if scope == Budget.Scope.KEY else None,
            "period": self.cleaned_data["period"],
            "limit": self.cleaned_data["limit"],
        }
