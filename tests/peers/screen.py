"""A terminal for programs that people sit in front of: what it shows, and keys."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.programs import PATH, program


class Screen:
    """`command` in a terminal of its own, from `with` to its end; tmux draws what is on it."""

    def __init__(
        self, *command: str | Path, env: Mapping[str, str], size: tuple[int, int] = (150, 50)
    ) -> None:
        self._words = [program(str(command[0])), *map(str, command[1:])]
        self._folder = Path(tempfile.mkdtemp(prefix="screen-"))  # a socket needs a short path
        self._env = {
            **{name: os.environ[name] for name in ("HOME", "USER", "LOGNAME") if name in os.environ},
            "PATH": PATH, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **env,
        }  # fmt: skip
        self._size = size

    def __enter__(self) -> Self:
        columns, lines = map(str, self._size)
        shown = [f"{name}={value}" for name, value in self._env.items()]
        whole = shlex.join(["env", "-i", *shown, *self._words])
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines, f"exec {whole}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server", ok=(0, 1))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tmux(self, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [program("tmux"), "-S", str(self._folder / "tmux"), *words],
            env={**self._env, "PATH": PATH},
            capture_output=True,
            timeout=30,
            text=True,
        )
        if done.returncode not in ok:
            raise AssertionError(f"tmux {words[0]}: {done.stderr}")
        return done.stdout

    @property
    def over(self) -> bool:
        """The program has ended."""
        return not self._tmux("list-sessions", ok=(0, 1))

    def shown(self) -> str:
        return self._tmux("capture-pane", "-p", ok=(0, 1))

    def until(self, *texts: str, timeout: float = 60) -> str:
        """The first of `texts` that is to be seen, however wide its gaps are."""
        deadline = time.monotonic() + timeout
        last = ""
        while time.monotonic() < deadline:
            last = self.shown() or last
            narrow = re.sub(" +", " ", last)
            found = next((text for text in texts if text in narrow), None)
            if found is not None:
                return found
            time.sleep(0.05)
        raise AssertionError(f"none of {texts} in:\n{last}")

    def until_over(self, timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        last = ""
        while not self.over:
            last = self.shown() or last
            if time.monotonic() > deadline:
                raise AssertionError(f"{self._words[0]} is still there:\n{last}")
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """As if on a keyboard; a line end is the return key."""
        for n, line in enumerate(text.split("\n")):
            if n:
                self.keys("Enter")
            if line:
                # A semicolon at the end of a word would divide two commands of tmux.
                self._tmux("send-keys", "-l", "--", re.sub(r";\Z", r"\\;", line))

    def keys(self, *names: str) -> None:
        """By tmux's names: `C-x`, `Enter`, `Escape`."""
        self._tmux("send-keys", *names)
