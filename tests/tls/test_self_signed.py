"""A certificate of our own making: made once, kept, renewed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.kit.files import DiskFiles
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.own import self_signed
from mailtwist.tls.sources.self_signed import LOOK_EVERY, SelfSigned, Settings, part
from tests.tls.client import Asking, connected, listening
from tests.tls.made import NOW


class Full(DiskFiles):
    def create(self, *args: object) -> None:
        raise OSError(28, "No space left on device")


class Keeping(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.house = OnePart(self.folder, name="public", hostname="mx.example.org", threads=AtOnce())
        self.path = self.folder / "tls" / "public.pem"

    def begun(self, **settings: object) -> SelfSigned:
        built = part.build(Settings(**settings), self.house)
        self.successResultOf(started(built.start()))
        self.addCleanup(lambda: self.successResultOf(started(built.stop())))
        return built

    def test_the_certificate_names_this_server_and_the_loopback(self) -> None:
        built = self.begun(names=("pop.example.org",))
        (bundle,) = built.bundles
        self.assertEqual(bundle.names, ("mx.example.org", "pop.example.org", "localhost"))
        known = bundle.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual([str(ip) for ip in known.get_values_for_type(x509.IPAddress)], ["127.0.0.1", "::1"])
        self.assertIsInstance(bundle.key, ec.EllipticCurvePrivateKey)
        self.assertEqual(bundle.key.curve.name, "secp256r1")
        self.assertEqual(bundle.leaf.subject, bundle.leaf.issuer)

    def test_nobody_else_can_read_the_key(self) -> None:
        self.begun()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.path.parent.stat().st_mode & 0o777, 0o700)
        self.assertEqual([p.name for p in self.path.parent.iterdir()], ["public.pem"])

    def test_a_second_start_keeps_it(self) -> None:
        first = self.begun().bundles[0]
        self.assertEqual(self.begun().bundles[0].leaf, first.leaf)

    def test_it_is_made_anew_when_it_is_unusable_or_for_other_names(self) -> None:
        first = self.begun().bundles[0]
        second = self.begun(names=("new.example",)).bundles[0]
        self.assertNotEqual(first.leaf, second.leaf)
        self.path.write_bytes(b"damaged")
        third = self.begun().bundles[0]
        self.assertNotIn(third.leaf, (first.leaf, second.leaf))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_it_is_renewed_before_its_end_without_a_restart(self) -> None:
        built = self.begun()
        first, seen = built.bundles[0], set()
        while self.house.clock.now() < first.not_after:
            self.house.clock.advance(LOOK_EVERY)
            seen.add(built.bundles[0].not_after)
            self.assertFalse(built.bundles[0].expired(self.house.clock.now() + 29 * 86400))
        self.assertEqual(len(seen), 2)

    def test_a_full_disk_at_renewal_keeps_the_old_and_tries_again(self) -> None:
        built = self.begun()
        old = built.bundles
        events: list[dict] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.house.files = Full()
        self.house.clock.advance(380 * 86400)
        self.assertIs(built.bundles, old)
        self.assertEqual([e["event_id"] for e in events if "event_id" in e], ["tls.not_renewed"])
        self.house.files = DiskFiles()
        self.house.clock.advance(LOOK_EVERY)
        self.assertIsNot(built.bundles, old)

    def test_stopping_leaves_no_timer(self) -> None:
        built = self.begun()
        self.successResultOf(started(built.stop()))
        self.assertEqual(self.house.clock.reactor.getDelayedCalls(), [])

    def test_a_machine_without_a_proper_name_has_localhost(self) -> None:
        self.house.hostname = "my_laptop!"
        self.assertEqual(self.begun().bundles[0].names, ("localhost",))


class Trusting(TestCase):
    async def test_a_client_that_trusts_it_accepts_name_and_address(self) -> None:
        pem = self_signed(("mx.example.org", "localhost", "127.0.0.1"), datetime.now(UTC).timestamp())
        file = Path(self.mktemp())
        file.write_bytes(pem)
        served = ServerContexts()
        served.serve([read_bundle(pem, pem)])
        port = listening(self, served)
        for check, good in (
            (("-verify_hostname", "mx.example.org"), True),
            (("-verify_ip", "127.0.0.1"), True),
            (("-verify_hostname", "other.example"), False),
        ):
            out, _, code = await getProcessOutputAndValue(
                "openssl",
                [
                    "s_client",
                    "-connect",
                    f"127.0.0.1:{port}",
                    "-CAfile",
                    str(file),
                    "-verify_return_error",
                    *check,
                ],
                env={"PATH": "/usr/bin:/bin"},
                stdinBytes=b"Q\n",
            )
            self.assertEqual(b"Verify return code: 0 (ok)" in out and code == 0, good, out)

    async def test_it_is_served(self) -> None:
        pem = self_signed(("mx.example.org",), NOW.timestamp())
        served = ServerContexts()
        served.serve([read_bundle(pem, pem)])
        client = await connected(listening(self, served), Asking(None))
        self.assertEqual(await client.shaken.addTimeout(20, reactor), "mx.example.org")
        client.transport.loseConnection()
        await client.gone


class Clocks(SynchronousTestCase):
    def test_it_is_good_from_an_hour_ago_for_clients_whose_clock_is_late(self) -> None:
        pem = self_signed(("a.example",), NOW.timestamp())
        self.assertEqual(read_bundle(pem, pem).not_before, (NOW - timedelta(hours=1)).timestamp())
