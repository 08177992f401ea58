"""The section [server]: what the whole process has once."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from mailtwist.config.places import File, Folder
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Hostname, Networks


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where the log goes: the file `path`, or stderr when that is None."""

    kind: ClassVar[str] = "stderr or a file"

    path: File | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(None if text == "stderr" else File.parse(text))

    def within(self, folder: Path) -> Self:
        return type(self)(self.path and self.path.within(folder))

    def __str__(self) -> str:
        return "stderr" if self.path is None else str(self.path)


def machine_name() -> Hostname:
    """What this machine calls itself, with its domain if it knows one; may ask the resolver."""
    name = socket.gethostname()
    for candidate in (name if "." in name else socket.getfqdn(), name):
        try:
            return Hostname.parse(candidate)
        except ValueError:
            continue
    return Hostname("localhost")


@dataclass(frozen=True)
class ServerSettings:
    """What the whole process has once.  The section may be left out."""

    hostname: Hostname = setting(
        factory=machine_name,
        example="mail.example.org",
        words="The full name of this machine, for greetings and Received lines (rfc5321#4.1.1.1);"
        " by default what the machine calls itself.",
    )
    state: Folder = setting(
        Folder("/var/lib/mailtwist"),
        words="The state folder: databases, keys, queues. It is made at first start, for its owner alone.",
    )
    log: LogTarget = setting(
        LogTarget(), words="Where the log goes: stderr, or the path of a file, opened again at SIGHUP."
    )
    log_format: Literal["text", "json"] = setting(
        "text", words="One line of text, or one JSON object, per event."
    )
    log_level: Literal["debug", "info", "warn", "error", "critical"] = setting(
        "info", words="The least important events to be logged."
    )
    shutdown_deadline: Annotated[Duration, AtMost(3600)] = setting(
        Duration(30), words="How long SIGTERM waits for what is under way before connections are cut."
    )
    threads: Annotated[int, AtLeast(1), AtMost(256)] = setting(
        8, words="Threads for what would hold up the network: password hashes, databases, syncing files."
    )
    workers: Annotated[int, AtLeast(1), AtMost(64)] = setting(
        1,
        words="Processes that serve the same ports, for machines with several cores; each has its own"
        " threads and counts connections for itself. What logins share is in the state; no part of it can be"
        " in memory.",
    )
    trusted_networks: Networks = setting(
        Networks(),
        words="Networks whose clients may log in without TLS and are not limited by address."
        " The second factor is asked from them too.",
    )
