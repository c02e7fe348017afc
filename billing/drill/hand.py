"""One thread of a worker: goes on where its journal ends, and does not give up on an operation before it has ended."""

from collections.abc import Callable
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
    planner = Planner(order.run, thread, order.seed, order.organizations)
    done, pending = _recall(path, planner)
    journal = Journal(path)
    for number in range(done + 1, order.operations + 1):
        plan, pending = pending, None
        if plan is None:
            plan, _ = until_answered(lambda number=number: planner.plan(number))  # type: ignore[misc]
            journal.write(number=number, plan=plan)
        outcome, cuts = until_answered(lambda plan=plan: _perform(plan))  # type: ignore[misc]
        journal.write(number=number, cuts=cuts, **outcome)
        planner.remember(plan)
    connection.close()


def _recall(path: Path, planner: Planner) -> tuple[int, dict[str, Any] | None]:
    """The number of the last operation that has ended, and the plan of one that has not."""
    done, plan = 0, None
    for line in read_journal(path):
        if "plan" in line:
            plan = line["plan"]
        else:
            planner.remember(plan or {})
            done, plan = line["number"], None
    return done, plan


def until_answered(action: Callable[[], Answer]) -> tuple[Answer, int]:
    """What `action` returns once its connection lives for long enough, and how often it was cut before."""
    cuts = 0
    while True:
        try:
            return action(), cuts
        except (OperationalError, InterfaceError) as error:
            if getattr(error.__cause__, "sqlstate", None) not in CONNECTION_CUT:
                raise
            connection.close()
            cuts += 1


def _perform(plan: dict[str, Any]) -> dict[str, Any]:
    try:
        return perform(plan)
    except (OperationalError, InterfaceError) as error:
        if getattr(error.__cause__, "sqlstate", None) in CONNECTION_CUT:
            raise
        return {"outcome": "error", "error": repr(error)}
    except Exception as error:  # noqa: BLE001  # whatever it is, the books must tell of it
        return {"outcome": "error", "error": repr(error)}
