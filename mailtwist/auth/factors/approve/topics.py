"""A file that says which topic of ntfy is whose: a login name and a topic in each line."""

import re
from collections.abc import Mapping
from pathlib import Path

from mailtwist.auth.names import BadName, canonical
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble

LARGEST = 16 * 1024 * 1024
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadTopics(Trouble):
    """One sentence for the operator in `detail`."""

    def __init__(self, detail: str) -> None:
        super().__init__("5.3.5", "System incorrectly configured", detail)


class Topics:
    """Those of the file as it was read last; without a file, none."""

    def __init__(self, path: Path | None, default_domain: str, threads: Threads) -> None:
        self._path = path
        self._domain = default_domain
        self._threads = threads
        self._known: Mapping[str, str] = {}

    async def read(self) -> None:
        """`BadTopics`, and then it is as before."""
        if self._path is not None:
            self._known = await self._threads.run(read, self._path, self._domain)

    def of(self, name: str) -> str:
        """'' when he has none of his own."""
        return self._known.get(name, "")


def read(path: Path, default_domain: str) -> Mapping[str, str]:
    """By canonical login name.  Blocks."""
    try:
        with open(path, "rb") as file:
            octets = file.read(LARGEST + 1)
        text = octets.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTopics(f"{path} cannot be read: {error}") from None
    if len(octets) > LARGEST:
        raise BadTopics(f"{path} has more than 16 MiB; is it a file of topics?")
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            found[canonical(words[0], default_domain)] = _topic(words)
        except BadName as error:
            raise BadTopics(f"{path}:{number}: this is nobody's name: {error}") from None
        except ValueError as error:
            raise BadTopics(f"{path}:{number}: {error}") from None
    return found


def _topic(words: list[str]) -> str:
    if len(words) != 2 or not TOPIC.fullmatch(words[1]):
        raise ValueError('write a login name and a topic: "ann@example.org mail-x7k2"')
    return words[1]
