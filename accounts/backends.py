"""Sign-in by address and password, for the API, the pages and the admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend


class EmailBackend(ModelBackend):
    """Django's own, over a manager that finds addresses in any case of letters; deleted people are unknown to it."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.deleted_at is None
