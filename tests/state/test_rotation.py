"""New keys in the place of old ones, cut short at every step."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.api import TokenForm
from mailtwist.auth.tokens import Tokens
from mailtwist.config.part import SupportsReload
from mailtwist.kit.files import DiskFiles, Files
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.state.grants import Grants
from mailtwist.state.keys import (
    CHANGED,
    DEVICES,
    IDENTITY,
    NAMES,
    SEEDS,
    KeyFolder,
    Keys,
    backup,
    from_backup,
)
from mailtwist.state.process import durable, keys, volatile
from mailtwist.state.records import Token
from mailtwist.state.rotation import Rotation, StillNeeded
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.durable import NOW
from mailtwist.testing.durable_devices import a_device
from mailtwist.testing.files import WatchedFiles

REFRESH = "a refresh token"
SEEDS_OF = {f"t{number}": f"seed {number}".encode() for number in range(5)}


class PowerGoes(Exception):
    """Nothing more happens in this process."""


class Mortal:
    """Whatever is called on `inner` counts; the call with the number `at` does not come back, and none after
    it: `done` says whether it was done."""

    def __init__(self, inner: Any, life: "Life") -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("pin", "reseal", "sealed_before", "change_grant", "grants_sealed_before", "announce"):
            return found

        async def called(*args: Any) -> Any:
            self._life.before(name)
            value = await found(*args)
            self._life.after(name)
            return value

        return called


class MortalFiles(WatchedFiles):
    def __init__(self, life: "Life") -> None:
        super().__init__()
        self._life = life

    def before(self, name: str, *paths: Path) -> None:
        self._life.before(name)

    def after(self, name: str, *paths: Path) -> None:
        self._life.after(name)


class Life:
    def __init__(self, at: int, done: bool) -> None:
        self._left = at
        self._done = done
        self.over = ""

    def before(self, name: str) -> None:
        if self.over or (self._left == 0 and not self._done):
            self.over = self.over or name
            raise PowerGoes(self.over)

    def after(self, name: str) -> None:
        self._left -= 1
        if self._left < 0:
            self.over = name
            raise PowerGoes(name)


class Process:
    """One process on the state folder."""

    def __init__(self, folder: Path, life: Life | None = None) -> None:
        self.assembly = OnePart(folder)
        self.keys: Keys = keys(self.assembly)
        self.durable = durable(self.assembly)
        self.volatile = volatile(self.assembly)
        self.heard: list[bytes] = []
        self.volatile.listen(self.heard.append)
        files: Files = MortalFiles(life) if life else DiskFiles()
        self._life = life
        self._files = files
        self.rotation = Rotation(self.keys, self.durable, self.volatile)

    async def start(self) -> "Process":
        await self.assembly.start()
        if self._life is not None:
            self.keys._folder = KeyFolder(self.assembly.folder / "keys", self._files)
            self.keys._durable = mortal = Mortal(self.durable, self._life)  # type: ignore[assignment]
            self.rotation = Rotation(self.keys, mortal, Mortal(self.volatile, self._life))  # type: ignore[arg-type]
        return self

    async def stop(self) -> None:
        await self.assembly.stop()

    async def enroll(self, id: str, seed: bytes) -> None:
        version, sealed = self.keys.seal(seed, "ann", id)
        await self.durable.add_token(Token(id, "ann", "totp", sealed, version, NOW))

    async def seeds(self) -> dict[str, bytes]:
        tokens = await self.durable.all_tokens("ann")
        return {one.id: self.keys.unseal(one.key_version, one.sealed, "ann", one.id) for one in tokens}

    async def versions(self) -> set[int]:
        tokens, grants = await self.durable.all_tokens("ann"), await self.durable.grants()
        return {one.key_version for one in (*tokens, *grants)}

    @property
    def grants(self) -> Grants:
        return Grants(self.durable, self.keys, self.assembly.clock)

    async def refresh_token(self) -> str:
        grant = await self.grants.of("ann", "provider")
        return "" if grant is None else await self.grants.opened(grant)


class RotationCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    async def process(self, life: Life | None = None) -> Process:
        process = Process(self.folder, life)
        self.addCleanup(process.stop)
        return await process.start()

    async def made(self) -> Process:
        process = await self.process()
        for id, seed in SEEDS_OF.items():
            await process.enroll(id, seed)
        return process


class RotationTests(RotationCase):
    async def test_every_seed_is_sealed_anew(self) -> None:
        process = await self.made()
        rotated = await process.rotation.rotate(SEEDS)
        self.assertEqual((rotated.version, rotated.resealed, rotated.finished), (2, 5, False))
        self.assertEqual(await process.versions(), {2})
        self.assertEqual(await process.seeds(), SEEDS_OF)
        self.assertEqual(process.keys.versions(SEEDS), (2, 1))
        self.assertEqual(process.heard, [CHANGED])

    async def test_a_refresh_token_is_sealed_anew(self) -> None:
        process, other = await self.made(), await self.process()
        await process.grants.put("ann", "provider", "ann@example.org", REFRESH)
        rotated = await process.rotation.rotate(SEEDS)
        self.assertEqual((rotated.version, rotated.resealed), (2, 6))
        await process.rotation.forget(SEEDS, 1)
        self.assertEqual(await process.refresh_token(), REFRESH)
        self.assertEqual(await other.refresh_token(), REFRESH)  # which had not heard of the key

    async def test_the_key_of_a_refresh_token_is_needed(self) -> None:
        late, process = await self.process(), await self.process()
        await process.grants.put("ann", "provider", "ann@example.org", REFRESH)
        grant = await process.grants.of("ann", "provider")
        await process.rotation.rotate(SEEDS)
        await late.durable.set_grant(grant)  # type: ignore[arg-type]
        with self.assertRaises(StillNeeded) as refused:
            await process.rotation.forget(SEEDS, 1)
        self.assertIn("seeds.1: 1 seeds or refresh tokens", refused.exception.detail)
        self.assertTrue((await process.rotation.rotate(SEEDS)).finished)
        await process.rotation.forget(SEEDS, 1)
        self.assertEqual(await process.refresh_token(), REFRESH)

    async def test_other_keys_are_new_for_what_is_made_from_now_on(self) -> None:
        process = await self.made()
        before = {name: process.keys.mac(name, 1, "x") for name in NAMES}
        for name in (IDENTITY, DEVICES):
            self.assertEqual((await process.rotation.rotate(name)).version, 2)
            self.assertEqual(process.keys.versions(name), (2, 1))
            self.assertNotEqual(process.keys.mac(name, 2, "x"), before[name])
            self.assertEqual(process.keys.mac(name, 1, "x"), before[name])
        self.assertEqual(await process.versions(), {1})

    async def test_a_process_that_runs_hears_of_it_or_finds_out(self) -> None:
        other = await self.made()
        process = await self.process()
        await process.rotation.rotate(SEEDS)
        self.assertEqual(other.keys.versions(SEEDS), (1,))
        await other.keys.reload()
        self.assertEqual(other.keys.versions(SEEDS), (2, 1))
        self.assertEqual(await other.seeds(), SEEDS_OF)

    async def test_a_hang_up_makes_a_process_read_its_keys_again(self) -> None:
        process = await self.made()
        self.assertIsInstance(process.keys, SupportsReload)

    async def test_the_word_makes_a_process_read_its_keys_again(self) -> None:
        process, other = await self.made(), await self.process()
        await process.rotation.rotate(DEVICES)
        reloaded: list[bool] = []

        async def reload() -> None:
            reloaded.append(True)

        other.keys.reload = reload  # type: ignore[method-assign]
        other.keys.heard(b"something else")
        self.assertEqual(reloaded, [])
        other.keys.heard(CHANGED)
        self.assertEqual(reloaded, [True])

    async def test_a_seed_that_came_late_is_resealed_the_next_time(self) -> None:
        """A process that had not heard of the new key yet."""
        late, process = await self.made(), await self.process()
        await process.rotation.rotate(SEEDS)
        await late.enroll("late", b"late seed")
        with self.assertRaises(StillNeeded):
            await process.rotation.forget(SEEDS, 1)
        rotated = await process.rotation.rotate(SEEDS)
        self.assertEqual((rotated.version, rotated.resealed, rotated.finished), (2, 1, True))
        self.assertEqual(await process.seeds(), {**SEEDS_OF, "late": b"late seed"})
        self.assertEqual((await process.rotation.rotate(SEEDS)).version, 3)

    async def test_what_is_made_where_nobody_heard_of_it_is_sealed_with_the_new_key(self) -> None:
        late, process = await self.made(), await self.process()
        tokens = Tokens("recovery", late.assembly)
        await process.rotation.rotate(SEEDS)
        await process.rotation.forget(SEEDS, 1)
        token = await tokens.add("ann", b"a late one", "", TokenForm())
        self.assertEqual(await process.seeds(), {**SEEDS_OF, token.id: b"a late one"})

    async def test_a_rotation_that_nobody_could_be_told_of_is_told_when_it_is_finished(self) -> None:
        process = await self.made()
        announce = process.volatile.announce

        async def away(word: bytes) -> None:
            raise StateAway("Redis is away")

        process.volatile.announce = away  # type: ignore[method-assign]
        with self.assertRaises(StateAway):
            await process.rotation.rotate(SEEDS)
        process.volatile.announce = announce  # type: ignore[method-assign]
        rotated = await process.rotation.rotate(SEEDS)
        self.assertEqual((rotated.version, rotated.resealed, rotated.finished), (2, 5, True))
        self.assertEqual(process.heard, [CHANGED])

    async def test_two_at_once_lose_nothing(self) -> None:
        first, second = await self.made(), await self.process()
        together = [started(one.rotation.rotate(SEEDS)) for one in (first, second)]
        for one in together:
            try:
                await one
            except StateUnusable as one_was_faster:
                self.assertIn("came meanwhile", one_was_faster.detail)
        again = await self.process()
        await again.rotation.rotate(SEEDS)
        self.assertEqual(await again.seeds(), SEEDS_OF)
        self.assertEqual(await again.versions(), {again.keys.versions(SEEDS)[0]})

    async def test_a_damaged_seed_stops_it_and_is_named(self) -> None:
        process = await self.made()
        (token, *_) = await process.durable.all_tokens("ann")
        await process.durable.reseal(token, 1, b"x" * 40)
        with self.assertRaises(StateUnusable) as refused:
            await process.rotation.rotate(SEEDS)
        self.assertIn("a seed or refresh token in the state of ann does not open", refused.exception.detail)
        await process.durable.remove_token("ann", token.id)
        self.assertTrue((await process.rotation.rotate(SEEDS)).finished)


class ForgetTests(RotationCase):
    async def test_what_nothing_needs_is_gone_for_good(self) -> None:
        process = await self.made()
        saved = backup(process.keys._folder.read())
        for name in NAMES:
            await process.rotation.rotate(name)
            await process.rotation.forget(name, 1)
            self.assertEqual(process.keys.versions(name), (2,))
            self.assertFalse((self.folder / "keys" / f"{name}.1").exists())
        self.assertEqual(await process.seeds(), SEEDS_OF)
        process.keys._folder.add(from_backup(saved))
        again = await self.process()
        self.assertEqual([again.keys.versions(name) for name in NAMES], [(2,)] * 3)

    async def test_the_one_in_use_is_kept(self) -> None:
        process = await self.made()
        for name, version in ((SEEDS, 1), (IDENTITY, 1), (SEEDS, 2), (DEVICES, 0)):
            with self.assertRaises(StillNeeded):
                await process.rotation.forget(name, version)

    async def test_saved_strings_need_their_key_while_anybody_looks_for_them(self) -> None:
        process = await self.made()
        await process.durable.remember(a_device("d1", process.assembly.clock.now()), 8)
        await process.rotation.rotate(DEVICES)
        with self.assertRaises(StillNeeded) as refused:
            await process.rotation.forget(DEVICES, 1)
        self.assertEqual(refused.exception.detail, "devices.1: 1 saved strings are known by it")
        await process.rotation.rotate(DEVICES)
        await process.rotation.forget(DEVICES, 1)

    async def test_a_key_that_was_not_forgotten_and_is_gone_is_missed(self) -> None:
        process = await self.made()
        await process.rotation.rotate(SEEDS)
        for version in (1, 2):
            path = self.folder / "keys" / f"seeds.{version}"
            octets = path.read_bytes()
            path.unlink()
            with self.assertRaises(StateUnusable) as refused:
                await self.process()
            self.assertIn(f"there is no key seeds.{version}; bring the keys back", refused.exception.detail)
            with self.assertRaises(StateUnusable):
                await process.keys.reload()
            self.assertEqual(process.keys.versions(SEEDS), (2, 1))
            path.write_bytes(octets)


class CutShortTests(RotationCase):
    """Power goes at the n-th step, before it is made or before anybody hears of it."""

    async def at_every_step(self, rotated: bool, act: Callable[[Process], Awaitable[object]]) -> None:
        """Whatever is left, the next process has all seeds, and can do the same again."""
        at, ends = 0, 0
        while ends < 2:
            ends = sum([await self.cut_short(rotated, act, Life(at, done)) for done in (False, True)])
            at += 1
        self.assertGreater(at, 4)

    async def cut_short(self, rotated: bool, act: Callable[[Process], Awaitable[object]], life: Life) -> bool:
        """It came to its end before."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        first = await self.made()
        await first.grants.put("ann", "provider", "ann@example.org", REFRESH)
        if rotated:
            await first.rotation.rotate(SEEDS)
        try:
            await act(await self.process(life))
        except (PowerGoes, StateUnusable, StateAway):
            pass
        again = await self.process()
        self.assertEqual(await again.seeds(), SEEDS_OF, life.over)
        self.assertEqual(await again.refresh_token(), REFRESH, life.over)
        try:
            await act(again)
        except StillNeeded as done:
            self.assertEqual(done.detail, "there is no key seeds.1", life.over)
        self.assertEqual(await again.seeds(), SEEDS_OF)
        self.assertEqual(await again.refresh_token(), REFRESH)
        self.assertEqual(await again.versions(), {again.keys.versions(SEEDS)[0]})
        names = {path.name for path in (self.folder / "keys").iterdir() if not path.name.startswith(".")}
        self.assertEqual({name for name in names if name.startswith("seeds")}, self.files(again))
        return not life.over

    def files(self, process: Process) -> set[str]:
        return {f"seeds.{version}" for version in process.keys.versions(SEEDS)}

    async def test_rotating(self) -> None:
        await self.at_every_step(False, lambda process: process.rotation.rotate(SEEDS))

    async def test_forgetting(self) -> None:
        await self.at_every_step(True, lambda process: process.rotation.forget(SEEDS, 1))
