"""How one service answers hellos, by `openssl s_client` and in memory."""

import sys
from io import StringIO

from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.hello import Hello
from mailtwist.tls.listener import Policy
from tests.hearing import heard
from tests.tls.client import Asking, listening
from tests.tls.made import Authority
from tests.tls.test_contexts import MX, WIDE, OverLoopback, contexts

VERSIONS = ("-tls1_2", "-tls1_3")
HANDSHAKE_FAILURE = "tls alert handshake failure"


class Imap(Protocol):
    alpn = (b"imap",)


def shake(served, asking: Asking, app: object = None) -> SSL.Connection:
    """A handshake in memory; `SSL.Error` is the client's."""
    client, server = asking.clientConnectionForTLS(None), served.serverConnectionForTLS(None)
    server.set_accept_state()
    server.set_app_data(app)
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                if one is client:
                    raise
            try:
                other.bio_write(one.bio_read(65536))
            except SSL.WantReadError:
                pass
    return client


def alert(served, asking: Asking, app: object = None) -> str:
    """OpenSSL's word for what the client heard."""
    try:
        shake(served, asking, app)
    except SSL.Error as error:
        return error.args[0][-1][2].removeprefix("ssl/")
    return ""


class Alpn(OverLoopback):
    async def test_a_strict_one_refuses_what_it_does_not_speak(self) -> None:
        port = listening(self, contexts().listener(Policy(strict=True)), Imap)
        for version in VERSIONS:
            for name in (("-noservername",), ("-servername", "imap.example.org")):
                said = await self.openssl(port, version, *name, "-alpn", "h2,http/1.1")
                self.assertIn("alert number 120", said)
                self.assertNotIn("BEGIN CERTIFICATE", said)
                self.assertIn(
                    "ALPN protocol: imap", await self.openssl(port, version, *name, "-alpn", "h2,imap")
                )
                self.assertIn("No ALPN negotiated", await self.openssl(port, version, *name))

    async def test_a_lenient_one_serves_without(self) -> None:
        port = listening(self, contexts().listener(Policy()), Imap)
        for version in VERSIONS:
            said = await self.openssl(port, version, "-alpn", "h2,http/1.1")
            self.assertIn("No ALPN negotiated", said)
            self.assertIn("BEGIN CERTIFICATE", said)

    async def test_nobody_speaks_acme_without_a_proof(self) -> None:
        for strict, word in ((True, "alert number 120"), (False, "No ALPN negotiated")):
            port = listening(self, contexts().listener(Policy(strict=strict)))
            for version in VERSIONS:
                said = await self.openssl(
                    port, version, "-servername", "mx.example.org", "-alpn", "acme-tls/1"
                )
                self.assertIn(word, said)

    def test_nothing_is_said_on_stderr(self) -> None:
        err = StringIO()
        self.patch(sys, "stderr", err)
        served = contexts().listener(Policy(strict=True, unknown="reject"))
        self.assertIn("application protocol", alert(served, Asking(None, [b"h2"])))
        self.assertEqual(alert(served, Asking(b"elsewhere.example")), HANDSHAKE_FAILURE)
        self.assertEqual(err.getvalue(), "")


class Refusing(SynchronousTestCase):
    def test_which_names_are_refused(self) -> None:
        for missing in ("default", "reject"):
            for unknown in ("default", "reject"):
                served = contexts().listener(Policy(missing, unknown))
                for name, found in (
                    (None, missing),
                    (b"", missing),
                    (b"elsewhere.example", unknown),
                    (b"a.b.example.org", unknown),
                    (b"192.0.2.1", unknown),
                    (b"2001:db8::1", unknown),
                    (b"[2001:db8::1]", unknown),
                    (b"imap\0.example.org", unknown),
                    (b".example.org", unknown),
                    (b"*.example.org", unknown),
                    (b"imap.example.org..", unknown),
                    (b"\xff" * 300, unknown),
                    (b".".join([b"a" * 63] * 4) + b".example.org", unknown),
                    (b"MX.example.ORG.", ""),
                    (b"imap.example.org", ""),
                ):
                    refused = served.refuses(Hello(name), "192.0.2.1")
                    self.assertEqual(refused, found == "reject", (missing, unknown, name))

    def test_openssl_shows_nothing_when_nobody_has_listened(self) -> None:
        served = contexts().listener(Policy(unknown="reject", missing="reject"))
        for name in (None, b"elsewhere.example"):
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                asking = Asking(name)
                asking.context.set_max_proto_version(version)
                self.assertEqual(alert(served, asking), HANDSHAKE_FAILURE)
        self.assertEqual(
            shake(served, Asking(b"MX.Example.org.")).get_peer_certificate().get_subject().CN, "mx"
        )

    def test_refusals_are_counted_and_told(self) -> None:
        served = contexts()
        listener = served.listener(Policy(unknown="reject"), "imaps")
        events = heard(self)
        self.assertTrue(listener.refuses(Hello(b"elsewhere.example"), "192.0.2.1"))
        self.assertFalse(listener.refuses(Hello(b"mx.example.org"), "192.0.2.1"))
        told = [(one["event_id"], one["service"], one["name"]) for one in events]
        self.assertEqual(told, [("tls.name_refused", "imaps", b"elsewhere.example")])
        self.assertEqual(served.found, {"unknown": 1})


