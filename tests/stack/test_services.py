import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from stack import ROOT
from stack.ports import LOOPBACK
from stack.postgres import Postgres
from stack.services import Services, throwaway


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def services(folder: Path) -> Iterator[Services]:
    services = Services(folder)
    services.start()
    yield services
    services.stop()
    assert services.postgres is not None
    services.postgres.remove()


def test_both_servers_answer_and_know_their_passwords(services: Services) -> None:
    with psycopg.connect(services.database_url) as connection:
        assert connection.execute("SHOW server_version_num").fetchone()[0].startswith("18")
        assert connection.execute("SELECT lower('É'), current_database()").fetchone() == ("é", "troupe")
    assert redis.from_url(services.redis_url).ping()


def test_nobody_gets_in_without_the_password(services: Services) -> None:
    assert services.postgres is not None
    assert services.redis is not None
    stranger = services.database_url.replace(services.postgres.password, "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=services.redis.port).ping()


def test_committed_data_survives_kill_9_of_everything(services: Services, folder: Path) -> None:
    assert services.postgres is not None
    assert services.redis is not None
    with psycopg.connect(services.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    redis.from_url(services.redis_url).set("kept", "42")
    while b"kept" not in (services.redis.data / "appendonly.aof").read_bytes():
        time.sleep(0.05)
    for server in services.servers.values():
        os.kill(server._server_pid() or 0, signal.SIGKILL)
    assert services.postgres._pid_file.exists(), "the stale pid file is what this is about"

    again = Services(folder)
    again.start()
    try:
        with psycopg.connect(again.database_url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (42,)
        assert redis.from_url(again.redis_url).get("kept") == b"42"
        assert again.environ == services.environ, "ports and passwords stay"
    finally:
        again.stop()
    services.start()


def test_servers_that_an_earlier_run_left_running_are_replaced(services: Services, folder: Path) -> None:
    pids = [server._server_pid() for server in services.servers.values()]
    again = Services(folder)
    again.start()
    try:
        assert again.dead() == []
        assert set(pids).isdisjoint(server._server_pid() for server in again.servers.values())
    finally:
        again.stop()
    services.start()


def test_a_pid_file_that_names_another_program_is_no_obstacle(services: Services) -> None:
    assert services.postgres is not None
    services.stop()
    pid_file = services.postgres._pid_file
    pid_file.write_text(f"{os.getpid()}\n{services.postgres.data}\n1\n")
    services.start()
    assert services.dead() == []


def test_a_taken_port_is_exchanged_for_a_free_one(services: Services) -> None:
    assert services.redis is not None
    port = services.redis.port
    services.redis.stop()
    with socket.create_server((LOOPBACK, port)):
        services.redis.start()
    assert services.redis.port != port
    assert redis.from_url(services.redis_url).ping()


def test_redis_comes_back_on_its_port_with_its_data(services: Services) -> None:
    redis.from_url(services.redis_url).set("stays", "here")
    url = services.redis_url
    services.restart_redis()
    assert services.redis_url == url
    assert redis.from_url(url).get("stays") == b"here"


def test_dead_servers_are_named(services: Services) -> None:
    assert services.redis is not None
    services.redis.stop()
    assert services.dead() == ["Redis"]
    services.redis.start()
    assert services.dead() == []


def test_throwaway_servers_leave_nothing_behind() -> None:
    with throwaway(pg_settings={"max_connections": "20"}) as services:
        assert services.postgres is not None
        folder = services.postgres.directory
        with psycopg.connect(services.database_url) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("20",)
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert (services.pg_bin / "pgbench").exists()
        assert (services.redis_bin / "redis-cli").exists()
    assert services.dead() == ["PostgreSQL", "Redis"]
    assert not folder.exists()


def test_throwaway_servers_of_a_killed_owner_are_swept_up() -> None:
    script = (
        "import time; from stack.services import throwaway\n"
        "with throwaway() as s: print(s.postgres.directory, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        owner.kill()
    left = Services(folder, durable=False)
    assert left.dead() == []
    os.utime(folder, (0, 0))
    with throwaway():
        assert left.dead() == ["PostgreSQL", "Redis"]
        assert not folder.exists()


def test_a_folder_that_postgres_cannot_enter_gets_a_home_elsewhere(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root steps down to another user")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    postgres = Postgres(closed, durable=False)
    postgres.start()
    try:
        assert postgres.moved
        assert Postgres(closed, durable=False).home == postgres.home
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop()
        postgres.remove()
    assert not postgres.home.exists()
