"""Whole servers and authorities with moods: renewal when one wants it, and the next one when it fails."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.process.certified import DOORS, NAME, Certified
from tests.process.site import eventually
from tests.tls.acme.fake_ca import FakeCA
from tests.tls.acme.faults import Problem

DAY = 86400.0
HOUR = 3600.0


class Renewed(TestCase):
    timeout = 120

    def made(self, *authorities: FakeCA, tls: str = "") -> Certified:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-renewed-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        made = Certified(folder, authorities, f"challenges = http-01\ndomain_names = none\n{tls}")
        for one in authorities:
            one.now = lambda: made.now
        self.addCleanup(deferToThread, made.end)
        return made

    async def begun(self, *authorities: FakeCA) -> Certified:
        """It has a certificate."""
        made = self.made(*authorities)
        await deferToThread(made.start)
        await self.until(made, lambda: sum(len(one.issued) for one in authorities))
        await self.until(made, lambda: made.serial() == _last(*authorities))
        return made

    def authority(self, **how: Any) -> FakeCA:
        made = FakeCA(**how)
        self.addCleanup(lambda: Deferred.fromCoroutine(made.close()))
        return made

    async def until(self, one: Certified, true: Callable[[], object]) -> None:
        self.assertTrue(await deferToThread(eventually, true), one.server.log)

    async def test_when_the_authority_wants_it(self) -> None:
        """It changes its mind, says what it replaces, and does not order once more."""
        ca = self.authority(life=45 * DAY)
        one = await self.begun(ca)
        first = ca.issued[0]
        ca.explanation = "https://ca.example.test/why"
        ca.windows[first.id] = (one.now - 2 * HOUR, one.now - HOUR)
        one.advance(7 * HOUR)
        await self.until(one, lambda: one.serial() not in (0, first.certificate.serial_number))
        self.assertEqual([leaf.replaces for leaf in ca.issued], ["", first.id])
        [told] = one.events("acme.renewal_suggested")
        self.assertIn(ca.explanation, told)
        one.advance(38 * DAY)
        await self.until(one, lambda: len(ca.issued) == 3 and one.serial() == _last(ca))
        self.assertEqual([leaf.replaced for leaf in ca.issued], [True, True, False])
        self.assertEqual(len(await deferToThread(one.verified)), 1)
        self.assertEqual(ca.count("order"), 3)
        self.assertEqual(ca.count("account"), 1)
        self.assertEqual(one.complaints, [])

    async def test_each_client_gets_the_key_that_it_can_read(self) -> None:
        ca = self.authority()
        one = self.made(ca, tls="key = both")
        await deferToThread(one.start)
        await self.until(one, lambda: len(ca.issued) == 2 and len(one.events("tls.swapped")) == 2)
        roots = one.folder / "roots.pem"
        roots.write_bytes(ca.root().public_bytes(Encoding.PEM))
        for version in ("-tls1_2", "-tls1_3"):
            for algorithms, bits in (("RSA-PSS+SHA256:RSA+SHA256", 2048), ("ECDSA+SHA256", 256)):
                wants = ("-sigalgs", algorithms, "-CAfile", str(roots), "-verify_hostname", NAME)
                said = await deferToThread(one.openssl, "imaps", version, *wants, "-servername", NAME)
                self.assertIn("Verify return code: 0 (ok)", said)
                self.assertIn(f"Server public key is {bits} bit", said)

    async def test_a_certificate_for_six_days(self) -> None:
        ca = self.authority(life=6 * DAY, ari=False)
        one = await self.begun(ca)
        for count in (2, 3):
            one.advance(3.4 * DAY)
            await self.until(one, lambda: len(ca.issued) == count and one.serial() == _last(ca))
        self.assertEqual(ca.count("order"), 3)
        self.assertEqual(one.events("ends_soon"), [])

    async def test_the_second_authority_when_the_first_wants_to_be_left_alone(self) -> None:
        """And the first again at the next renewal."""
        first, second = self.authority(name="First"), self.authority(name="Second")
        first.always("order", Problem("rateLimited", "enough", 429, retry_after="7200"))
        one = await self.begun(first, second)
        self.assertEqual((len(first.issued), len(second.issued)), (0, 1))
        self.assertLess(first.count("order"), 3)
        first.mend()
        one.advance(75 * DAY)
        await self.until(one, lambda: first.issued and one.serial() == _last(first))
        self.assertEqual(len(await deferToThread(one.verified, 0)), 1)
        self.assertEqual(len(second.issued), 1)
        self.assertEqual(one.complaints, [])

    async def test_when_nobody_issues_it_is_said_aloud_and_the_old_one_stays(self) -> None:
        ca = self.authority(ari=False)
        one = await self.begun(ca)
        ca.always("order", Problem("serverInternal", "out of order", 500))
        one.advance(65 * DAY)
        await self.until(one, lambda: one.events("out of order"))
        self.assertEqual(await deferToThread(one.serial), _last(ca))
        self.assertEqual(one.events("ends_soon"), [])
        one.advance(10 * DAY)
        await self.until(one, lambda: one.events("ends_soon"))
        ca.mend()
        one.advance(DAY)
        await self.until(one, lambda: len(ca.issued) == 2 and one.serial() == _last(ca))
        self.assertEqual(len(await deferToThread(one.verified)), 1)
        for door in DOORS:
            leaf = await deferToThread(one.shown, door, NAME)
            self.assertEqual(leaf.serial_number, _last(ca))


def _last(*authorities: FakeCA) -> int:
    return next(one.issued[-1].certificate.serial_number for one in authorities if one.issued)
