"""What the time of a refusal tells: wrong passwords at addresses that have an account, and at such that have none.

One connection, one request at a time, known and unknown in turns whose order changes at random, so that a slow moment
of the machine meets both.
"""

import http.client
import json
import random
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.figures import percentile

PATH = "/api/auth/login"
WRONG = "not the right password"


@dataclass(frozen=True)
class SignInResult:
    """Medians in milliseconds; `rate` is of both together."""

    tries: int
    errors: int
    rate: float
    known_ms: float
    unknown_ms: float
    known_p99_ms: float

    @property
    def ratio(self) -> float:
        return self.known_ms / self.unknown_ms


def run(url: str, known: str, pairs: int) -> SignInResult:
    """Tries `known` and as many addresses of nobody's, `pairs` times each."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    rng = random.Random("sign-in")
    times: dict[bool, list[float]] = {True: [], False: []}
    errors, started = 0, time.perf_counter()
    for number in range(pairs):
        turns = [True, False]
        rng.shuffle(turns)
        for is_known in turns:
            email = known if is_known else f"nobody_{number}@example.com"
            seconds, status = _try(connection, email)
            times[is_known].append(seconds)
            errors += status != 401
    took = time.perf_counter() - started
    connection.close()
    return SignInResult(
        tries=2 * pairs,
        errors=errors,
        rate=2 * pairs / took,
        known_ms=1e3 * statistics.median(times[True]),
        unknown_ms=1e3 * statistics.median(times[False]),
        known_p99_ms=1e3 * percentile(sorted(times[True]), 99),
    )


def _try(connection: http.client.HTTPConnection, email: str) -> tuple[float, int]:
    body = json.dumps({"email": email, "password": WRONG})
    began = time.perf_counter()
    connection.request("POST", PATH, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return time.perf_counter() - began, answer.status
