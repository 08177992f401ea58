"""Which certificates are shown: bootstrap, kinds of keys, many names, and change a little at a time."""

import re
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.certificates import BadCertificate, read_bundle
from mailtwist.tls.contexts import ServerContexts
from tests.tls.client import listening
from tests.tls.made import Authority
from tests.tls.test_contexts import MX, NOW, ROOT, WIDE, OverLoopback, contexts

BOOTSTRAP = replace(ROOT.bundle("mx.example.org", "pop.example.net", common="made up"), bootstrap=True)


class Bootstrap(OverLoopback):
    async def test_it_is_shown_until_there_is_a_real_one(self) -> None:
        served = contexts(BOOTSTRAP)
        port = listening(self, served)
        self.assertTrue(served.bootstrapping)
        self.assertEqual((await self.shown(port, None))[0], "made up")
        served.serve([BOOTSTRAP, MX])
        self.assertFalse(served.bootstrapping)
        for name in (None, b"mx.example.org", b"elsewhere.example"):
            self.assertEqual((await self.shown(port, name))[0], "mx")

    async def test_it_is_replaced_whole_though_the_kinds_of_keys_differ(self) -> None:
        rsa = ROOT.bundle("mx.example.org", common="rsa", kind="RSA")
        port = listening(self, contexts(BOOTSTRAP, rsa))
        self.assertEqual((await self.shown(port, b"mx.example.org"))[0], "rsa")

    async def test_a_younger_one_does_not_win_nor_one_below_a_wildcard(self) -> None:
        young = replace(ROOT.bundle("mx.example.org", common="young", begins=NOW), bootstrap=True)
        self.assertEqual(
            (await self.shown(listening(self, contexts(young, WIDE)), b"mx.example.org"))[0], "wide"
        )

    async def test_it_stays_for_names_that_are_still_waited_for(self) -> None:
        served = contexts(BOOTSTRAP, WIDE, default_name="pop.example.net")
        port = listening(self, served)
        self.assertEqual((await self.shown(port, None))[0], "made up")
        self.assertTrue(served.bootstrapping)
        self.assertEqual((await self.shown(port, b"imap.example.org"))[0], "wide")

    def test_before_anything_is_served_it_is_none(self) -> None:
        self.assertFalse(ServerContexts().bootstrapping)


class Kinds(OverLoopback):
    async def test_three_kinds_of_keys_each_with_its_own_chain(self) -> None:
        signers = {kind: Authority(f"Link {kind}", ROOT) for kind in ("EC", "RSA", "Ed25519")}
        all_three = [
            signer.bundle("mx.example.org", common=f"leaf {kind}", kind=kind)
            for kind, signer in signers.items()
        ]
        served = contexts(*all_three)
        port = listening(self, served)
        for version in ("-tls1_2", "-tls1_3"):
            for sigalgs, kind in (
                ("ECDSA+SHA256", "EC"),
                ("rsa_pss_rsae_sha256:rsa_pss_pss_sha256", "RSA"),
                ("ed25519", "Ed25519"),
            ):
                said = await self.openssl(port, version, "-showcerts", "-sigalgs", sigalgs)
                shown = re.findall(r" s:CN = (.*)", said)
                self.assertEqual(shown[:2], [f"leaf {kind}", f"Link {kind}"], said)
                self.assertFalse(set(shown[2:]) - {"Test root"}, said)

    async def test_ed25519_alone(self) -> None:
        signer = Authority("Link", ROOT)
        port = listening(self, contexts(signer.bundle("mx.example.org", common="leaf", kind="Ed25519")))
        for version in ("-tls1_2", "-tls1_3"):
            said = await self.openssl(port, version, "-showcerts")
            self.assertEqual(re.findall(r" s:CN = (.*)", said), ["leaf", "Link"], said)


class Many(SynchronousTestCase):
    """Ten thousand names are as good as forty here."""

    def setUp(self) -> None:
        self.clock = ManualClock()
        self.served = ServerContexts(clock=self.clock)
        self.bundles = [replace(MX, names=(f"n{n}.example.org",)) for n in range(40)]
        certificate, key = ROOT.leaf("mx.example.org")
        self.some = [ROOT.bundle(f"n{n}.example.org") for n in range(12)]
        self.pem = certificate, key

    def test_one_certificate_for_many_names_is_one_context(self) -> None:
        self.served.serve(self.bundles)
        self.assertEqual(len(set(map(id, self.served.table.contexts.values()))), 1)

    def test_what_has_not_changed_is_not_loaded_again_also_when_it_was_read_again(self) -> None:
        again = [read_bundle(*self.pem), read_bundle(*self.pem)]
        self.served.serve([again[0], *self.some])
        before = self.served.table.contexts
        new = ROOT.bundle("n3.example.org", begins=NOW)
        self.served.serve([again[1], *self.some, new])
        after = self.served.table.contexts
        self.assertEqual({name for name in after if after[name] is not before[name]}, {"n3.example.org"})

    def test_others_have_their_turn_while_they_are_loaded(self) -> None:
        turns, later = [], self.clock.later

        def counted(seconds, call, *args):
            self.assertRaises(RuntimeError, getattr, self.served, "table")
            turns.append(seconds)
            return later(seconds, call, *args)

        self.patch(self.clock, "later", counted)
        done = started(self.served.change(self.some))
        self.clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(turns, [0] * (len(self.some) // 4))
        self.assertEqual(len(self.served.table.contexts), 12)

    def test_what_was_asked_for_last_stays(self) -> None:
        slow = started(self.served.change(self.some))
        self.served.serve([MX])
        while not slow.called:
            self.clock.advance(0)
        self.successResultOf(slow)
        self.assertEqual(list(self.served.table.contexts), ["mx.example.org"])

    def test_who_is_called_off_changes_nothing(self) -> None:
        slow = started(self.served.change(self.some))
        slow.cancel()
        self.failureResultOf(slow)
        self.clock.advance(0)
        self.assertEqual((self.served.bundles, self.clock.reactor.getDelayedCalls()), ((), []))

    def test_one_that_cannot_be_served_changes_nothing(self) -> None:
        self.served.serve([MX])
        slow = started(self.served.change([*self.some, ROOT.bundle("weak.example", kind="RSA1024")]))
        while not slow.called:
            self.clock.advance(0)
        self.failureResultOf(slow, BadCertificate)
        self.assertEqual(self.served.bundles, (MX,))
