"""Names that are proven by records: written by a program of the operator's, or standing there for ever."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.certificates import MemoryStore
from mailtwist.tls.acme.dns01 import Dns01
from mailtwist.tls.acme.dns_persist01 import DnsPersist01
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.dns.exec import Command, Program, Settings
from tests.tls.acme.fake_ca import FakeCA, fake_ca
from tests.tls.acme.ordering import Brisk, certified, registered, resolver
from tests.tls.acme.pebble import pebble, zones


class ByProgram(TestCase):
    timeout = 180

    def setUp(self) -> None:
        settings = Settings(
            command=Command.parse(zones().hook),
            propagation="resolver",
            propagation_timeout=Duration(600),
        )
        program = Program(settings, OnePart(Path()))
        self.addCleanup(program.stop)
        self.store = MemoryStore(SystemClock())
        self.solver = Dns01(program, resolver(zones()), self.store, Brisk())

    async def test_a_domain_and_all_below_it(self) -> None:
        names = ("exec.test", "*.exec.test", "mail.exec.test")
        made = await certified(await registered(self, pebble()), *names, by=[self.solver])
        pebble().verified(made.pem, *names)
        for name in ("exec.test", "mail.exec.test"):
            self.assertFalse((await resolver(zones()).txt(f"_acme-challenge.{name}")).records)
        self.assertFalse(await self.store.showing("dns-01"))


class Standing(TestCase):
    """dns-persist-01: the authority is the fake one, the record is in a real zone."""

    timeout = 180

    def setUp(self) -> None:
        self.dns = resolver(zones())
        self.solver = DnsPersist01(self.dns, SystemClock())

    async def authority(self) -> FakeCA:
        ca = await fake_ca(self, kinds=("dns-persist-01",), issuers=("fake.test", "also.fake.test"))

        async def texts(name: str) -> Any:
            return (await self.dns.txt(name)).records

        ca.txt = texts
        return ca

    def record(self, name: str, text: str) -> None:
        zones().txt(f"_validation-persist.{name}", text)
        self.addCleanup(zones().forget, f"_validation-persist.{name}")

    async def test_who_has_the_record_gets_certificates_again_and_again(self) -> None:
        ca = await self.authority()
        one = await registered(self, ca)
        self.record("kept.test", f"also.fake.test; accounturi={one.account}; policy=wildcard")
        for _ in range(2):
            made = await certified(one, "kept.test", "*.kept.test", by=[self.solver])
            ca.verified(made.pem, "kept.test", "*.kept.test")

    async def test_the_record_that_is_missing_is_said_and_then_does(self) -> None:
        """As it is said it can be copied into a zone."""
        ca = await self.authority()
        one = await registered(self, ca)
        with self.assertRaises(NotIssued) as caught:
            await certified(one, "*.new.test", by=[self.solver])
        self.assertEqual(ca.count("challenge"), 0)  # no failed validation is spent
        words = caught.exception.words
        self.assertIn("_validation-persist.new.test", words)
        self.record("new.test", words.partition('"')[2].partition('"')[0])
        made = await certified(one, "*.new.test", by=[self.solver])
        ca.verified(made.pem, "*.new.test")

    async def test_a_record_for_somebody_else_does_not_do(self) -> None:
        ca = await self.authority()
        one, other = await registered(self, ca), await registered(self, ca)
        self.record("theirs.test", f"fake.test; accounturi={other.account}")
        with self.assertRaises(NotIssued) as caught:
            await certified(one, "theirs.test", by=[self.solver])
        self.assertIn("another account", caught.exception.words)
        self.assertEqual(ca.count("challenge"), 0)
        self.record("theirs.test", f"fake.test; accounturi={one.account}")
        await certified(one, "theirs.test", by=[self.solver])
        await certified(other, "theirs.test", by=[self.solver])
