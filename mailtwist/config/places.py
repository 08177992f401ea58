"""Files and folders named in the ini file: relative ones are meant from the ini file's own folder."""

from pathlib import Path, PosixPath
from typing import ClassVar, Protocol, Self, runtime_checkable

from mailtwist.config.problems import Sentence
from mailtwist.config.words import split

TILDE = Sentence("path-tilde", '"{text}": "~" has no meaning here; write the whole path')
CONTROL_IN_PATH = Sentence("path-control", '"{text}" cannot be a path; it has a control character in it')


@runtime_checkable
class Placed(Protocol):
    """A value that depends on where the ini file is.  `config.load` replaces it by `within(folder)`, whether
    it was written or is the default; ValueError says what is wrong."""

    def within(self, folder: Path) -> Self: ...


class _Place(PosixPath):
    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.startswith("~"):
            raise TILDE.wrong(text=text)
        if not text.isprintable():
            raise CONTROL_IN_PATH.wrong(text=text)
        return cls(text)

    def within(self, folder: Path) -> Self:
        return type(self)(folder / self)


class Folder(_Place):
    """The path of a folder.  A part that keeps things in the state folder by default has `Folder | None`,
    default None: relative paths are meant from the ini file's folder, defaults too."""

    kind: ClassVar[str] = "a folder"

    __slots__ = ()


class File(_Place):
    """The path of a file; see `Folder`."""

    kind: ClassVar[str] = "a file"

    __slots__ = ()


class Files(tuple[File, ...]):
    """The paths of files; written with commas or on lines of their own."""

    kind: ClassVar[str] = "files"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(map(File.parse, split(text)))

    def within(self, folder: Path) -> Self:
        return type(self)(file.within(folder) for file in self)

    def __str__(self) -> str:
        return ", ".join(map(str, self))
