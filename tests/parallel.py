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
    """`at_once([f, g, …])`: starts all of them at the same moment; gives what each returned or raised."""

    def at_once(actions: list[Callable[[], Any]]) -> list[Any]:
        results: list[Any] = [None] * len(actions)
        barrier = threading.Barrier(len(actions))

        def act(index: int) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(30)
                results[index] = actions[index]()
            except Exception as error:  # the test looks at it
                results[index] = error
            finally:
                connection.close()

        threads = [threading.Thread(target=act, args=(index,)) for index in range(len(actions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return at_once
