"""Many callers at once over real connections."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from billing.reconciliation import as_lines, reconcile
from chat.models import IN_PROGRESS, Variant
from tests.live import LiveSite
from tests.people import Person


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Every call in a thread of its own, all begun at the same moment; their results, an exception being one."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(30)
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


class Rest:
    """A person's program with as many connections as it likes: `rest.post("/api/…", {…})`."""

    def __init__(self, site: LiveSite, person: Person) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self.client = httpx.Client(
            base_url=site.url, headers=person.headers, timeout=60, limits=limits, trust_env=False
        )

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.client.post(path, json={} if body is None else body, headers=headers)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.client.patch(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.client.delete(path)


class Log:
    """What the site's processes wrote down since this was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.forgiven: set[str] = set()
        self.begin = path.stat().st_size if path.exists() else 0

    @property
    def text(self) -> str:
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(self.begin)
            return file.read().decode(errors="replace")

    def errors(self) -> list[str]:
        lines = [line for line in self.text.splitlines() if "[error" in line or "[critical" in line]
        return [line for line in lines if not any(part in line for part in self.forgiven)]


def books_agree() -> None:
    """What `manage.py reconcile` says."""
    report = reconcile()
    assert report.ok, "\n".join(as_lines(report))


def until_all_is_said(seconds: float = 20) -> None:
    """Until no reply is in progress."""
    deadline = time.monotonic() + seconds
    while Variant.objects.filter(status__in=IN_PROGRESS).exists():
        assert time.monotonic() < deadline, list(Variant.objects.filter(status__in=IN_PROGRESS).values())
        time.sleep(0.05)
