"""Certificates as txacme keeps them: any of its stores is read; one of ours is private."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.reflect import namedAny

from mailtwist.kit.files import Files, write_whole
from mailtwist.kit.spawn import started
from mailtwist.kit.threads import Threads
from mailtwist.tls.names import server_name

SUFFIX = ".pem"
LARGEST = 256 * 1024
"""Octets of one file: a key and a long chain have a twentieth of that."""


class PrivateStore:
    """A `txacme.interfaces.ICertificateStore` in `folder`, whose files are like those of txacme's
    `DirectoryStore`: NAME.pem has the key, the certificate, its chain.  But only the owner can read them, a
    reader sees the old one or the new one, and both are on the disk when `store` has fired.

    `wanted` are names that are in it from the beginning, without anything: txacme issues for those.
    `stored` is called after every change of ours."""

    def __init__(
        self,
        folder: Path,
        files: Files,
        threads: Threads,
        wanted: Sequence[str] = (),
        stored: Callable[[], object] = lambda: None,
    ) -> None:
        self.folder = folder
        self._files = files
        self._threads = threads
        self._wanted = wanted
        self._stored = stored

    def get(self, name: str) -> "Deferred[list[Any]]":
        """The objects of `name`, or KeyError."""
        return started(self._get(name))

    def store(self, name: str, objects: Sequence[Any]) -> "Deferred[None]":
        """ValueError when it is no name."""
        return started(self._store(name, text_of(objects)))

    def as_dict(self) -> "Deferred[dict[str, list[Any]]]":
        return started(self._as_dict())

    async def _get(self, name: str) -> list[Any]:
        try:
            return parsed(await self._threads.run(_read, self._path(name)))
        except (FileNotFoundError, ValueError):
            raise KeyError(name) from None

    async def _store(self, name: str, pem: bytes) -> None:
        await self._threads.run(self._write, self._path(name), pem)
        self._stored()

    async def _as_dict(self) -> dict[str, list[Any]]:
        texts = await self._threads.run(self._texts)
        empty: dict[str, list[Any]] = {name: [] for name in self._wanted}
        return empty | {name: parsed(text) for name, text in texts.items()}

    def _path(self, name: str) -> Path:
        return self.folder / f"{server_name(name)}{SUFFIX}"

    def _write(self, path: Path, pem: bytes) -> None:
        """In a thread."""
        self._files.make_folder(self.folder)
        write_whole(self._files, path, pem, 0o600)

    def _texts(self) -> dict[str, bytes]:
        """In a thread."""
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        return {path.name.removesuffix(SUFFIX): _read(path) for path in paths if path.name[0] != "."}


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)


def parsed(text: bytes) -> list[Any]:
    """Objects of the package `pem`, as txacme has them."""
    from pem import parse

    return list(parse(text))


def text_of(objects: Sequence[Any]) -> bytes:
    return b"".join(one.as_bytes().rstrip(b"\n") + b"\n" for one in objects)


def named(text: str) -> Any:
    """The store that `module:name` is, or that it makes when it is called.  ValueError with a sentence."""
    try:
        found = namedAny(text.replace(":", "."))
        store = found if _is_store(found) and not isinstance(found, type) else found()
    except Exception as error:
        raise ValueError(f"{text} cannot be had: {type(error).__name__}: {error}") from None
    if not _is_store(store):
        raise ValueError(f"{text} is no certificate store of txacme: it has no get, store and as_dict")
    return store


def _is_store(one: object) -> bool:
    return all(callable(getattr(one, name, None)) for name in ("get", "store", "as_dict"))


async def texts_of(store: Any) -> Mapping[str, bytes]:
    """What any of txacme's stores has: name -> PEM.  What it raises is raised."""
    found = await maybeDeferred(store.as_dict)
    return {str(name): text_of(objects) for name, objects in found.items() if objects}
