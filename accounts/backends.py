"""Sign-in by address and password, for the API, the pages and the admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.services.deletion import is_restorable


class EmailBackend(ModelBackend):
    """Django's own, over a manager that finds addresses in any case of letters.

    Who left the site is known to it for as long as signing in brings them back (`accounts.services.deletion`).
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and (user.deleted_at is None or is_restorable(user))
