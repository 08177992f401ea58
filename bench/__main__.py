"""`python -m bench [OPERATION...]`: a table on stdout, or with --json all that was measured."""

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from fnmatch import fnmatch

from bench.operation import Operation
from bench.operations import known
from bench.rounds import Figures, Yard


def main(argv: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help="names, or patterns as in smtp-*")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the names, measure nothing")
    chosen = parser.parse_args(argv)
    operations = [one for one in known() if _is_wanted(one.name, chosen.operations)]
    if chosen.list:
        print("\n".join(f"{one.name:20} {one.words}" for one in operations))
        return 0
    if not operations:
        parser.error("there is no such operation; --list tells their names")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and the servers are stopped
    return _run(operations, chosen.json)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch(name, pattern) for pattern in patterns)


def _run(operations: Sequence[Operation], as_json: bool) -> int:
    everything: list[Figures] = []
    with Yard(_tell) as yard:
        for operation in operations:
            _tell(f"measuring {operation.name}")
            found = list(yard.measured(operation))
            everything += found
            if not as_json:
                print("\n".join(_table(operation, found)), flush=True)
        for name, why in yard.missing.items():
            _tell(f"{name} was not measured: {why}")
    if as_json:
        print(json.dumps([_plain(one) for one in everything], indent=1))
    return 0


def _tell(words: str) -> None:
    print(f"-- {words}", file=sys.stderr, flush=True)


def _table(operation: Operation, found: Sequence[Figures]) -> list[str]:
    """Cost first, then rate, then what peers cost of ours."""
    ours = found[0]
    lines = [f"{operation.name}: {operation.words}"]
    for one in found:
        rate = f"{one.rate:>9,.0f}/s" if one.rate else ""
        lines.append(f"  {one.server:22} {one.cost:>10,.1f} {operation.unit:2} {rate:12} {_ratio(one, ours)}")
    return lines


def _ratio(one: Figures, ours: Figures) -> str:
    if one is ours or not ours.cost:
        return ""
    ratio, goal = one.cost / ours.cost, one.operation.goals.get(one.server)
    return f"{ratio:8.2f}x" + (f"  goal {goal}x {'met' if ratio >= goal else 'missed'}" if goal else "")


def _plain(one: Figures) -> dict[str, object]:
    return {
        "operation": one.operation.name,
        "words": one.operation.words,
        "server": one.server,
        "cost": one.cost,
        "unit": one.operation.unit,
        "rate": one.rate,
        "costs": one.costs,
        "goals": dict(one.operation.goals),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
