"""Servers with all kinds of certificates, and a client of ours that looks at them."""

from pathlib import Path

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailtwist.kit.connecting import connected
from mailtwist.protocols.client import Call
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import CertificateRefused, Outbound
from tests.loopback import listening
from tests.tls.made import Authority

HOST = "mail.inside"


class Greeting(Protocol):
    """A server that greets, and remembers the name it was asked for, and the client's certificate."""

    asked: list = []

    def connectionMade(self):
        self.transport.write(b"* OK ready\r\n")

    def dataReceived(self, data):
        handle = self.transport.getHandle()
        shown = handle.get_peer_certificate()
        self.asked.append((handle.get_servername(), shown and shown.get_subject().CN))
        self.transport.write(b"* BYE\r\n")


@implementer(IOpenSSLServerConnectionCreator)
class Serving:
    """A server's context as OpenSSL has it: for what ours would not do."""

    def __init__(self, leaf, key, *chain, wants=None, version=None, ciphers=None):
        self.leaf = leaf
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        if leaf is not None:
            self.context.use_certificate(leaf)
            self.context.use_privatekey(key)
        for link in chain:
            self.context.add_extra_chain_cert(link)
        if wants is not None:
            self.context.get_cert_store().add_cert(X509.from_cryptography(wants))
            how = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            self.context.set_verify(how, lambda connection, shown, error, depth, well: bool(well))
        if version is not None:
            self.context.set_max_proto_version(version)
            self.context.set_cipher_list(b"DEFAULT@SECLEVEL=0")
        if ciphers is not None:
            self.context.set_cipher_list(ciphers)

    def serverConnectionForTLS(self, protocol):
        return SSL.Connection(self.context, None)


class OutboundCase(TestCase):
    def setUp(self):
        self.root = Authority("The root")
        self.asked = []

    def file(self, octets):
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return path

    def trusting(self, **more):
        return Outbound(**{"roots": self.file(self.root.pem), **more})

    async def spoken(self, serving, outbound, host=HOST):
        """The greeting, and the answer to a line, under TLS with `serving`; a bundle or a context."""
        if not hasattr(serving, "serverConnectionForTLS"):
            contexts = ServerContexts()
            contexts.serve([serving])
            serving = contexts
        asked = self.asked

        class Server(Greeting):
            pass

        Server.asked = asked
        port = listening(self, Server, serving)
        call = Call("mail.inside:993", patience=20)
        await connected(call, "127.0.0.1", port, 10)
        self.addCleanup(call.abort)
        await call.start_tls(outbound.context(host))
        greeting = await call.line()
        call.write(b"A LOGOUT\r\n")
        await call.line()
        call.close()
        return greeting

    async def assertTaken(self, serving, outbound, host=HOST):
        self.assertEqual(await self.spoken(serving, outbound, host), b"* OK ready")

    async def assertRefused(self, words, serving, outbound, host=HOST):
        with self.assertRaises(CertificateRefused) as caught:
            await self.spoken(serving, outbound, host)
        self.assertEqual((caught.exception.status, caught.exception.words), ("4.7.5", words))
        self.assertEqual(self.asked, [], "nothing was said")
        return caught.exception
