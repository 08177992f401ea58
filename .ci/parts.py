"""Runs the tests in parts beside each other: `parts.py [TEST...]`; with tests named, these in one part.

With `AGAIN=yes` in the environment, a test that failed is run again, alone; if it passes it is only named.
With `COUNTED=FILE`, that file gets a line of what became of all.  Why: docs/adr/0032."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PARTS: tuple[tuple[str, ...], ...] = (
    ("backends", "gateway", "peers"),
    (
        *("app", "auth", "config", "delivery", "docs", "kit", "mail", "process", "protocols", "services"),
        *("soak", "state", "store", "test_ci", "test_extras", "test_house", "test_imports"),
        *("test_wheel", "testing", "third_party", "tls", "web"),
    ),
)
"""What is below tests/, in parts that take about equally long.  What is in none is run with the last."""
FEW = 12
"""Where more than these fail, it is not by chance, and none is run again."""
SLOW = 25
RECORDED = Path(__file__).resolve().parent / "recorded.py"


@dataclass
class Record:
    """What became of the tests of one trial, or of several."""

    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def also(self, other: "Record") -> None:
        self.passed += other.passed
        self.skipped += other.skipped
        self.failed += other.failed
        self.seconds |= other.seconds


class Trial:
    """Runs `tests`, from now on."""

    def __init__(self, name: str, tests: Sequence[str], folder: Path) -> None:
        self._name = name
        self._output, self._record = folder / f"{name}.output", folder / f"{name}.record"
        words = [sys.executable, RECORDED, self._record, f"--temp-directory=_trial_temp_{name}", *tests]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def told(self) -> None:
        """What it says is printed as it comes, until it ends."""
        ended = False
        with self._output.open("rb") as output:
            while not ended:
                ended = self._process.poll() is not None
                while some := output.read(1 << 16):
                    sys.stdout.buffer.write(some)
                    sys.stdout.buffer.flush()
                time.sleep(0.1)

    def record(self) -> Record:
        """Of one that did not come to its end there is one failure."""
        status = self._process.wait()
        try:
            found = Record(**json.loads(self._record.read_text()))
        except (OSError, ValueError):
            return Record(failed=[f"trial {self._name}, which ended with {status} before its tests did"])
        if status and not found.failed:
            found.failed.append(f"trial {self._name}, which ended with {status} and named no test")
        return found


def names(folder: Path) -> list[str]:
    """The packages and modules of tests right below `folder`."""
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    return sorted(packages + [path.stem for path in folder.glob("test_*.py")])


def division(found: Sequence[str]) -> list[list[str]]:
    """`found`, part by part; none is empty."""
    known = {name: number for number, part in enumerate(PARTS) for name in part}
    parts: list[list[str]] = [[] for _ in PARTS]
    for name in found:
        parts[known.get(name, len(PARTS) - 1)].append(f"tests.{name}")
    return [part for part in parts if part]


def beside_each_other(parts: dict[str, Sequence[str]], folder: Path) -> Record:
    """Trials by name.  What each says is printed in one piece."""
    total = Record()
    with contextlib.ExitStack() as ending:
        begun = {name: Trial(name, tests, folder) for name, tests in parts.items()}
        for part in begun.values():
            ending.callback(part.stop)
        for name, part in begun.items():
            print(f"--- trial {name}: {' '.join(parts[name])}", flush=True)
            part.told()
            total.also(part.record())
    return total


def judged(first: Record, folder: Path) -> Record:
    """With the tests that failed run once more, one after the other."""
    if len(first.failed) > FEW:
        return first
    total = Record(first.passed, first.skipped)
    passed = []
    for number, test in enumerate(first.failed):
        again = Record()
        if re.fullmatch(r"[\w.]+", test):
            again = beside_each_other({f"again_{number}": [test]}, folder)
        if again.passed and not again.failed:
            total.passed += again.passed
            passed.append(test)
        else:
            total.failed.append(test)
    for test in passed:
        print(f"FAILED ONCE, PASSED ALONE: {test}", flush=True)
    return total


def main(tests: Sequence[str], folder: Path) -> int:
    parts = [tests] if tests else division(names(Path("tests")))
    total = beside_each_other({str(number): part for number, part in enumerate(parts, 1)}, folder)
    slowest = sorted(total.seconds.items(), key=lambda one: -one[1])[:SLOW]
    if not tests:
        print("--- what took longest", *(f"{seconds:7.1f} s {test}" for test, seconds in slowest), sep="\n")
    if os.environ.get("AGAIN") == "yes":
        total = judged(total, folder)
    for test in total.failed:
        print(f"FAILED: {test}")
    if counted := os.environ.get("COUNTED"):
        Path(counted).write_text(
            f"trial: {total.passed} passed, {len(total.failed)} failed, {total.skipped} skipped\n"
        )
    return 1 if total.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="mailtwist-tests-") as made:
        sys.exit(main(sys.argv[1:], Path(made)))
