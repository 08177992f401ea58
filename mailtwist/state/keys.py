"""The keys of this server: made at first start, kept beside the databases and never in them."""

import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from twisted.internet.defer import DeferredLock

from mailtwist.kit.files import Files
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.state.api import Durable, StateUnusable

IDENTITY, DEVICES, SEEDS = "identity", "devices", "seeds"
NAMES = (IDENTITY, DEVICES, SEEDS)
"""What strings are hashed with to be compared; what devices' strings are looked up with; what seals seeds."""

IN_USE = "in-use"
"""A file beside the keys: they and the durable state belong together from then on."""

SIZE = 32
STATE_GONE = (
    "{folder}: the keys are there, but the state with all tokens is gone or new; bring durable.sqlite back,"
    " or remove {folder}/{mark} to begin without any token"
)
_NONCE = 12
_FILE = re.compile(r"([a-z]+)\.([1-9][0-9]{0,8})")
_HEAD = "mailtwist keys"

KeySet = Mapping[tuple[str, int], bytes]
"""By name and version; versions count from 1."""

CHANGED = b"keys"
"""What is announced to all processes when there are other keys than before."""

_PINNED, _FORGOTTEN = "key:", "forgotten:"


class BadKeys(ValueError):
    """Key files, or a backup of them, that are not what they should be: one sentence for the operator."""


