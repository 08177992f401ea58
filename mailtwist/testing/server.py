"""A real server in a process and a folder of its own, for tests that speak to it over loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self

from mailtwist.app.tap import TWISTD
from mailtwist.testing.forked import Forked, forked, heed_ctrl_c, import_path

COMMAND = ("-P", "-c", "from mailtwist.app.cli import main; raise SystemExit(main())")
PATIENCE = 60.0


class DidNotStart(Exception):
    """The log says why."""


class RunningServer:
    """`twistd -n mailtwist --config FOLDER/mailtwist.ini`, from `start` until `stop` (or as a `with` block).

    Relative paths in `ini` are in `folder`; write `listen = 127.0.0.1:0` and ask `port` afterwards.
    `program` is what Python is told to run in place of twistd, `words` in place of `mailtwist`.  Python is
    forked from one that has imported mailtwist already (`forked.py`), unless it is to be `anew`.
    """

    def __init__(
        self,
        folder: Path,
        ini: str,
        *,
        program: Sequence[str] = TWISTD,
        words: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        anew: bool = False,
    ) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "mailtwist.ini"
        self.config.write_text(ini)
        self.places: dict[str, list[str]] = {}
        self.lines: list[str] = []
        self._program = program
        self._words = words
        self._python = python
        self._environment = {**os.environ, "PYTHONPATH": import_path(), **(environment or {})}
        self._forks = not anew and python == sys.executable
        self._child: subprocess.Popen[bytes] | Forked | None = None
        self._reader: threading.Thread | None = None
        self._changed = threading.Condition()
        self._ended = False

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far."""
        return "".join(self.lines)

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def port(self, service: str) -> int:
        """Where `[service:...]` listens."""
        return int(self.places[service][0].rpartition(":")[2])

    def start(self) -> Self:
        """Returns when all ports are served; `DidNotStart` with the log otherwise."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.begin("--config", str(self.config), "--ready-file", str(ready))
        self.wait_for(" app.ready ", '"app.ready"')
        self.places = json.loads(ready.read_text())
        return self

    def run(self) -> int:
        """Its exit status, when it is expected not to serve."""
        self.begin("--config", str(self.config))
        return self.wait()

    def wait_for(self, *words: str) -> str:
        """The first line with one of `words` in it; `DidNotStart` when the process ends before."""

        def found() -> str | None:
            return next((line for line in self.lines if any(word in line for word in words)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self._ended, PATIENCE)
            line = found()
        if line is None:
            self.kill()
            raise DidNotStart(f"no line with {words} in:\n{self.log}")
        return line

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit status, as `subprocess` tells it; everything it wrote is in `log`."""
        assert self._child is not None and self._reader is not None
        status = self._child.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def stop(self) -> int:
        """SIGTERM, and its exit status.  Does nothing when it has ended."""
        if self._child is not None and self._child.poll() is None:
            self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        self.wait()

    def command(self, *words: str, typed: str = "") -> str:
        """What `mailtwist WORDS` prints with this config; CalledProcessError when it fails."""
        with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
            stdin.write(typed.encode())
            stdin.seek(0)
            child = self._started(
                [*self._words, "--config", str(self.config), *words], [stdin, stdout, stderr]
            )
            try:
                status = child.wait(PATIENCE)
            finally:
                child.kill()
            stdout.seek(0)
            stderr.seek(0)
            said, complaint = stdout.read().decode(), stderr.read().decode()
        if status:
            raise subprocess.CalledProcessError(status, words, said, complaint)
        return said

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def begin(self, *arguments: str) -> None:
        """The program runs, with these arguments alone."""
        self.lines.clear()
        self._ended = False
        reading, writing = os.pipe()
        with open(os.devnull, "rb") as nothing, open(writing, "wb") as said:
            self._child = self._started([*self._program, *arguments], [nothing, said, said])
        self._reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._reader.start()

    def _started(
        self, words: Sequence[str], files: Sequence[IO[bytes]]
    ) -> "subprocess.Popen[bytes] | Forked":
        """Python, with these words and these files as stdin, stdout and stderr."""
        child = forked(words, self._environment, self.folder, files) if self._forks else None
        return child or subprocess.Popen(
            [self._python, *words],
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            env=self._environment,
            cwd=self.folder,
            preexec_fn=heed_ctrl_c,
        )

    def _read(self, reading: int) -> None:
        with open(reading, errors="replace") as said:
            for line in said:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
