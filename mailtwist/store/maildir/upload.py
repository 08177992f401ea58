"""A message on its way into a Maildir: small ones in one go, big ones by block through a file in tmp."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mailtwist.kit.files import Files, disk_trouble
from mailtwist.mail.flags import Flags
from mailtwist.store.api import Stored
from mailtwist.store.maildir.arriving import Letter
from mailtwist.store.maildir.filenames import new_maker
from mailtwist.store.maildir.lines import LineCount
from mailtwist.store.maildir.onebyone import OneByOne
from mailtwist.store.view import settable

if TYPE_CHECKING:
    from mailtwist.store.maildir.account import MaildirAccount

HELD = 256 << 10  # octets of a message that may wait in memory in any case,
HELD_MOST = 2 << 20  # and while all messages together hold no more than
HELD_BY_ALL = 32 << 20


class _Held:
    """Octets in memory, of all messages of this process."""

    octets = 0


class MaildirUpload:
    """An `api.Upload`."""

    def __init__(self, account: "MaildirAccount", name: str) -> None:
        self._account = account
        self._name = name
        self._path: Path = account.root / "tmp" / new_maker(account.clock.now())
        self._in_turn = OneByOne()
        self._held: list[bytes] = []
        self._waiting = 0
        self._size = 0
        self._lines = LineCount()
        self._on_disk = self._ready = self._broken = self._over = False

    async def write(self, chunk: bytes) -> None:
        if self._over or self._ready:
            raise ValueError("the upload is over")
        chunk = bytes(chunk)
        self._held.append(chunk)
        self._size += len(chunk)
        self._waiting += len(chunk)
        self._lines.feed(chunk)
        _Held.octets += len(chunk)
        if self._waiting >= (HELD_MOST if _Held.octets <= HELD_BY_ALL else HELD):
            await self._to_disk(_append)

    async def prepare(self) -> None:
        self._must_be_whole()
        if not self._ready:
            self._ready = True
            take = partial(self._account.must_take, self._name, self._size)
            await self._to_disk(_finish if self._on_disk else _create, take)

    async def commit(
        self, flags: Flags = frozenset(), received: float | None = None, zone: int = 0
    ) -> Stored:
        self._must_be_whole()
        kept = settable(flags)
        if self._on_disk:
            await self.prepare()
        self._over = True
        octets = None if self._on_disk else self._held
        crlf_size = self._size + self._lines.bare
        letter = Letter(self._name, self._path, octets, self._size, crlf_size, kept, received, zone)
        try:
            return await self._account.deliver(letter)
        finally:
            self._taken()

    async def abort(self) -> None:
        if not self._over:
            self._over = True
            self._taken()
            if self._on_disk:
                await self._to_disk(_discard)

    def _must_be_whole(self) -> None:
        if self._over or self._broken:
            raise ValueError("the upload is over" if self._over else "a part of the upload is missing")

    def _taken(self) -> list[bytes]:
        _Held.octets -= self._waiting
        held, self._held, self._waiting = self._held, [], 0
        return held

    async def _to_disk(self, work: Callable[..., None], *args: object) -> None:
        """`work` on the file, with what is held; in turn, so that nothing is written once it is discarded."""
        self._on_disk = True
        await self._in_turn.run(partial(self._step, work, self._taken(), *args))

    async def _step(self, work: Callable[..., None], octets: list[bytes], *args: object) -> None:
        try:
            await self._account.threads.run(work, self._account.files, self._path, octets, *args)
        except BaseException as error:
            self._broken = True
            if isinstance(error, OSError):
                raise disk_trouble(error) from error
            raise


def _append(files: Files, path: Path, octets: list[bytes]) -> None:
    files.append(path, octets)


def _finish(files: Files, path: Path, octets: list[bytes], must_take: Callable[[], None]) -> None:
    must_take()
    files.append(path, octets)
    files.sync(path)


def _create(files: Files, path: Path, octets: list[bytes], must_take: Callable[[], None]) -> None:
    must_take()
    files.create(path, octets)


def _discard(files: Files, path: Path, octets: list[bytes]) -> None:
    with suppress(FileNotFoundError):
        files.unlink(path)
