"""What a process asks of the kernel, in order: `strace` attached to it for a while."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import SkipTest

from tests.peers.programs import program

CALLS = (
    "openat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,"
    "unlink,sendto,sendmsg"
)
_LINE = re.compile(r"(?P<pid>[0-9]+) +(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\((?P<words>.*?)(?: <unfinished \.\.\.>|\) += (?P<result>-?[0-9]+).*)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<words>.*)\) += (?P<result>-?[0-9]+)")


@dataclass
class Call:
    """`begun` and `ended` are places in the order of all that happened."""

    name: str
    words: str
    begun: int
    ended: int = 0
    result: int = -1

    @property
    def paths(self) -> list[str]:
        """Quoted ones, and those of file descriptors."""
        return [a or b for a, b in re.findall(r'"(/[^"]*)"|[0-9]<(/[^>]*)>', self.words)]


class Attached:
    """strace watches `pid` and all its threads; `more` are words for it, such as faults to inject."""

    def __init__(self, pid: int, file: Path, calls: str = CALLS, more: Sequence[str] = ()) -> None:
        self._file = file
        words = [program("strace"), "-f", "-y", "-s", "4096", "-e", f"trace={calls}", "-e", "signal=none"]
        self._child = subprocess.Popen(
            [*words, *more, "-o", str(file), "-p", str(pid)], stderr=subprocess.PIPE, text=True
        )
        assert self._child.stderr is not None
        said = self._child.stderr.readline()
        if "attached" not in said:
            raise SkipTest(f"strace may not watch other processes here: {said.strip()}")

    def detach(self) -> list[Call]:
        """What happened meanwhile; the process goes on."""
        self._child.terminate()
        self._child.communicate(timeout=60)
        return list(read(self._file.read_text(errors="replace")))

    def end(self) -> None:
        """The process has been killed."""
        try:
            self._child.communicate(timeout=60)
        finally:
            self._child.kill()


def read(text: str) -> Iterator[Call]:
    """The calls that have ended well, in the order of their beginning."""
    calls: list[Call] = []
    under_way: dict[str, Call] = {}
    for at, line in enumerate(text.splitlines()):
        parts = _LINE.fullmatch(line)
        if parts is None:
            continue
        pid, rest = parts["pid"], parts["rest"]
        if found := _RESUMED.match(rest):
            call = under_way.pop(pid, None)
            if call is not None:
                call.words += found["words"]
                call.ended, call.result = at, int(found["result"])
        elif found := _BEGUN.fullmatch(rest):
            call = Call(found["name"], found["words"], at)
            calls.append(call)
            if found["result"] is None:
                under_way[pid] = call
            else:
                call.ended, call.result = at, int(found["result"])
    return (call for call in calls if call.result >= 0)


def watched(pid: int, file: Path, work: Callable[[], object]) -> list[Call]:
    """The calls of `pid` while `work` was done."""
    tracer = Attached(pid, file)
    try:
        work()
        time.sleep(0.2)  # the tracer writes what it has seen
    finally:
        calls = tracer.detach()
    return calls
