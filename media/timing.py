"""How long each step of storing a picture took, told to its sender in the standard header `Server-Timing`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Steps = dict[str, float]
_steps: ContextVar[Steps | None] = ContextVar("steps of an upload", default=None)


@contextmanager
def told() -> Iterator[Steps]:
    """Gathers what `took` and `step` say meanwhile, in seconds by name, in the order in which it is first said."""
    steps: Steps = {}
    token = _steps.set(steps)
    try:
        yield steps
    finally:
        _steps.reset(token)


def took(name: str, seconds: float) -> None:
    steps = _steps.get()
    if steps is not None:
        steps[name] = steps.get(name, 0.0) + seconds


@contextmanager
def step(name: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        took(name, time.perf_counter() - began)


def header(steps: Steps) -> str:
    """`receive;dur=3.1, decode;dur=20.4`, in milliseconds."""
    return ", ".join(f"{name};dur={1e3 * seconds:.1f}" for name, seconds in steps.items())
