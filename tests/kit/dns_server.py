"""A DNS server that says what a test wants, also what no server should: by UDP and TCP, in the reactor."""

from collections.abc import Callable
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.protocols.basic import Int16StringReceiver

from mailtwist.kit.clock import SystemClock
from mailtwist.kit.dns import Dns
from mailtwist.kit.threads import Threads
from tests.peers.programs import free_ports


class Told:
    """Answers by (name, type): lines of rdata.  What it does not know is not there (NXDOMAIN); a name in
    `rcodes` has that code.  `raw` gives datagrams as they are, or None."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.rcodes: dict[str, dns.rcode.Rcode] = {}
        self.flags = dns.flags.AA
        self.asked: list[tuple[str, str]] = []
        self.questions: list[dns.message.Message] = []
        self.raw: Callable[[dns.message.Message, bool], list[bytes] | None] = lambda question, tcp: None

    def __call__(self, wire: bytes, tcp: bool) -> list[bytes]:
        try:
            question = dns.message.from_wire(wire, keyring=False)
        except dns.exception.DNSException:
            return []
        name = str(question.question[0].name).rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        self.asked.append((name, kind))
        self.questions.append(question)
        special = self.raw(question, tcp)
        return (
            [self.answer(question, name, kind, tcp).to_wire(max_size=65535)] if special is None else special
        )

    def answer(
        self, question: dns.message.Message, name: str, kind: str, tcp: bool = True
    ) -> dns.message.Message:
        heard = dns.message.make_response(question)
        heard.flags |= self.flags
        heard.set_rcode(self.rcodes.get(name, dns.rcode.NOERROR))
        at: str | None = name
        for _ in range(30):  # CNAMEs go on for as long as the test likes
            lines = self.records.get((at or "", kind))
            alias = self.records.get((at or "", "CNAME"))
            if lines is None and alias is not None and kind != "CNAME":
                heard.answer.append(dns.rrset.from_text(f"{at}.", 300, "IN", "CNAME", alias[0]))
                at = alias[0].rstrip(".").lower()
                continue
            break
        if lines:
            heard.answer.append(dns.rrset.from_text(f"{at}.", 120, "IN", kind, *lines))
        elif lines is None and name not in self.rcodes and not heard.answer and not self._is_known(name):
            heard.set_rcode(dns.rcode.NXDOMAIN)
        if not tcp and len(heard.to_wire(max_size=65535)) > 1232:
            heard.answer.clear()
            heard.flags |= dns.flags.TC
        return heard

    def _is_known(self, name: str) -> bool:
        return any(known == name or known.endswith(f".{name}") for known, _ in self.records)


class _Datagrams(DatagramProtocol):
    def __init__(self, told: Callable[[bytes, bool], list[bytes]]) -> None:
        self.told = told

    def datagramReceived(self, data: bytes, address: Any) -> None:
        for answer in self.told(data, False):
            self.transport.write(answer, address)


class _Stream(Int16StringReceiver):
    def stringReceived(self, data: bytes) -> None:
        for answer in self.factory.told(data, True):
            self.sendString(answer)


def dns_server(case: Any, told: Callable[[bytes, bool], list[bytes]], host: str = "127.0.0.1", port: int = 0):
    """Its port; it ends with the test."""
    factory = Factory.forProtocol(_Stream)
    factory.told = told
    for _ in range(20):
        chosen = port or free_ports(1)[0]
        try:
            stream = reactor.listenTCP(chosen, factory, interface=host)
        except CannotListenError:
            if port:
                raise
            continue
        try:
            datagrams = reactor.listenUDP(chosen, _Datagrams(told), interface=host)
        except CannotListenError:
            stream.stopListening()
            continue
        case.addCleanup(stream.stopListening)
        case.addCleanup(datagrams.stopListening)
        return chosen
    raise AssertionError("no port is free for UDP and TCP")


def asking(case: Any, servers: list[str], port: int, **how: Any) -> Dns:
    """Ends with the test."""
    threads = how.pop("threads", None) or Threads("dns", 4)
    case.addCleanup(threads.stop)
    return Dns(how.pop("clock", None) or SystemClock(), servers, port, threads=threads, **how)