class KeyFolder:
    """`<state>/keys/`: one file per key, `name.version`, in hex.  Everything blocks."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.folder = folder
        self._files = files

    def read(self) -> KeySet:
        """All keys that are there; none when there is no folder."""
        if not self.folder.is_dir():
            return {}
        names = sorted(path.name for path in self.folder.iterdir())
        found = [match for name in names if (match := _FILE.fullmatch(name))]
        return {(match[1], int(match[2])): _key(self.folder / match[0]) for match in found}

    def add(self, keys: KeySet) -> None:
        """Each becomes a file, 0600, synced.  A key that is there stays (BadKeys): another in its place would
        be the end of all that was made with it."""
        known = self.read()
        for one in sorted(set(known) & set(keys)):
            if not hmac.compare_digest(known[one], keys[one]):
                raise BadKeys(f"{self.folder / _name(one)} is another key; move it away first")
        self._files.make_folder(self.folder, 0o700)
        for one in sorted(set(keys) - set(known)):
            self._place(self.folder / _name(one), keys[one])
        self._files.sync_folder(self.folder)

    def remove(self, name: str, version: int) -> None:
        """The key is gone for good."""
        with suppress(FileNotFoundError):
            self._files.unlink(self.folder / _name((name, version)))
        self._files.sync_folder(self.folder)

    def make(self) -> None:
        """The first version of every key, all or none; nothing happens when there is a key."""
        draft = self.folder.with_name(f"{self.folder.name}.{new_id()}")
        try:
            self._write(draft, {(name, 1): secrets.token_bytes(SIZE) for name in NAMES})
            self._files.rename(draft, self.folder)
        except OSError:
            self._drop(draft)
            if not self.read():
                raise
        self._files.sync_folder(self.folder.parent)

    @property
    def in_use(self) -> bool:
        """Something has been made with these keys."""
        return (self.folder / IN_USE).exists()

    def mark_in_use(self) -> None:
        if not self.in_use:
            self._files.create(self.folder / IN_USE, [])
            self._files.sync_folder(self.folder)

    def _place(self, path: Path, key: bytes) -> None:
        """Half a key is never there under its name, and one that came meanwhile stays."""
        draft = path.with_name(f".{path.name}.{new_id()}")
        self._files.create(draft, [_hex(key)], 0o600)
        try:
            self._files.link(draft, path)
        except FileExistsError:
            raise BadKeys(f"{path} came meanwhile; try again") from None
        finally:
            self._files.unlink(draft)

    def _drop(self, draft: Path) -> None:
        if draft.is_dir():
            for path in draft.iterdir():
                self._files.unlink(path)
            self._files.remove_folder(draft)

    def _write(self, folder: Path, keys: KeySet) -> None:
        self._files.make_folder(folder, 0o700)
        for one, key in sorted(keys.items()):
            self._files.create(folder / _name(one), [_hex(key)], 0o600)
        self._files.sync_folder(folder)


def backup(keys: KeySet) -> bytes:
    """All of `keys` as one file."""
    by_name = {_name(one): key.hex() for one, key in sorted(keys.items())}
    told = {"what": _HEAD, "keys": by_name, "sum": _sum(by_name)}
    return json.dumps(told, indent=1).encode() + b"\n"


def from_backup(data: bytes) -> KeySet:
    """What `backup` was made of; BadKeys when it is not whole."""
    try:
        told = json.loads(data)
        by_name = dict(told["keys"])
        if told["what"] != _HEAD or told["sum"] != _sum(by_name):
            raise BadKeys("the backup is damaged: its sum is wrong")
        found = [(_FILE.fullmatch(name), key) for name, key in by_name.items()]
        return {(match[1], int(match[2])): _sized(bytes.fromhex(key)) for match, key in found if match}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise error if isinstance(error, BadKeys) else BadKeys("this is no backup of keys") from None


class Keys:
    """The keys in use.  `load` first; after that everything is quick."""

    def __init__(self, folder: KeyFolder, durable: Durable, threads: Threads) -> None:
        self._folder = folder
        self._durable = durable
        self._threads = threads
        self._keys: Mapping[tuple[str, int], bytes] = {}
        self._reading = DeferredLock()
        self._stopped = False

    async def start(self) -> None:
        """The keys are loaded, and made when this is the first start.  StateUnusable when they are gone or
        are not those with which the state was made; and when it is the state that is gone: nobody would have
        a second factor any more, and where none is required all would get in without."""
        self._stopped = False
        pins = await self._durable.pins()
        known = await self._threads.run(self._loaded, _used(pins))
        if not _used(pins) and await self._threads.run(lambda: self._folder.in_use):
            pins = await self._durable.pins()  # what was pinned first, if another begins in this moment
            if not _used(pins):
                raise StateUnusable(STATE_GONE.format(folder=self._folder.folder, mark=IN_USE))
        self._keys = await self._checked(known, pins)
        await self._threads.run(self._mark_in_use)
        for one in set(known) - set(self._keys):  # forgotten, and cut short there, or restored since
            await self._changed(lambda one=one: self._folder.remove(*one))  # type: ignore[misc]

    async def reload(self) -> None:
        """Keys that came or went since are known; on StateUnusable it is as before."""
        await self._reading.acquire()  # who began later has read what is newer
        try:
            known = await self._threads.run(self._loaded, True)
            self._keys = await self._checked(known, await self._durable.pins())
        finally:
            self._reading.release()

    async def stop(self) -> None:
        """Nothing is read any more."""
        self._stopped = True
        await self._reading.acquire()
        self._reading.release()

    def heard(self, word: bytes) -> None:
        """Another process has changed the keys."""
        if word == CHANGED and not self._stopped:
            spawn(self.reload(), "reading the keys again")

    async def add(self, name: str) -> int:
        """A new key of this name, used from now on for whatever is made; its version."""
        version = self.versions(name)[0] + 1
        await self._changed(lambda: self._folder.add({(name, version): secrets.token_bytes(SIZE)}))
        await self.reload()
        return version

    async def forget(self, name: str, version: int) -> None:
        """A key that nothing needs is gone for good; if its file comes back, nobody looks at it."""
        await self._durable.pin(_FORGOTTEN + _name((name, version)), b"")
        await self._changed(lambda: self._folder.remove(name, version))
        await self.reload()

    async def _changed(self, change: Callable[[], None]) -> None:
        try:
            await self._threads.run(change)
        except (OSError, BadKeys) as error:
            raise StateUnusable(str(error)) from error

    async def _checked(self, known: KeySet, pins: Mapping[str, bytes]) -> dict[tuple[str, int], bytes]:
        """Those of `known` that were not forgotten; they are pinned.  StateUnusable when one is missing or is
        not the one that was pinned."""
        forgotten = {name.removeprefix(_FORGOTTEN) for name in pins if name.startswith(_FORGOTTEN)}
        keys = {one: key for one, key in known.items() if _name(one) not in forgotten}
        pinned = {name.removeprefix(_PINNED): pins[name] for name in pins if name.startswith(_PINNED)}
        if missing := sorted(set(pinned) - forgotten - {_name(one) for one in keys}):
            raise StateUnusable(self._sentence(f"there is no key {', '.join(missing)}"))
        for one, key in sorted(keys.items()):
            value = _fingerprint(key)
            if not hmac.compare_digest(pinned.get(_name(one), value), value):
                raise StateUnusable(self._sentence(f"{_name(one)} is not the key this state was made with"))
        if new := sorted(one for one in keys if _name(one) not in pinned):
            for one in new:
                await self._durable.pin(_PINNED + _name(one), _fingerprint(keys[one]))
            return await self._checked(known, await self._durable.pins())  # another may have been faster
        return keys

    def _mark_in_use(self) -> None:
        try:
            self._folder.mark_in_use()
        except FileExistsError:  # another process was faster
            pass
        except OSError as error:
            raise StateUnusable(str(error)) from error

    def _loaded(self, used: bool) -> KeySet:
        try:
            known = self._folder.read()
            if not known and not used:
                self._folder.make()
                known = self._folder.read()
        except (OSError, BadKeys) as error:
            raise StateUnusable(str(error)) from error
        missing = [name for name in NAMES if not any(name == have for have, _ in known)]
        if missing:
            raise StateUnusable(self._sentence(f"there is no key {', '.join(missing)}"))
        return known

    def _sentence(self, what: str) -> str:
        return f"{self._folder.folder}: {what}; bring the keys back with: mailtwist keys restore FILE"

    def versions(self, name: str) -> tuple[int, ...]:
        """The newest first."""
        return tuple(sorted((version for have, version in self._keys if have == name), reverse=True))

    def mac(self, name: str, version: int, *fields: str | bytes) -> bytes:
        """HMAC-SHA256 over all fields; two different lists of fields never give the same input."""
        octets = [one.encode() if isinstance(one, str) else one for one in fields]
        whole = b"".join(len(one).to_bytes(8, "big") + one for one in octets)
        return hmac.digest(self._keys[name, version], whole, "sha256")

    def seal(self, data: bytes, *about: str) -> tuple[int, bytes]:
        """The key version and AES-256-GCM's nonce and text, bound to what it is `about`."""
        version = self.versions(SEEDS)[0]
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(self._keys[SEEDS, version]).encrypt(nonce, data, _bound(about, version))
        return version, nonce + sealed

    def unseal(self, version: int, sealed: bytes, *about: str) -> bytes:
        """What was sealed; StateUnusable when the key is missing, or the record was changed or moved."""
        key = self._keys.get((SEEDS, version))
        if key is None:
            raise StateUnusable(self._sentence(f"there is no key {SEEDS}.{version}"))
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(about, version))
        except (InvalidTag, ValueError):
            raise StateUnusable(
                f"a seed or refresh token in the state of {about[0]} does not open: it was changed"
            ) from None


