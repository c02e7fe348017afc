"""One thread of a worker: goes on where its journal ends, and does not give up on an operation before it has ended."""

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from billing.drill.journal import Journal, read_journal
from billing.drill.operations import Planner, perform
from billing.drill.worker import Order

Answer = TypeVar("Answer")
CONNECTION_CUT = {None, "57P01", "57P02", "57P03"}  # closed under us, or shut down by an administrator


def work(order: Order, thread: int) -> None:
    path = Path(order.folder) / f"{thread}.jsonl"
    planner = Planner(order.run, thread, order.seed, [uuid.UUID(one) for one in order.organizations])
    done, pending = _recall(path, planner)
    journal = Journal(path)
    for number in range(done + 1, order.operations + 1):
        if pending:
            plan, pending = pending, None
        else:
            plan, _ = until_answered(partial(planner.plan, number))
            journal.write(number=number, plan=plan)
        outcome, cuts = until_answered(partial(_perform, plan))
        journal.write(number=number, cuts=cuts, **outcome)
        planner.remember(plan)
    connection.close()


def _recall(path: Path, planner: Planner) -> tuple[int, dict[str, Any] | None]:
    """The number of the last operation that has ended, and the plan of one that has not."""
    done, plan = 0, None
    for line in read_journal(path):
        if "plan" in line:
            plan = line["plan"]
        elif plan:
            planner.remember(plan)
            done, plan = line["number"], None
    return done, plan


def until_answered(action: Callable[[], Answer]) -> tuple[Answer, int]:
    """What `action` returns once its connection lives for long enough, and how often it was cut before."""
    cuts = 0
    while True:
        try:
            return action(), cuts
        except (OperationalError, InterfaceError):
            connection.close()
            cuts += 1


def _perform(plan: dict[str, Any]) -> dict[str, Any]:
    """How the operation ended. Only a cut connection is raised; whatever else goes wrong, the books must tell of it."""
    try:
        return perform(plan)
    except Exception as error:
        if isinstance(error, (OperationalError, InterfaceError)) and _is_cut(error):
            raise
        return {"outcome": "error", "error": repr(error)}


def _is_cut(error: Exception) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in CONNECTION_CUT
