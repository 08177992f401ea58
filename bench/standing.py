"""`python -m bench.standing [COUNT]`: what accounts, devices, counts, history take on disk and in memory."""

import json
import subprocess
import sys
from collections.abc import Sequence

from bench.programs.standing import KINDS

COUNT = 100_000
MB = 1 << 20


def main(argv: Sequence[str]) -> int:
    """Each kind in a process of its own, which asks for all of them once."""
    count = int(argv[0]) if argv else COUNT
    print(f"{count:,} of             files           memory")
    for kind in KINDS:
        words = [sys.executable, "-m", "bench.programs.standing", kind, str(count)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            print(f"  {kind:15} was not measured: {done.stderr.strip().rpartition(chr(10))[2]}")
            continue
        found = json.loads(done.stdout)
        files, memory = found["files"], found["memory"]
        print(f"  {kind:15} {files / MB:8,.1f} MB      {memory / MB:8,.1f} MB", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
