"""`python -m bench`: measures the production processes. `python -m bench compare FILE…`: beside other applications."""

import argparse
import sys
from pathlib import Path

from bench.measure import Effort
from bench.run import SCENARIOS, Options, run
from stack import ROOT


def main() -> int:
    options = parse(sys.argv[1:])
    return run(options)


def parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=_scenario_list(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("compare", nargs="*", metavar="compare FILE", help="`compare`, then files that describe others")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="these scenarios")
    parser.add_argument("--quick", action="store_true", help="one short repeat: does it work, not how fast is it")
    parser.add_argument("--no-limits", action="store_true", help="don't measure what the machine could do at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--seconds", type=float, default=5.0, help="a repeat's length (5)")
    parser.add_argument("--repeats", type=int, default=3, help="how many (3); medians are shown")
    parser.add_argument("--connections", type=int, default=32, help="HTTP connections (32)")
    parser.add_argument("--port", type=int, default=19000, help="the first of the five ports used (19000)")
    parser.add_argument("--procfile", type=Path, default=ROOT / "Procfile", help="other commands than the Procfile's")
    found = parser.parse_args(arguments)
    if found.compare and (found.compare[0] != "compare" or len(found.compare) < 2):
        parser.error("give `compare` and at least one file, or nothing")
    only = [name for name in found.only.split(",") if name]
    if unknown := set(only) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    quick = found.quick
    effort = Effort(
        seconds=1.0 if quick else found.seconds,
        repeats=1 if quick else found.repeats,
        warm_up=1.0 if quick else 3.0,
        connections=found.connections,
        replies=100 if quick else 600,
        sign_ins=20 if quick else 250,
        uploads=6 if quick else 40,
    )
    return Options(
        scenarios=[name for name in SCENARIOS if not only or name in only],
        effort=effort,
        limits=not found.no_limits,
        json=found.json,
        port=found.port,
        procfile=found.procfile,
        others=[Path(name) for name in found.compare[1:]],
    )


def _scenario_list() -> str:
    return "scenarios:\n" + "\n".join(f"  {name:14s} {title}" for name, title in SCENARIOS.items())


if __name__ == "__main__":
    sys.exit(main())
