"""A domain with mail servers: its DNS, its policy by HTTPS, and servers on addresses of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dns.flags
from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.trial.unittest import TestCase

from mailtwist.delivery.remote import session
from mailtwist.delivery.remote.session import Ours
from mailtwist.gateway.probe.asking import Asking
from mailtwist.gateway.probe.mx import MxPlan, looked_at
from mailtwist.gateway.probe.mx_found import MxReport
from mailtwist.kit.clock import SystemClock
from mailtwist.tls.https import Answer, NoAnswer
from tests.delivery.remote.peer import Peer, Peers
from tests.kit.dns_server import Told, asking, dns_server
from tests.tls.made import Authority
from tests.tls.outbound import Serving

reactor: Any = the_reactor
DOMAIN = "netease.example"
HOST = "mx02.netease.example"


class Site:
    """The HTTPS of the domain: what it answers by URL."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[str] = []

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"", redirects: int = 0
    ) -> Answer:
        self.asked.append(url)
        if redirects or url not in self.pages:
            raise NoAnswer("mta-sts is not there")
        status, kind, octets = self.pages[url]
        return Answer(url, status, {"content-type": (kind,)}, octets)


class MxCase(TestCase):
    def setUp(self) -> None:
        self.patch(session, "GOODBYE", 0.5)
        self.authority = Authority()
        self.roots = Path(self.mktemp())
        self.roots.write_bytes(self.authority.pem)
        self.dns = Told()
        self.dns_port = dns_server(self, self.dns)
        self.site = Site()
        self.peers: dict[str, Peers] = {}
        self.port = 0
        self.tell(DOMAIN, "MX", f"10 {HOST}.")
        self.tell(HOST, "A", "127.0.0.1")

    def tell(self, name: str, kind: str, *lines: str) -> None:
        self.dns.records[(name, kind)] = list(lines)

    def signed(self) -> None:
        """The resolver vouches for all that it says."""
        self.dns.flags |= dns.flags.AD

    def policy(self, text: str, *, kind: str = "text/plain", status: int = 200) -> None:
        self.tell(f"_mta-sts.{DOMAIN}", "TXT", '"v=STSv1; id=20260101;"')
        page = status, kind, text.replace("\n", "\r\n").encode()
        self.site.pages[f"https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt"] = page

    def server(self, *names: str, at: str = "127.0.0.1", peer: type[Peer] = Peer, **how: Any) -> Serving:
        """At this address, on the one port that all of them have."""
        bundle = self.authority.bundle(*names)
        serving = Serving(bundle.leaf, bundle.key, **how)
        peers = Peers(serving)
        peers.protocol = peer
        listening = reactor.listenTCP(self.port, peers, interface=at)
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port
        self.peers[at] = peers
        return serving

    async def report(self, domain: str = DOMAIN, seconds: float = 5.0) -> MxReport:
        clock = SystemClock()
        ours = [
            Ours(
                "probe.example.org",
                Asking(self.roots, nameless=nameless),
                clock,
                seconds,
                seconds,
                2 * seconds,
            )
            for nameless in (False, True)
        ]
        names = asking(self, ["127.0.0.1"], self.dns_port, trust_ad=True)
        report = await looked_at(MxPlan(names, self.site, *ours, self.port or 1), domain)
        self.no_mail()
        return report

    def no_mail(self) -> None:
        """Nothing was said that a mail begins with."""
        for peers in self.peers.values():
            for said in peers.said:
                verbs = {line.split(b" ")[0] for line in said}
                self.assertLessEqual(verbs, {b"EHLO", b"HELO", b"STARTTLS", b"QUIT"})


def by_name(context: SSL.Context, others: Mapping[bytes | None, SSL.Context | None]) -> None:
    """Who asks for one of these names is shown another certificate; None: the handshake fails."""

    def chosen(connection: SSL.Connection) -> None:
        name = connection.get_servername()
        if name in others:
            other = others[name]
            if other is None:
                connection.set_verify(SSL.VERIFY_NONE, lambda *rest: True)
                connection.set_context(SSL.Context(SSL.TLS_SERVER_METHOD))
            else:
                connection.set_context(other)

    context.set_tlsext_servername_callback(chosen)
