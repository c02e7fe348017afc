"""A pytest plugin, loaded with `-p` before Django reads its settings: the environment every test runs in."""

import atexit
import os
import shutil
import tempfile
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_ENV", "test")
os.environ.setdefault("LOG_LEVEL", "WARNING")

# The files of a site under test are not those of the site that runs in this folder.
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="troupe-test-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

# Each worker of pytest-xdist has a Redis database of its own, as it has a PostgreSQL database of its own.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
if "REDIS_URL" in os.environ:
    _url = urlsplit(os.environ["REDIS_URL"])
    _database = int(_url.path.strip("/") or 0) + _worker
    os.environ["REDIS_URL"] = _url._replace(path=f"/{_database}").geturl()


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--examples", type=int, default=6, help="requests an operation of the API is tried with")
