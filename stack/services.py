"""PostgreSQL and Redis together, for a run, for tests and for benchmarks.

`with throwaway() as services: subprocess.run(command, env=os.environ | services.environ)`
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from stack.locks import HeldError, hold
from stack.postgres import Postgres
from stack.redis_server import Redis

PREFIX = "troupe-throwaway-"
YOUNG = 60


@contextmanager
def throwaway(pg_settings: dict[str, str] | None = None) -> Iterator["Services"]:
    """Services in a temporary folder that is gone afterwards, and so are those whose owner was killed earlier."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o711)  # PostgreSQL's user has to pass through it when we are root
    try:
        with hold(folder / "lock"), Services(folder, durable=False, pg_settings=pg_settings) as services:
            yield services
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid != os.getuid() or time.time() - folder.stat().st_mtime < YOUNG:
                continue
            with hold(folder / "lock"):
                Services(folder, durable=False).stop()
        except (HeldError, OSError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


class Services:
    """A PostgreSQL with an empty database and a Redis, both on loopback ports of their own and with passwords.

    What is `durable` survives crashes and the next start finds it again in `directory`;
    what isn't is fast and is deleted when it stops. `database=False` or `redis=False` leaves that one out.
    Raises StackError when one of them doesn't start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        pg_settings: dict[str, str] | None = None,
        database: bool = True,
        redis: bool = True,
    ) -> None:
        self.durable = durable
        self.postgres = Postgres(directory, durable=durable, settings=pg_settings) if database else None
        self.redis = Redis(directory, durable=durable) if redis else None

    @property
    def servers(self) -> dict[str, Postgres | Redis]:
        return {k: v for k, v in {"PostgreSQL": self.postgres, "Redis": self.redis}.items() if v is not None}

    @property
    def environ(self) -> dict[str, str]:
        """DATABASE_URL and REDIS_URL of those that are ours."""
        named = {"DATABASE_URL": self.postgres, "REDIS_URL": self.redis}
        return {name: server.url for name, server in named.items() if server is not None}

    @property
    def database_url(self) -> str:
        return self.environ["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self.environ["REDIS_URL"]

    @property
    def pg_bin(self) -> Path:
        """The folder of psql, pgbench and the rest."""
        assert self.postgres is not None
        return self.postgres.bin

    @property
    def redis_bin(self) -> Path:
        """The folder of redis-server and redis-cli."""
        assert self.redis is not None
        return self.redis.bin

    def start(self) -> None:
        try:
            self._at_once("start")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._at_once("stop")
        if not self.durable:
            if self.postgres is not None:
                self.postgres.remove()
            if self.redis is not None:
                shutil.rmtree(self.redis.data, ignore_errors=True)

    def restart_redis(self) -> None:
        """Stops Redis and starts it again on the same port; a throwaway one comes back empty."""
        assert self.redis is not None
        self.redis.stop()
        self.redis.start()

    def dead(self) -> list[str]:
        """The names of the servers that don't run any more."""
        return [name for name, server in self.servers.items() if not server.alive()]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _at_once(self, action: str) -> None:
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(getattr(server, action)) for server in self.servers.values()]:
                done.result()