def _used(pins: Mapping[str, bytes]) -> bool:
    return any(name.startswith(_PINNED) for name in pins)


def _fingerprint(key: bytes) -> bytes:
    return hmac.digest(key, b"mailtwist fingerprint", "sha256")[:8]


def named(text: str) -> tuple[str, int] | None:
    """`seeds.1` as name and version."""
    found = _FILE.fullmatch(text)
    return (found[1], int(found[2])) if found and found[1] in NAMES else None


def _bound(about: tuple[str, ...], version: int) -> bytes:
    return json.dumps([*about, version]).encode()


def _name(one: tuple[str, int]) -> str:
    return f"{one[0]}.{one[1]}"


def _hex(key: bytes) -> bytes:
    return key.hex().encode() + b"\n"


def _sum(by_name: Mapping[str, str]) -> str:
    return sha256(json.dumps(sorted(by_name.items())).encode()).hexdigest()


def _key(path: Path) -> bytes:
    try:
        return _sized(bytes.fromhex(path.read_text("ascii").strip()))
    except (ValueError, OSError) as error:
        raise BadKeys(f"{path} cannot be read: {error}") from None


def _sized(key: bytes) -> bytes:
    if len(key) != SIZE:
        raise BadKeys(f"a key has {SIZE} octets")
    return key