class Tickets(OverLoopback):
    async def test_each_service_has_its_own(self) -> None:
        """A session of one service cannot be taken to another (ALPACA)."""
        served = contexts()
        one, two, none = (served.listener(Policy(tickets=tickets)) for tickets in (True, True, False))
        ports = [listening(self, listener) for listener in (one, two, none)]
        session = self.mktemp()
        await self.openssl(ports[0], "-tls1_2", "-sess_out", session)
        for port, reused in zip(ports, (True, False, False), strict=True):
            self.assertEqual("Reused" in await self.openssl(port, "-tls1_2", "-sess_in", session), reused)

    async def test_without_them_none_is_sent(self) -> None:
        for served in (
            contexts().listener(Policy(tickets=False)),
            contexts(session_tickets=False).listener(Policy()),
        ):
            port = listening(self, served)
            self.assertNotIn("TLS session ticket:", await self.openssl(port, "-tls1_2"))

    async def test_they_are_good_until_the_default_certificate_changes(self) -> None:
        served = contexts()
        port, session = listening(self, served.listener(Policy())), self.mktemp()
        await self.openssl(port, "-tls1_2", "-sess_out", session)
        served.serve([MX, WIDE, Authority().bundle("new.example")])
        self.assertIn("Reused", await self.openssl(port, "-tls1_2", "-sess_in", session))
        served.serve([WIDE])
        self.assertNotIn("Reused", await self.openssl(port, "-tls1_2", "-sess_in", session))


class Listening(SynchronousTestCase):
    def test_hellos_are_heard_only_while_it_matters(self) -> None:
        served = contexts()
        plain, refusing = served.listener(Policy()), served.listener(Policy(unknown="reject"))
        self.assertEqual((plain.listens, refusing.listens), (False, True))
        proof = Authority().leaf("mx.example.org")
        served.prove("mx.example.org", b"".join(proof))
        self.assertTrue(plain.listens)
        served.proved("mx.example.org")
        served.proved("mx.example.org")
        self.assertFalse(plain.listens)

    def test_a_listener_may_be_made_before_there_is_a_certificate(self) -> None:
        served = ServerContexts()
        listener = served.listener(Policy())
        self.assertRaises(RuntimeError, listener.serverConnectionForTLS, None)
        served.serve([MX])
        self.assertEqual(shake(listener, Asking(None)).get_peer_certificate().get_subject().CN, "mx")

    def test_a_proof_is_for_one_name_and_who_offers_nothing_else(self) -> None:
        served = contexts()
        listener = served.listener(Policy())
        served.prove("MX.example.org", b"".join(Authority().leaf("mx.example.org")))
        acme = b"acme-tls/1"
        self.assertIsNotNone(listener.proof(Hello(b"mx.example.org", (acme,))))
        self.assertIsNotNone(listener.proof(Hello(b"mx.EXAMPLE.org.", (acme,))))
        for hello in (
            Hello(b"mx.example.org"),
            Hello(b"mx.example.org", (acme, b"imap")),
            Hello(b"mx.example.org", (b"imap",)),
            Hello(b"imap.example.org", (acme,)),
            Hello(None, (acme,)),
            Hello(b"", (acme,)),
            Hello(b"mx.example.org\0", (acme,)),
        ):
            self.assertIsNone(listener.proof(hello), hello)
