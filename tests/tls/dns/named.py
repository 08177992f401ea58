"""bind9 with zones of its own, a root among them, and unbound in front that validates: real, on loopback."""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import dns.resolver

from mailtwist.kit.clock import SystemClock
from mailtwist.kit.dns import Dns
from mailtwist.kit.threads import Threads
from tests.backends.processes import Program, eventually
from tests.peers.programs import free_ports, program

KEY = "bWFpbHR3aXN0LW1haWx0d2lzdC1tYWlsdHdpc3QtMDE="
WRONG_KEY = "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3JvbmctMDE="

_HEAD = """$TTL 300
@ IN SOA ns.test. admin.test. 1 3600 600 86400 5
@ IN NS ns.test.
"""
ZONES = {
    ".": _HEAD + "test. NS ns.test.\nns.test. A 127.0.0.1\nsilent.test. NS ns.test.\n",
    "test": _HEAD
    + """ns A 127.0.0.1
slow-ns A 127.0.0.2
dead-ns A 127.0.0.9
silent NS ns.test.
""",
    "example.test": _HEAD
    + """@ MX 20 second.mail.test.
@ MX 10 MAIL.example.test.
@ CAA 0 issue "ca.test; accounturi=https://ca.test/acct/1; validationmethods=dns-01"
@ CAA 128 issuewild ";"
mail A 192.0.2.1
mail AAAA 2001:db8::1
alias CNAME mail
loop CNAME pool
pool CNAME loop
none MX 0 .
_25._tcp.mail TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
text TXT "one" " string"
text TXT "second \\255\\000 value"
_acme-challenge.delegated CNAME delegated.challenges.test.
_acme-challenge.away CNAME nowhere.challenges.test.
*.wild CNAME elsewhere.challenges.test.
""",
    "challenges.test": _HEAD + 'other TXT "not ours"\n',
    "orders.test": _HEAD + "_acme-challenge.delegated CNAME orders.challenges.test.\n",
    "pinned.test": _HEAD + "mail A 192.0.2.7\n",
    "slow.test": _HEAD + "@ NS slow-ns.test.\n",
    "dead.test": _HEAD + "@ NS dead-ns.test.\n",
    "refused.test": _HEAD,
    "signed.test": _HEAD
    + """@ MX 10 mail
mail A 192.0.2.1
_25._tcp.mail TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
""",
    "bogus.test": _HEAD + "@ MX 10 mail\nmail A 192.0.2.1\n",
}
_STATIC = (".", "test", "refused.test")


class Named:
    """All zones of `ZONES`; those that are not static take TXT and TLSA from who has the key."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="named-"))
        (self.port,) = free_ports(1)
        words = [f"listen-on port {self.port} {{ 127.0.0.1; }};", "listen-on-v6 { none; };"]
        words += [f'directory "{self.folder}";', "pid-file none;", "session-keyfile none;", "notify no;"]
        words += ["recursion yes;", "allow-recursion { 127.0.0.0/8; };", "dnssec-validation no;"]
        words += ["minimal-responses yes;", f'key-directory "{self.folder}";', "empty-zones-enable no;"]
        text = f"options {{ {' '.join(words)} }};\ncontrols {{}};\n"
        text += f'key mailtwist {{ algorithm hmac-sha256; secret "{KEY}"; }};\n'
        for name, lines in ZONES.items():
            file = self.folder / f"{name.strip('.') or 'root'}.zone"
            file.write_text(lines)
            text += f'zone "{name}" {{ type primary; file "{file.name}"; {_about(name)} }};\n'
        (self.folder / "named.conf").write_text(text)
        config = str(self.folder / "named.conf")
        self._program = Program([program("named"), "-g", "-n", "1", "-c", config], self.folder / "log")

    @property
    def log(self) -> str:
        return self._program.said

    def start(self) -> None:
        self._program.begin()
        self._program.until(lambda: self.texts("text.example.test"), lambda: "")

    def stop(self) -> None:
        self._program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def asked(self, name: str, kind: str) -> dns.message.Message | None:
        """None: it does not answer."""
        try:
            question = dns.message.make_query(name, kind, flags=0)
            return dns.query.udp(question, "127.0.0.1", 1, self.port)
        except (OSError, dns.exception.DNSException):
            return None

    def texts(self, name: str) -> list[str]:
        """The TXT records that are there now."""
        heard = self.asked(name, "TXT")
        its = [one for one in heard.answer if one.rdtype == dns.rdatatype.TXT] if heard else []
        return sorted(b"".join(rdata.strings).decode("ascii", "replace") for rrset in its for rdata in rrset)

    def keys(self, zone: str) -> list[str]:
        """The DNSKEY records that sign keys."""
        heard = self.asked(zone, "DNSKEY")
        found = [one for one in heard.answer if one.rdtype == dns.rdatatype.DNSKEY] if heard else []
        return [str(rdata) for rrset in found for rdata in rrset if rdata.flags & 1]


def _about(zone: str) -> str:
    if zone in _STATIC:
        return "allow-update { none; };"
    updates = "update-policy { grant mailtwist zonesub TXT TLSA; };"
    return updates + (" dnssec-policy default; inline-signing yes;" if zone == "signed.test" else "")


class Unbound:
    """A validating resolver for the zones of `Named`.  It believes the keys of signed.test, and wants them
    for bogus.test, which has none."""

    def __init__(self, named: Named) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="unbound-"))
        (self.port,) = free_ports(1)
        key = named.keys("signed.test")[0]
        lines = ["server:"]
        lines += [f'  directory: "{self.folder}"', '  chroot: ""', '  username: ""', '  pidfile: ""']
        lines += ["  interface: 127.0.0.1", f"  port: {self.port}", "  do-not-query-localhost: no"]
        lines += ["  use-syslog: no", '  logfile: ""', '  module-config: "validator iterator"', "  ede: yes"]
        lines += ['  local-zone: "test." nodefault', "  val-log-level: 2", "  num-threads: 1"]
        lines += [f'  trust-anchor: "{zone}. DNSKEY {key}"' for zone in ("signed.test", "bogus.test")]
        lines += ["remote-control:", "  control-enable: no", "stub-zone:", '  name: "."']
        lines += [f"  stub-addr: 127.0.0.1@{named.port}"]
        (self.folder / "unbound.conf").write_text("\n".join(lines) + "\n")
        words = [program("unbound"), "-d", "-c", str(self.folder / "unbound.conf")]
        self._program = Program(words, self.folder / "log")

    @property
    def log(self) -> str:
        return self._program.said

    def start(self) -> None:
        self._program.begin()
        self._program.until(lambda: _answers(self.port), lambda: "")

    def stop(self) -> None:
        self._program.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        return bool(dns.query.udp(dns.message.make_query("test", "SOA"), "127.0.0.1", 1, port).answer)
    except (OSError, dns.exception.DNSException):
        return False


@cache
def named() -> Named:
    """The one of the suite."""
    made = Named()
    atexit.register(made.stop)
    made.start()
    return made


@cache
def unbound() -> Unbound:
    """The one of the suite."""
    assert eventually(lambda: named().keys("signed.test")), named().log
    made = Unbound(named())
    atexit.register(made.stop)
    made.start()
    return made


def asking(case: object, servers: Sequence[str] = ("127.0.0.1",), port: int = 0, **how: object) -> Dns:
    """Who asks `Named`, or whoever is at `port`, and is ended with the test."""
    threads = Threads("dns", 4)
    case.addCleanup(threads.stop)  # type: ignore[attr-defined]
    return Dns(SystemClock(), servers, port or named().port, threads=threads, **how)  # type: ignore[arg-type]
