"""One question to DNS servers, and the answer: in a thread, with an end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
from dns.message import ChainingResult, QueryMessage
from dns.name import Name

from mailtwist.kit.dns_records import Server

SYSTEM = Path("/etc/resolv.conf")
PAYLOAD = 1232
"""Octets of an answer by UDP that is not fragmented; a longer one is asked for by TCP."""

FIRST, SECOND = 2.5, 5.0
"""Seconds for which a server is waited for, and the second time."""

_MOST_SYSTEM = 3
_FINAL = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_OUR_FAILURES = (dns.exception.DNSException, OSError, EOFError, ValueError)


class NoAnswer(Exception):
    """Nobody has said what there is, nor that there is nothing.  `bogus`: a validating resolver has not
    believed what it heard."""

    def __init__(self, why: str, bogus: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.bogus = bogus


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that says what there is.  `found.answer` is None when there is nothing."""

    message: QueryMessage
    found: ChainingResult
    server: Server

    @property
    def exists(self) -> bool:
        return bool(self.message.rcode() != dns.rcode.NXDOMAIN)

    @property
    def checked(self) -> bool:
        """The server says that DNSSEC vouches for it."""
        return bool(self.message.flags & dns.flags.AD)

    @property
    def authoritative(self) -> bool:
        return bool(self.message.flags & dns.flags.AA)


def system_servers(port: int = 53, path: Path = SYSTEM) -> list[Server]:
    """What the system asks, at most three as there; this machine when nothing is said."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    found = [Server(line[1], port) for line in words if len(line) > 1 and line[0] == "nameserver"]
    return found[:_MOST_SYSTEM] or [Server("127.0.0.1", port)]


def resolved(servers: Sequence[Server], name: Name, kind: str, seconds: float, validating: bool) -> Reply:
    """What resolvers say, each asked twice at most, within `seconds`.  `NoAnswer`."""
    until = time.monotonic() + seconds
    why = NoAnswer("no answer")
    for patience in (FIRST, SECOND):
        for server in servers:
            left = until - time.monotonic()
            if left <= 0:
                raise why
            try:
                return asked(server, name, kind, min(patience, left))
            except NoAnswer as error:
                why = error
                if validating and _is_bogus(error, server, name, kind, until):
                    raise NoAnswer(f"DNSSEC: {error.why}", bogus=True) from None
    raise why


def _is_bogus(error: NoAnswer, server: Server, name: Name, kind: str, until: float) -> bool:
    """It gives an answer when it is not to check it."""
    left = min(FIRST, until - time.monotonic())
    if "SERVFAIL" not in error.why or left <= 0:
        return False
    try:
        asked(server, name, kind, left, flags=dns.flags.RD | dns.flags.CD)
    except NoAnswer:
        return False
    return True


def asked(
    server: Server, name: Name, kind: str, seconds: float, flags: int = dns.flags.RD | dns.flags.AD
) -> Reply:
    """What this server says.  `NoAnswer`, also when it does not want to say."""
    try:
        question = dns.message.make_query(name, kind, use_edns=0, payload=PAYLOAD, flags=flags)
        heard, _ = dns.query.udp_with_fallback(
            question, server.address, seconds, server.port, ignore_unexpected=True, ignore_errors=True
        )
        if heard.rcode() not in _FINAL:
            raise NoAnswer(f"{server} says {_refusal(heard)}")
        if not isinstance(heard, QueryMessage):
            raise NoAnswer(f"{server} says what is no answer")
        return Reply(heard, heard.resolve_chaining(), server)
    except dns.exception.Timeout:
        raise NoAnswer(f"{server} does not answer in {seconds:.1f} s") from None
    except _OUR_FAILURES as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise NoAnswer(f"{server}: {words}") from None


def _refusal(heard: dns.message.Message) -> str:
    """The code, and what the server says of it (rfc8914)."""
    told = [option for option in heard.options if isinstance(option, dns.edns.EDEOption)]
    reasons = [f"{option.code.name.lower().replace('_', ' ')}" for option in told[:3]]
    code = dns.rcode.to_text(heard.rcode())
    return f"{code} ({', '.join(reasons)})" if reasons else code
