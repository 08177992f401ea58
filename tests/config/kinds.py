"""Parts for tests: one setting of every type, names of other sections, and parts that are broken."""

from dataclasses import dataclass
from enum import Enum
from importlib.metadata import EntryPoint
from typing import Annotated, Literal

from mailtwist.config.part import Part
from mailtwist.config.settings import setting
from mailtwist.config.values import (
    AtLeast,
    AtMost,
    Dotted,
    Duration,
    Endpoints,
    File,
    Files,
    Folder,
    Hostname,
    Hostnames,
    Names,
    Networks,
    PartName,
    Secret,
    Size,
)


class Colour(Enum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Everything:
    """One setting of every type."""

    listen: Endpoints = setting(words="Where to listen.", example="143")
    text: str = setting("hello", words="Any text.")
    number: Annotated[int, AtLeast(10), AtMost(100, "rfc5321#4.5.3.1.8")] = setting(50, words="A number.")
    flag: bool = setting(True, words="A flag.")
    choice: Literal["plain", "login"] = setting("plain", words="A choice.")
    colour: Colour = setting(Colour.RED, words="A colour.")
    size: Annotated[Size, AtLeast(65536, "rfc5321#4.5.3.1.7")] = setting(Size(50 << 20), words="A size.")
    duration: Annotated[Duration, AtMost(3600)] = setting(Duration(900), words="A duration.")
    names: Names = setting(Names(("one", "two")), words="Names.")
    networks: Networks = setting(Networks(), words="Networks.")
    host: Hostname | None = setting(None, words="A host name.")
    hosts: Hostnames = setting(Hostnames(), words="Host names.")
    folder: Folder | None = setting(None, words="A folder.")
    file: File = setting(File("/etc/hosts"), words="A file.")
    files: Files = setting(Files(), words="Files.")
    secret: Secret | None = setting(None, words="A secret.")
    dotted: Dotted | None = setting(None, words="An object.")


@dataclass(frozen=True)
class Pointing:
    """Names of other sections."""

    tls: Annotated[str, PartName("tls")] = setting(words="One.", example="public")
    maybe: Annotated[str | None, PartName("tls")] = setting(None, words="One or none.")
    more: Annotated[Names, PartName("tls")] = setting(Names(), words="Several.")
    usual: Annotated[str, PartName("store")] = setting("mail", words="One with a default.")


@dataclass(frozen=True)
class Together:
    """Several tls sections as one."""

    members: Annotated[Names, PartName("tls")] = setting(words="The others.", example="public, private")


@dataclass(frozen=True)
class Resolving:
    name: Dotted = setting(words="What to call.", example="package.module:object")

    def __post_init__(self) -> None:
        self.name.resolve()


@dataclass(frozen=True)
class Refusing:
    low: int = setting(1, words="Low.")
    high: int = setting(2, words="High.")

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high}); exchange them")


@dataclass(frozen=True)
class Nothing:
    """There is nothing to set."""


@dataclass(frozen=True)
class Unmarked:
    words: str = "no setting()"


@dataclass(frozen=True)
class Raising:
    flag: bool = setting(True, words="A flag.")

    def __post_init__(self) -> None:
        raise KeyError("a bug in a part")


everything = Part(Everything, lambda settings, assembly: settings)
pointing = Part(Pointing, lambda settings, assembly: settings)
together = Part(Together, lambda settings, assembly: settings)
resolving = Part(Resolving, lambda settings, assembly: settings)
refusing = Part(Refusing, lambda settings, assembly: settings)
nothing = Part(Nothing, lambda settings, assembly: settings)
unmarked = Part(Unmarked, lambda settings, assembly: settings)
raising = Part(Raising, lambda settings, assembly: settings)
no_part = object()

HERE = {
    "service": {"everything": "everything", "pointing": "pointing"},
    "directory": {
        "refusing": "refusing",
        "resolving": "resolving",
        "missing": "is_not_here",
        "no_part": "no_part",
        "unmarked": "unmarked",
        "raising": "raising",
    },
    "tls": {"files": "nothing", "together": "together"},
    "store": {"memory": "nothing", "maildir": "nothing"},
}


def parts(group: str) -> dict[str, EntryPoint]:
    """What is installed, for tests: like `config.part.installed`."""
    room = group.partition(".")[2]
    return {
        name: EntryPoint(name, f"tests.config.kinds:{target}", group)
        for name, target in HERE.get(room, {}).items()
    }


def good(group: str) -> dict[str, EntryPoint]:
    """The same without the broken ones and those that refuse."""
    return {} if group == "mailtwist.directory" else parts(group)
