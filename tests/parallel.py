"""Many at once, each with a database connection of its own."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection


@pytest.fixture
def own_connections(transactional_db: None) -> Iterator[None]:
    """Every thread has a database connection of its own, however small the pool of the site is."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    if pool := options.pop("pool", None):
        yield
        connection.close()
        options["pool"] = pool
    else:
        yield


@pytest.fixture
def at_once(own_connections: None) -> Callable[..., list[Any]]:
    """`at_once([f, g, …])`: starts all of them at the same moment; gives what each returned or raised.

    With `connections` there are only so many threads, each doing its share one after the other. A server under load
    takes its time to let go of a connection, so opening more in rounds may ask for more than it has.
    """

    def at_once(actions: list[Callable[[], Any]], connections: int | None = None) -> list[Any]:
        results: list[Any] = [None] * len(actions)
        threads_wanted = connections or len(actions)
        barrier = threading.Barrier(threads_wanted)

        def attempt(action: Callable[[], Any]) -> Any:
            try:
                return action()
            except Exception as error:  # the test looks at it
                return error

        def begin() -> None:
            connection.ensure_connection()
            barrier.wait(30)

        def act(number: int) -> None:
            failure = attempt(begin)
            for index in range(number, len(actions), threads_wanted):
                results[index] = failure or attempt(actions[index])
            connection.close()

        threads = [threading.Thread(target=act, args=(number,)) for number in range(threads_wanted)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return at_once
