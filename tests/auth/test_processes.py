"""Two real processes that decide: one code, one login; one budget, also when one is killed."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyotp
from twisted.trial.unittest import TestCase

from mailtwist.kit.ids import new_id
from mailtwist.testing.server import import_path
from tests.auth.hammer import assembled
from tests.peers.programs import needs
from tests.state.redis_server import shared_server

FULL = os.environ.get("SOAK") == "full"
PEOPLE = 400 if FULL else 12
GUESSES = 200
ALLOWED = 20
"""[limits] account, within an hour."""


class Hammer:
    def __init__(self, folder: Path, redis: str) -> None:
        arguments = [sys.executable, "-m", "tests.auth.hammer", str(folder.absolute()), redis]
        env = {**os.environ, "PYTHONPATH": import_path()}
        self._child = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True, bufsize=1
        )

    def begun(self) -> "Hammer":
        assert self.heard() == "ready"
        return self

    def tell(self, at: float, logins: Sequence[Sequence[str]]) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"at": at, "logins": logins}) + "\n")

    def heard(self) -> Any:
        assert self._child.stdout is not None
        return json.loads(self._child.stdout.readline())

    def kill(self) -> None:
        self._child.kill()
        self._child.communicate()


class Contract:
    """Mix into a trial `TestCase` with `redis`, what the processes are told of it."""

    timeout = 600
    redis = "-"

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.processes = [self.process() for _ in range(2)]
        for process in self.processes:
            process.begun()

    def process(self) -> Hammer:
        begun = Hammer(self.folder, self.redis)
        self.addCleanup(begun.kill)
        return begun

    async def enrolled(self, people: Sequence[str]) -> dict[str, pyotp.TOTP]:
        assembly = assembled(self.folder, "-")
        totp: Any = assembly.part("factor", "totp")
        await assembly.start()
        tokens = {}
        for name in people:
            tokens[name] = pyotp.TOTP((await totp.enroll(name, name)).secret)
            self.assertTrue(await totp.confirm(name, tokens[name].at(int(time.time()) - 30)))
        await assembly.stop()
        return tokens

    def said(self, first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> list[list[str]]:
        """How it went at both, which began in the same moment."""
        at = time.time() + 0.5
        for process, logins in zip(self.processes, (first, second), strict=True):
            process.tell(at, logins)
        return [process.heard() for process in self.processes]

    def looks(self, account: str) -> int:
        return Counter(line.split()[0] for line in (self.folder / "looks").read_text().splitlines())[account]

    def guesses(self, first: int, number: int) -> list[list[str]]:
        """Each from an address of its own."""
        codes = (f"{n:06d}" for n in range(first, 1000) if f"{n:06d}" not in self.right)
        return [["ann@x.test", f"one@{next(codes)}", f"100.64.{first % 250 + n}.1"] for n in range(number)]

    async def under_attack(self) -> None:
        token = (await self.enrolled(["ann"]))["ann"]
        now = int(time.time())
        self.right = {token.at(now + 30 * step) for step in range(-3, 20)}

    async def test_the_same_code_at_both_in_the_same_moment_is_accepted_once(self) -> None:
        tokens = await self.enrolled([f"p{number}" for number in range(PEOPLE)])
        here, there = [], []
        for number, (name, token) in enumerate(tokens.items()):
            code = token.now()
            strings = f"one@{code}", f"{'two' if number % 2 else 'one'}@{code}"
            for logins, string, net in zip((here, there), strings, ("203", "198"), strict=True):
                logins.append([f"{name}@x.test", string, f"{net}.{number // 250}.{number % 250}.1"])
        pairs = [sorted(pair) for pair in zip(*self.said(here, there), strict=True)]
        self.assertEqual(pairs, [["in", "refused"]] * PEOPLE)

    async def test_one_client_at_both_with_one_string_is_judged_once(self) -> None:
        tokens = await self.enrolled([f"p{number}" for number in range(PEOPLE)])
        logins = [
            [f"{name}@x.test", f"one@{token.now()}", f"203.{number // 250}.{number % 250}.1"]
            for number, (name, token) in enumerate(tokens.items())
        ]
        self.assertEqual(self.said(logins, logins), [["in"] * PEOPLE] * 2)
        self.assertEqual({name: self.looks(name) for name in tokens}, dict.fromkeys(tokens, 1))

    async def test_guesses_at_both_are_one_budget(self) -> None:
        await self.under_attack()
        said = self.said(self.guesses(0, GUESSES // 2), self.guesses(500, GUESSES // 2))
        self.assertEqual(Counter([*said[0], *said[1]]), {"refused": ALLOWED, "later": GUESSES - ALLOWED})
        self.assertEqual(self.looks("ann"), ALLOWED)

    async def test_a_process_that_is_killed_gives_nobody_more_guesses(self) -> None:
        await self.under_attack()
        for process, first in zip(self.processes, (0, 500), strict=True):
            process.tell(time.time(), self.guesses(first, GUESSES // 2))
        while not (self.folder / "looks").exists() or self.looks("ann") < 3:
            time.sleep(0.005)
        self.processes[0].kill()
        self.assertNotIn("in", self.processes[1].heard())
        self.processes[0] = self.process().begun()
        said = self.said(self.guesses(200, 30), self.guesses(700, 30))
        self.assertNotIn("in", [*said[0], *said[1]])
        self.assertLessEqual(self.looks("ann"), ALLOWED)


class SqliteTests(Contract, TestCase):
    pass


@needs("redis-server")
class RedisTests(Contract, TestCase):
    def setUp(self) -> None:
        self.redis = f"{shared_server().port}:{new_id()}"
        super().setUp()
