"""PostgreSQL refuses to run as root: who it runs as then, and where that user can go."""

import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import StackError

CANDIDATES = ("postgres", "nobody", "daemon")
# /var/lib first: systems with systemd delete what lies untouched in /var/tmp and /tmp for weeks.
HOMES = ("/var/lib", "/var/tmp", tempfile.gettempdir())  # noqa: S108


@dataclass(frozen=True)
class Account:
    """A system user that root steps down to; without an `entry` we stay who we are."""

    entry: pwd.struct_passwd | None

    @property
    def options(self) -> dict[str, Any]:
        """What subprocess needs to become this user. The working folder may be one they can't enter."""
        if self.entry is None:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}

    def can_enter(self, path: Path) -> bool:
        """Whether this user may pass through the folder (or run the program) at `path`."""
        if self.entry is None:
            return os.access(path, os.X_OK)
        test = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
        try:
            return subprocess.run(test, check=False, **self.options).returncode == 0
        except PermissionError:
            raise StackError(
                f"PostgreSQL refuses to run as root, and this root may not become the user {self.entry.pw_name}. "
                "Run as an ordinary user, or give DATABASE_URL of a PostgreSQL of your own."
            ) from None

    def own(self, path: Path) -> None:
        if self.entry is not None:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)


def account_for(data: Path) -> Account:
    """Who PostgreSQL runs as: us, or when we are root the data's owner, or else a system user."""
    if os.geteuid() != 0:
        return Account(None)
    if data.is_dir() and (owner := data.stat().st_uid) != 0:
        try:
            return Account(pwd.getpwuid(owner))
        except KeyError:
            raise StackError(f"{data} belongs to the user number {owner}, which this system doesn't know.") from None
    for name in CANDIDATES:
        try:
            return Account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise StackError(f"PostgreSQL refuses to run as root, and there is no user {' or '.join(CANDIDATES)} to run it as.")


def make_home(account: Account, *, lasting: bool) -> Path:
    """A new folder that the account can enter, outside of a project that it can't."""
    for place in HOMES if lasting else reversed(HOMES):
        if os.access(place, os.W_OK) and account.can_enter(Path(place)):
            home = Path(tempfile.mkdtemp(prefix="troupe-", dir=place))
            home.chmod(0o711)
            return home
    raise StackError(f"No folder for PostgreSQL's data: {', '.join(HOMES)} can't be used by this user.")
