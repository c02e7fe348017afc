"""Django's own session store, which asks Redis and the database only for keys that Django could have made.

A cookie, or a header of the headless API, may hold anything, a NUL byte included, which PostgreSQL refuses.
"""

import re

from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore

KEY_SHAPE = re.compile(r"[a-z0-9]{32}")


class SessionStore(CachedStore):
    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and KEY_SHAPE.fullmatch(key) is not None

    def exists(self, session_key: str) -> bool:
        return self._validate_session_key(session_key) and super().exists(session_key)
