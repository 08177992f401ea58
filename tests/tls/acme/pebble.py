"""pebble, the authority that Let's Encrypt made for tests, and the DNS that it asks: real, on loopback."""

import atexit
import json
import shlex
import shutil
import ssl
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509

from tests.backends.certificates import certificate
from tests.backends.processes import Program
from tests.backends.server import answers
from tests.peers.programs import free_ports, program
from tests.tls.acme import hook
from tests.tls.acme.chains import verified

NINETY_DAYS = 90 * 86400


class Zones:
    """The DNS of the authorities: pebble-challtestsrv.  Every name is at 127.0.0.1 until something is said
    about it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zones-"))
        self.port, self._control = free_ports(2)
        self.url = f"http://127.0.0.1:{self._control}"
        words = [
            program("pebble-challtestsrv"),
            *("-http01", "", "-https01", "", "-tlsalpn01", ""),
            *("-dns01", f"127.0.0.1:{self.port}", "-management", f"127.0.0.1:{self._control}"),
            *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
        ]
        self._program = Program(words, self.folder / "log")
        self._texts: dict[str, list[str]] = {}

    @property
    def hook(self) -> str:
        """The command of an exec hook that writes here."""
        return shlex.join([sys.executable, "-P", hook.__file__, self.url, str(self.folder)])

    def start(self) -> None:
        self._program.begin()
        self._program.until(lambda: answers(self._control), lambda: "")

    def stop(self) -> None:
        self._program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, host: str, *addresses: str) -> None:
        """`host` is there and nowhere else."""
        self._tell("clear-a", host)
        self._tell("clear-aaaa", host)
        for word, colon in (("add-a", False), ("add-aaaa", True)):
            if found := [one for one in addresses if (":" in one) is colon]:
                self._tell(word, host, addresses=found)

    def cname(self, host: str, target: str) -> None:
        self._tell("set-cname", host, target=_rooted(target))

    def txt(self, host: str, value: str) -> None:
        """One more value."""
        self._texts.setdefault(_rooted(host), []).append(value)
        self._tell("set-txt", host, value=value)

    def without_txt(self, host: str, value: str) -> None:
        """The other ones that were said here stay."""
        others = [one for one in self._texts.pop(_rooted(host), []) if one != value]
        self._tell("clear-txt", host)
        for one in others:
            self.txt(host, one)

    def caa(self, host: str, policies: Mapping[str, str]) -> None:
        """What its records say by tag: `{"issue": "pebble.letsencrypt.org"}`."""
        told = [{"tag": tag, "value": value} for tag, value in policies.items()]
        self._tell("add-caa", host, policies=told)

    def servfail(self, host: str) -> None:
        """Nobody hears anything about it."""
        self._tell("set-servfail", host)

    def forget(self, host: str) -> None:
        """Nothing that was said about it counts."""
        self._texts.pop(_rooted(host), None)
        for kind in ("a", "aaaa", "cname", "txt", "caa", "servfail"):
            self._tell(f"clear-{kind}", host)

    def asked(self, host: str) -> list[dict[str, Any]]:
        """The questions about it so far."""
        return json.loads(self._tell("dns-request-history", host) or b"[]") or []

    def _tell(self, what: str, host: str, **more: Any) -> bytes:
        said = json.dumps({"host": _rooted(host) if "request" not in what else host, **more}).encode()
        with urllib.request.urlopen(f"{self.url}/{what}", said, timeout=20) as answer:
            return bytes(answer.read())


class Pebble:
    """One authority: `directory` is its URL, `roots` the file by which its own HTTPS is known; it looks for
    proofs at `http_port` and `tls_port`.  Its root of issuance is a new one with each start."""

    keys: Mapping[str, str] = {
        "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
        "kid-2": "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH",
    }

    def __init__(self, zones: Zones, eab: bool, life: int, environment: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pebble-"))
        port, self._control, self.http_port, self.tls_port = free_ports(4)
        self.directory = f"https://127.0.0.1:{port}/dir"
        self.eab = dict(self.keys) if eab else {}
        made = certificate(self.folder, "pebble")
        self.roots = made.root
        self._environment = {"PEBBLE_VA_NOSLEEP": "1", **environment}
        (self.folder / "config.json").write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"127.0.0.1:{port}",
                        "managementListenAddress": f"127.0.0.1:{self._control}",
                        "certificate": str(made.chain),
                        "privateKey": str(made.key),
                        "httpPort": self.http_port,
                        "tlsPort": self.tls_port,
                        "certificateValidityPeriod": life,
                        "externalAccountBindingRequired": eab,
                        "externalAccountMACKeys": self.eab,
                    }
                }
            )
        )
        words = [program("pebble"), "-strict", "-config", self.folder / "config.json"]
        words += ["-dnsserver", f"127.0.0.1:{zones.port}"]
        self._program = Program(words, self.folder / "log")

    @property
    def log(self) -> str:
        """What it has said."""
        return self._program.said

    def start(self) -> None:
        self._program.begin(self._environment)
        self._program.until(lambda: answers(self._control), lambda: "")

    def stop(self) -> None:
        self._program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def freeze(self) -> None:
        """It takes connections, and says nothing more."""
        self._program.freeze()

    def thaw(self) -> None:
        self._program.thaw()

    def root(self, number: int = 0) -> x509.Certificate:
        """To which its certificates chain; more than number 0 with `alternate_roots`."""
        return x509.load_pem_x509_certificate(self._told(f"roots/{number}"))

    def verified(self, pem: bytes, *names: str, root: int = 0) -> x509.Certificate:
        """The leaf of a chain; AssertionError unless it ends at this root and is for all of `names`."""
        return verified(pem, self.root(root), *names)

    def status(self, leaf: x509.Certificate) -> dict[str, Any]:
        """`Status` is Valid or Revoked (and then there is a `Reason`)."""
        told: dict[str, Any] = json.loads(self._told(f"cert-status-by-serial/{leaf.serial_number:x}"))
        return told

    def count(self, words: str) -> int:
        """How many lines of the log have them."""
        return sum(words in line for line in self.log.splitlines())

    def _told(self, path: str) -> bytes:
        trust = ssl.create_default_context(cafile=str(self.roots))
        with urllib.request.urlopen(
            f"https://127.0.0.1:{self._control}/{path}", timeout=20, context=trust
        ) as answer:
            return bytes(answer.read())


@cache
def zones() -> Zones:
    """The one for all authorities of the suite."""
    made = Zones()
    _until_the_end(made)
    return made


def pebble(
    *,
    eab: bool = False,
    nonce_reject: int = 0,
    authz_reuse: int = 0,
    alternate_roots: int = 0,
    chain_length: int = 1,
    life: int = NINETY_DAYS,
    whose: str = "",
) -> Pebble:
    """One that is so, for all tests; `eab`: who registers must name a key of `keys`; nonces are rejected and
    authorizations used again in so many of 100 cases; certificates last `life` seconds.  `whose`: not the one
    that others have, for who stays at its ports for proofs."""
    return _pebble(eab, nonce_reject, authz_reuse, alternate_roots, chain_length, life, whose)


@cache
def _pebble(
    eab: bool, nonces: int, reuse: int, alternates: int, length: int, life: int, whose: str
) -> Pebble:
    environment = {
        "PEBBLE_WFE_NONCEREJECT": str(nonces),
        "PEBBLE_AUTHZREUSE": str(reuse),
        "PEBBLE_ALTERNATE_ROOTS": str(alternates),
        "PEBBLE_CHAIN_LENGTH": str(length),
    }
    made = Pebble(zones(), eab, life, environment)
    _until_the_end(made)
    return made


def _until_the_end(server: Zones | Pebble) -> None:
    atexit.register(server.stop)
    server.start()


def _rooted(host: str) -> str:
    return host.rstrip(".") + "."
