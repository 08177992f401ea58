"""Certificates, accounts and what else ACME keeps, in a folder that all processes of a machine share."""

import errno
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mailtwist.kit.clock import Clock
from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.kit.ids import new_id
from mailtwist.kit.lock import alone
from mailtwist.kit.threads import Threads
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.tls.acme.api import MOST_WISHES, Issued, KeyKind, Kind, Lease, Note
from mailtwist.tls.acme.formats import (
    Damaged,
    Proof,
    digest,
    file_name,
    read_certificate,
    read_note,
    read_object,
    written_certificate,
    written_note,
)
from mailtwist.tls.acme.hearing import Hearing
from mailtwist.tls.acme.leases import Held, clean, swept, take
from mailtwist.tls.acme.reading import NOT_READ, Remembered
from mailtwist.tls.acme.spent import Spent

P = ParamSpec("P")
T = TypeVar("T")

FOLDERS = ("certificates", "keys", "notes", "accounts", "shown", "wishes", "leases", "spent")
TOLD = ("certificates", "keys", "notes", "accounts", "shown", "wishes")
"""Those whose changes are told."""

PATIENCE = 10.0
"""Seconds that a process waits for another one, which holds the folder for some milliseconds each time."""

LONGEST_FILE = 256 * 1024


class FolderStore:
    """`tls.acme.api.Store` in a folder, mode 0700, its files 0600.  It begins with `start`, which a process
    that only does one thing may call without a reactor: then it hears nothing of others.

    All is written under one lock: a draft that somebody finds while he holds it was left by a process that
    was killed, and is taken away by the next `start`, or the next look."""

    def __init__(self, folder: Path, files: Files, clock: Clock, threads: Threads) -> None:
        self.folder = folder
        self._files = files
        self._clock = clock
        self._threads = threads
        self._read = Remembered(LONGEST_FILE)
        self._spent = Spent(files, folder / "spent", LONGEST_FILE)
        self._leases: set[Held] = set()
        self._hearing = Hearing([folder / name for name in TOLD], clock, threads, self._cleaned)

    # -- its life
    async def start(self, reactor: Any = None) -> None:
        """The folder is there, nobody else's to read, and without leftovers.  `StateAway`."""
        await self._do(self._make)
        if reactor is not None:
            await self._hearing.start(reactor)

    async def stop(self) -> None:
        self._hearing.stop()
        for held in list(self._leases):
            await self._do(self._give_back, held)

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._hearing.listen(changed)

    def _make(self) -> None:
        for path in (self.folder, *(self.folder / name for name in FOLDERS)):
            self._files.make_folder(path)
            if path.stat().st_mode & 0o077:
                path.chmod(0o700)
        with self._alone():
            self._clean()

    def _cleaned(self) -> None:
        with self._alone():
            self._clean()

    def _clean(self) -> None:
        """Under the lock."""
        for name in FOLDERS:
            for path in (self.folder / name).iterdir():
                if path.name.startswith("."):
                    swept(self._files, path)
        now = self._clock.now()
        for path in (self.folder / "shown").iterdir():
            proof = self._proof(path)
            if proof is None or proof.until <= now:
                swept(self._files, path)
        clean(self._files, self.folder / "leases")
        self._spent.clean(now)

    # -- certificates
    async def certificates(self) -> Sequence[Issued]:
        return await self._do(self._certificates)

    def _certificates(self) -> list[Issued]:
        return self._read.all(self.folder / "certificates", read_certificate)

    async def keep(self, issued: Issued) -> None:
        path = self._certificate(issued.name, issued.key_kind)
        await self._write(path, written_certificate(issued))

    async def forget(self, name: str, key_kind: KeyKind) -> bool:
        return await self._remove(self._certificate(name, key_kind))

    def _certificate(self, name: str, key_kind: KeyKind) -> Path:
        return self.folder / "certificates" / f"{file_name(name, key_kind)}.pem"

    # -- keys
    async def next_key(self, name: str, key_kind: KeyKind) -> bytes | None:
        return await self._do(self._octets, self._next_key(name, key_kind))

    async def set_next_key(self, name: str, key_kind: KeyKind, pem: bytes | None) -> None:
        path = self._next_key(name, key_kind)
        if pem is None:
            await self._remove(path)
        else:
            await self._write(path, pem)

    def _next_key(self, name: str, key_kind: KeyKind) -> Path:
        return self.folder / "keys" / f"{file_name(name, key_kind)}.pem"

    # -- notes
    async def note(self, name: str, key_kind: KeyKind) -> Note:
        """One that is damaged says nothing; that costs an earlier try, or a later one."""
        path = self._note(name, key_kind)
        try:
            octets = await self._do(self._octets, path)
            return Note() if octets is None else read_note(octets)
        except (Damaged, StateAway) as damaged:
            NOT_READ.log(path=str(path), why=str(damaged))
            return Note()

    async def set_note(self, name: str, key_kind: KeyKind, note: Note) -> None:
        await self._write(self._note(name, key_kind), written_note(note))

    def _note(self, name: str, key_kind: KeyKind) -> Path:
        return self.folder / "notes" / f"{file_name(name, key_kind)}.json"

    # -- accounts
    async def account(self, authority: str) -> Mapping[str, Any] | None:
        """`StateUnusable` when it is there and damaged: a new one in its place would lose the old one's
        key."""
        path = self._account(authority)
        octets = await self._do(self._octets, path)
        try:
            return None if octets is None else dict(read_object(octets)["account"])
        except (Damaged, KeyError, TypeError, ValueError) as error:
            raise StateUnusable(f"{path} is damaged ({error}); repair it, or take it away for a new account")

    async def keep_account(self, authority: str, account: Mapping[str, Any] | None) -> None:
        path = self._account(authority)
        if account is None:
            await self._remove(path)
        else:
            about = {"authority": authority, "account": dict(account)}
            await self._write(path, json.dumps(about, indent=1).encode())

    def _account(self, authority: str) -> Path:
        return self.folder / "accounts" / f"{digest(authority)}.json"

    # -- proofs
    async def show(self, kind: Kind, key: str, value: bytes, until: float) -> None:
        await self._write(self._shown(kind, key), Proof(kind, key, value, until).written())

    async def shown(self, kind: Kind, key: str) -> bytes | None:
        proof = await self._do(self._proof, self._shown(kind, key))
        return proof.value if proof is not None and self._clock.now() < proof.until else None

    async def showing(self, kind: Kind) -> Mapping[str, bytes]:
        return await self._do(self._showing, kind)

    def _showing(self, kind: Kind) -> dict[str, bytes]:
        now = self._clock.now()
        found = map(self._proof, (self.folder / "shown").glob(f"{kind}.*"))
        return {one.key: one.value for one in found if one is not None and now < one.until}

    async def hide(self, kind: Kind, key: str) -> None:
        await self._remove(self._shown(kind, key))

    def _shown(self, kind: Kind, key: str) -> Path:
        return self.folder / "shown" / f"{kind}.{digest(key)}"

    def _proof(self, path: Path) -> Proof | None:
        try:
            octets = self._octets(path)
            return None if octets is None else Proof.read(octets)
        except (Damaged, OSError) as damaged:
            NOT_READ.log(path=str(path), why=str(damaged))
            return None

    # -- leases
    async def lease(self, work: str, seconds: float) -> Lease | None:
        held = await self._do(self._take, work, seconds)
        if held is None:
            return None
        self._leases.add(held)
        return FolderLease(self, held)

    def _take(self, work: str, seconds: float) -> Held | None:
        now = self._clock.now()
        with self._alone():
            return take(self._files, self.folder / "leases" / digest(work), new_id(), now, now + seconds)

    async def prolong(self, held: Held, seconds: float) -> bool:
        """For the lease."""
        return await self._do(self._prolong, held, seconds)

    def _prolong(self, held: Held, seconds: float) -> bool:
        with self._alone():
            return held.prolong(self._clock.now() + seconds)

    async def give_back(self, held: Held) -> None:
        """For the lease."""
        await self._do(self._give_back, held)

    def _give_back(self, held: Held) -> None:
        self._leases.discard(held)
        with self._alone():
            held.give_back(self._files)

    # -- what is limited
    async def spend(self, bucket: str, limit: int, window: float) -> float:
        return await self._do(self._spend, bucket, limit, window, True)

    async def room(self, bucket: str, limit: int, window: float) -> float:
        return await self._do(self._spend, bucket, limit, window, False)

    def _spend(self, bucket: str, limit: int, window: float, for_good: bool) -> float:
        with self._alone():
            return self._spent.spend(bucket, limit, window, self._clock.now(), for_good)

    # -- what strangers ask for
    async def wish(self, names: Sequence[str]) -> None:
        await self._do(self._wish, names)
        self._hearing.ring()

    def _wish(self, names: Sequence[str]) -> None:
        with self._alone():
            waiting = self._wished()
            all_of_them = list(dict.fromkeys([*waiting, *names]))[:MOST_WISHES]
            if all_of_them != waiting:
                octets = json.dumps({"names": all_of_them}, indent=1).encode()
                write_whole(self._files, self._wishes, octets)

    async def take_wishes(self) -> Sequence[str]:
        return await self._do(self._take_wishes)

    def _take_wishes(self) -> list[str]:
        if not self._wishes.exists():  # as nearly always
            return []
        with self._alone():
            names = self._wished()
            if self._wishes.exists():
                self._files.unlink(self._wishes)
        return names

    @property
    def _wishes(self) -> Path:
        return self.folder / "wishes" / "names.json"

    def _wished(self) -> list[str]:
        """What is damaged is no wish: who wants it asks again."""
        octets = self._octets(self._wishes)
        try:
            names = [] if octets is None else read_object(octets)["names"]
            return [name for name in names if isinstance(name, str)]
        except (Damaged, KeyError, TypeError) as error:
            NOT_READ.log(path=str(self._wishes), why=str(error))
            return []

    # -- files
    def _alone(self) -> Any:
        return alone(self.folder / "lock", PATIENCE)

    def _octets(self, path: Path) -> bytes | None:
        try:
            return read_small(path, LONGEST_FILE)
        except FileNotFoundError:
            return None

    async def _write(self, path: Path, octets: bytes) -> None:
        if len(octets) > LONGEST_FILE:
            raise ValueError(f"too much for {path}: {len(octets)} octets")
        await self._do(self._write_alone, path, octets)
        self._hearing.ring()

    def _write_alone(self, path: Path, octets: bytes) -> None:
        with self._alone():
            write_whole(self._files, path, octets)

    async def _remove(self, path: Path) -> bool:
        """It was there."""
        gone = await self._do(self._remove_alone, path)
        self._hearing.ring()
        return gone

    def _remove_alone(self, path: Path) -> bool:
        with self._alone():
            try:
                self._files.unlink(path)
            except FileNotFoundError:
                return False
            self._files.sync_folder(path.parent)
            return True

    async def _do(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        try:
            return await self._threads.run(work, *args, **kw)
        except TimeoutError as error:
            raise StateAway(str(error))
        except OSError as error:
            why = error.strerror or errno.errorcode.get(error.errno or 0, "failed")
            raise StateAway(f"{error.filename or self.folder}: {why}")


class FolderLease:
    """`tls.acme.api.Lease`"""

    def __init__(self, store: FolderStore, held: Held) -> None:
        self._store = store
        self._held = held

    async def renew(self, seconds: float) -> bool:
        return await self._store.prolong(self._held, seconds)

    async def release(self) -> None:
        await self._store.give_back(self._held)
