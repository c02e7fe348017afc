"""Measures a scenario on one application, or on several in turns."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import fanout, http_load, machine
from bench.fanout import Dialect
from bench.figures import spread
from bench.limits import Limit

ROOMS, SPOKEN_A_SECOND = 10, 20.0
PAUSE_SECONDS = 1.0


@dataclass
class System:
    """A running application. `pids` tells its processes by the part that is measured: `http` or `socket`."""

    name: str
    url: str
    requests: Mapping[str, Path]
    pids: Callable[[str], list[int]]
    dialect: Dialect | None = None
    rooms: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Effort:
    """How long and how often. Warming up is not counted."""

    seconds: float
    repeats: int
    warm_up: float
    connections: int
    replies: int
    sign_ins: int
    uploads: int


@dataclass
class Repeat:
    """One repeat: `done` of the unit in `seconds`."""

    rate: float
    done: int
    p50_ms: float
    p99_ms: float
    errors: int
    cpu: dict[str, float]
    others: float
    load: float
    more: dict[str, float] = field(default_factory=dict)


@dataclass
class Row:
    """A scenario on one system: medians of its repeats, processor milliseconds for each request or delivery."""

    scenario: str
    title: str
    system: str
    unit: str
    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: dict[str, float]
    spread: float
    others: float
    load: float
    rates: list[float]
    more: dict[str, float]
    limits: list[dict[str, Any]] = field(default_factory=list)

    def hold_against(self, limits: Sequence[Limit]) -> None:
        self.limits = [{**asdict(limit), "ratio": limit.rate and self.rate / limit.rate} for limit in limits]


def http(
    name: str, title: str, systems: Sequence[System], effort: Effort, servers: Mapping[str, list[int]]
) -> list[Row]:
    """Closed loop over HTTP. Systems without this scenario are left out."""
    systems = [system for system in systems if name in system.requests]
    starts = dict.fromkeys([system.name for system in systems], 0)

    def load(system: System, seconds: float) -> http_load.HttpResult:
        result = http_load.run(
            system.url,
            system.requests[name],
            seconds=seconds,
            connections=effort.connections,
            first=starts[system.name],
        )
        starts[system.name] += result.requests  # the next goes on where this one ended
        return result

    def repeat(system: System) -> Repeat:
        with machine.CpuMeter({"app": system.pids("http"), **servers}) as meter:
            busy = machine.load()
            result = load(system, effort.seconds)
        return Repeat(
            rate=result.rate, done=result.requests, p50_ms=result.p50_ms, p99_ms=result.p99_ms, errors=result.errors,
            cpu=meter.seconds, others=meter.others, load=busy, more={"bytes": result.bytes / max(1, result.requests)},
        )  # fmt: skip

    for system in systems:
        load(system, effort.warm_up)
    return _in_turns(name, title, "requests", systems, effort.repeats, repeat)


def sockets(
    name: str, title: str, systems: Sequence[System], effort: Effort, servers: Mapping[str, list[int]], *, at_most: bool
) -> list[Row]:
    """Fan-out in rooms: at 20 messages a second and speaker, or as many as go through."""
    systems = [system for system in systems if system.dialect and system.rooms]

    def plan(seconds: float) -> fanout.Plan:
        return fanout.Plan(seconds, per_second=None if at_most else SPOKEN_A_SECOND)

    def repeat(system: System) -> Repeat:
        assert system.dialect
        with machine.CpuMeter({"app": system.pids("socket"), **servers}) as meter:
            busy = machine.load()
            result = fanout.run(system.dialect, system.rooms[:ROOMS], plan(effort.seconds))
        more = {"sent": result.sent, "lost": result.lost, "doubled": result.doubled, "max_ms": result.max_ms}
        return Repeat(
            rate=result.rate, done=result.delivered, p50_ms=result.p50_ms, p99_ms=result.p99_ms,
            errors=result.lost + result.doubled + result.closed, cpu=meter.seconds, others=meter.others, load=busy,
            more=more,
        )  # fmt: skip

    for system in systems:
        assert system.dialect
        fanout.run(system.dialect, system.rooms[:ROOMS], plan(min(2.0, effort.warm_up)))
    return _in_turns(name, title, "deliveries", systems, effort.repeats, repeat)


def summary(name: str, title: str, system: str, unit: str, repeats: Sequence[Repeat]) -> Row:
    def middle(value: Callable[[Repeat], float]) -> float:
        return statistics.median(value(repeat) for repeat in repeats)

    return Row(
        scenario=name,
        title=title,
        system=system,
        unit=unit,
        rate=middle(lambda repeat: repeat.rate),
        p50_ms=middle(lambda repeat: repeat.p50_ms),
        p99_ms=middle(lambda repeat: repeat.p99_ms),
        errors=sum(repeat.errors for repeat in repeats),
        cpu_ms={
            group: middle(lambda repeat, group=group: 1e3 * repeat.cpu[group] / max(1, repeat.done))  # type: ignore[misc]
            for group in repeats[0].cpu
            if group
        },
        spread=spread([repeat.rate for repeat in repeats]),
        others=middle(lambda repeat: repeat.others),
        load=middle(lambda repeat: repeat.load),
        rates=[round(repeat.rate, 1) for repeat in repeats],
        more={
            key: middle(lambda repeat, key=key: repeat.more[key])  # type: ignore[misc]
            for key in repeats[0].more
        },
    )


def _in_turns(
    name: str, title: str, unit: str, systems: Sequence[System], repeats: int, repeat: Callable[[System], Repeat]
) -> list[Row]:
    """The first repeat of each, then the second of each: a slow minute of the machine meets all of them."""
    done: dict[str, list[Repeat]] = {system.name: [] for system in systems}
    for _ in range(repeats):
        for system in systems:
            time.sleep(PAUSE_SECONDS)
            done[system.name].append(repeat(system))
    return [summary(name, title, system, unit, found) for system, found in done.items()]
