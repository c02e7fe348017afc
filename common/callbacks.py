"""How a lower floor causes something on a higher one: the higher registers a function, the lower calls them all."""

from collections.abc import Callable
from typing import Any


class Callbacks:
    """Functions registered at the start (`AppConfig.ready`), called in that order, in the caller's transaction."""

    def __init__(self) -> None:
        self._functions: list[Callable[..., Any]] = []

    def add(self, function: Callable[..., Any]) -> None:
        if function not in self._functions:
            self._functions.append(function)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """The first error ends it, and undoes the caller's work."""
        for function in self._functions:
            function(*args, **kwargs)
