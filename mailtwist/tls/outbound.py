"""TLS to other servers: first the handshake, then the verdict on the certificate, in words.  rfc9525"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.kit.trouble import Trouble
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle, read_certificates
from mailtwist.tls.names import server_name
from mailtwist.tls.verdict import Finding, Objection, Shown, by_chain, by_name, by_pins, safe

# Servers of ten years ago are served, too: forward secrecy always (rfc9325#4.1), AEAD where there is.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES"

MOST = 20
"""Objections to one chain that are kept."""

LONGEST_CHAIN = 20
"""Certificates that are read of it."""

UNREADABLE = Finding("validation-failure", "the certificate cannot be read")


class CertificateRefused(Trouble):
    """The connection is encrypted, but not with the server that was meant.  `words` is a sentence for the
    log, made of `findings`."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        self.words = "; ".join(one.words for one in findings)
        super().__init__("4.7.5", "The certificate of the server behind is not accepted", self.words)


class Outbound:
    """How one part of the configuration speaks TLS with others.  `roots` is a PEM file of all that is trusted
    (authorities, or servers' own certificates), None: what the system trusts.  `name` is looked for in
    certificates instead of the host's own, and asked for.  With `pins`, one of these keys and nothing else is
    needed.  `certificate` and `key` are shown to servers that ask for one.

    Files are read here; `BadCertificate` when they cannot be used."""

    def __init__(
        self,
        roots: Path | None = None,
        name: str = "",
        pins: Sequence[bytes] = (),
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self._roots = [] if roots is None else _read("roots", roots, read_certificates)
        self._ours = None if certificate is None else _identity(certificate, key or certificate)
        self._name = name
        self._pins = frozenset(pins)
        self._made: SSL.Context | None = None

    def context(self, host: str) -> "Towards":
        """For `transport.startTLS`, towards `host`, a name or an address."""
        return Towards(self, self._name or host)

    def connection(self) -> SSL.Connection:
        """A client's, that nobody has used."""
        if self._made is None:
            self._made = self._build()
        return SSL.Connection(self._made, None)

    def findings(self, leaf: x509.Certificate, host: str, objections: Sequence[Objection]) -> list[Finding]:
        """What is wrong with a chain that begins with `leaf`."""
        if self._pins:
            return by_pins(leaf, self._pins)
        return by_chain(leaf, objections) + by_name(leaf, host)

    def _build(self) -> SSL.Context:
        """Once: roots take milliseconds and memory."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_cipher_list(CIPHERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_verify(SSL.VERIFY_PEER, _recorded)
        if self._roots:
            store = context.get_cert_store()
            assert store is not None
            for one in self._roots:
                store.add_cert(X509.from_cryptography(one))
            store.set_flags(X509StoreFlags.PARTIAL_CHAIN)  # who lists a server's certificate trusts it
        elif not self._pins:
            context.set_default_verify_paths()
        if self._ours is not None:
            _show(context, self._ours)
        return context


@implementer(IOpenSSLClientConnectionCreator)
class Towards:
    """One host, which is asked for by its name (SNI) unless it is `nameless`.  `judge`, `found` and `shown`
    look at a connection whose handshake is over; one of them, once."""

    def __init__(self, outbound: Outbound, host: str, *, nameless: bool = False) -> None:
        self._outbound = outbound
        self.host, self._asks = _spelled(host)
        if nameless:
            self._asks = False

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = self._outbound.connection()
        protocol.objections = []  # Twisted's TLS protocol, which is the connection's app_data from now on
        if self._asks:
            connection.set_tlsext_host_name(self.host.encode())
        connection.set_connect_state()
        return connection

    def judge(self, connection: SSL.Connection) -> None:
        """`CertificateRefused` when anything is wrong."""
        found = self.found(connection)
        if found:
            raise CertificateRefused(found)

    def found(self, connection: SSL.Connection) -> list[Finding]:
        """What is wrong with the server's certificate; nothing when all is well."""
        leaf, objections, unreadable = self._looked(connection)
        if leaf is None or unreadable is not None:
            return [unreadable or UNREADABLE]
        return self._outbound.findings(leaf, self.host, objections)

    def shown(self, connection: SSL.Connection) -> Shown:
        """All that the server has shown, for whoever judges it by his own rules."""
        leaf, objections, unreadable = self._looked(connection)
        return Shown(
            self.host if self._asks else "",
            connection.get_protocol_version_name(),
            connection.get_cipher_name() or "",
            safe(connection.get_alpn_proto_negotiated().decode("latin-1")),
            () if leaf is None else (leaf, *_behind(connection)),
            tuple(objections),
            unreadable,
        )

    def _looked(
        self, connection: SSL.Connection
    ) -> tuple[x509.Certificate | None, Sequence[Objection], Finding | None]:
        """The certificate, what OpenSSL has against it, and why it cannot be judged."""
        tls = connection.get_app_data()
        objections, tls.objections = tls.objections, None
        shown = connection.get_peer_certificate()
        if shown is None:
            return None, (), Finding("validation-failure", "the server shows no certificate")
        try:
            leaf = shown.to_cryptography()
        except Exception:
            return None, (), UNREADABLE
        if objections is None:
            return leaf, (), Finding("validation-failure", "the certificate was looked at before")
        return leaf, objections, None

    def explain(self, reason: Failure) -> str:
        """Why a connection that should have TLS was lost: a sentence."""
        return explained(reason.value, self.host)


def explained(error: BaseException | None, host: str = "") -> str:
    """OpenSSL's reasons, in words that say what to look at."""
    if not isinstance(error, SSL.Error):
        return "the connection was closed during the TLS handshake"
    reasons = [str(why[-1]) for why in error.args[0]] if error.args and error.args[0] else []
    said = "; ".join(reasons) or "no reason given"
    for part, words in _REASONS:
        if part in said:
            return f"{words.format(host=host)} ({said})"
    return f"TLS failed: {said}"


_NO_TLS = "what answers there does not speak TLS; is this the port for STARTTLS?"
_REASONS = (
    ("wrong version number", _NO_TLS),
    ("packet length too long", _NO_TLS),
    ("record layer failure", _NO_TLS),
    ("http request", _NO_TLS),
    ("unsupported protocol", "the server speaks no TLS 1.2 or later"),
    ("protocol version", "the server speaks no TLS 1.2 or later"),
    ("unrecognized name", "the server knows no {host}"),
    ("certificate required", "the server wants a client certificate"),
    ("alert bad certificate", "the server does not accept our client certificate, or misses one"),
    ("alert unknown ca", "the server does not trust our client certificate"),
    ("alert certificate expired", "the server finds our client certificate expired"),
    ("alert certificate unknown", "the server does not accept our client certificate"),
    ("handshake failure", "the server has no cipher in common with us, or wants a client certificate"),
    ("dh key too small", "the server's Diffie-Hellman key is too short to be safe"),
)


def _recorded(connection: SSL.Connection, shown: X509, number: int, depth: int, well: int) -> bool:
    """OpenSSL's callback: whatever happens it does not raise, and the handshake goes on.  An objection whose
    certificate cannot be read is an objection."""
    if number:
        certificate = None
        with suppress(Exception):
            certificate = shown.to_cryptography()
        objections = getattr(connection.get_app_data(), "objections", None)
        if objections is None:
            return False
        if len(objections) < MOST:
            objections.append(Objection(number, depth, certificate))
    return True


def _behind(connection: SSL.Connection) -> Iterator[x509.Certificate]:
    """What the server sends behind its own certificate, as far as it can be read."""
    for one in (connection.get_peer_cert_chain() or [])[1:LONGEST_CHAIN]:
        with suppress(Exception):
            yield one.to_cryptography()


def _spelled(host: str) -> tuple[str, bool]:
    """As certificates spell it, and whether servers are asked for it: no address is (rfc6066#3).  ValueError
    for what is no single host, such as a wildcard in somebody's MX record."""
    with suppress(ValueError):
        return str(ip_address(host.strip("[]").partition("%")[0])), False
    name = server_name(host)
    if name.startswith("*"):
        raise ValueError(f"{host!r} is no host, but a name for many")
    return name, True


def _read(setting: str, path: Path, read: Callable[[bytes], Any]) -> Any:
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise BadCertificate(setting, f"{path} cannot be read: {error.strerror}")
    except BadCertificate as bad:
        raise BadCertificate("key" if bad.setting == "key" else setting, f"{path}: {bad.words}")


def _identity(certificate: Path, key: Path) -> Bundle:
    """What we show of ourselves; it need not have names."""
    private = _read("key", key, bytes)
    bundle: Bundle = _read("certificate", certificate, lambda pem: read_bundle(pem, private, named=False))
    return bundle


def _show(context: SSL.Context, ours: Bundle) -> None:
    context.use_certificate(ours.leaf)
    context.use_privatekey(ours.key)
    for link in ours.chain:
        context.add_extra_chain_cert(link)
