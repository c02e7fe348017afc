"""The figures, for people and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.measure import Row

US = "troupe"


def show(rows: Sequence[Row]) -> None:
    """One scenario: a line a system, its limits, and how we stand beside the others."""
    for row in rows:
        print(line(row), flush=True)
        for limit in row.limits:
            print(f"      {limit_line(limit)}")
    ours = next((row for row in rows if row.system == US), None)
    for other in (row for row in rows if row.system != US):
        if ours:
            print(f"      {against(ours, other)}")


def line(row: Row) -> str:
    cpu = ", ".join(f"{group} {ms:.3f}" for group, ms in row.cpu_ms.items())
    return (
        f"{row.title:32s} {row.system:10s} {row.rate:9,.0f} {row.unit}/s  p50 {row.p50_ms:7.2f}  "
        f"p99 {row.p99_ms:7.2f} ms  errors {row.errors}  CPU ms: {cpu}  ±{row.spread / 2:.0%}{_noise(row)}{_more(row)}"
    )


def limit_line(limit: dict[str, Any]) -> str:
    if limit["rate"] is None:
        return f"no limit: {limit['title']}"
    return f"{limit['ratio']:6.2f} of {limit['title']} ({limit['rate']:,.0f}/s)"


def against(ours: Row, other: Row) -> str:
    return (
        f"{ours.rate / other.rate:6.2f} times the rate of {other.system}, "
        f"{ours.p99_ms / other.p99_ms:.2f} times its p99, "
        f"{ours.cpu_ms['app'] / max(other.cpu_ms['app'], 1e-9):.2f} times its processor time"
    )


def save(path: Path, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    path.write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8")


def _noise(row: Row) -> str:
    return f"  (others used {row.others:.0%} of the machine)" if row.others > 0.05 else ""


def _more(row: Row) -> str:
    shown = {key: value for key, value in row.more.items() if key != "bytes" and (value or key in {"lost", "doubled"})}
    return "".join(f"  {key} {value:,.6g}" for key, value in shown.items())
