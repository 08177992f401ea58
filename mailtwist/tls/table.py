"""One OpenSSL context for each set of certificates, and which of them is shown for which name."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from OpenSSL import SSL
from OpenSSL.crypto import X509

from mailtwist.tls.certificates import BadCertificate, Bundle
from mailtwist.tls.names import asked_name, wildcard_of

Found = Literal["exact", "wildcard", "missing", "unknown"]
Group = tuple[Bundle, ...]
"""What one context shows: for each kind of key at most one."""

Contents = frozenset[bytes]
Kinds = dict[str, Bundle]
Equip = Callable[[SSL.Context], None]
"""Sets a context's callbacks."""

# Forward secrecy and AEAD only (rfc9325#4.2); TLS 1.3 has its own list, which OpenSSL keeps well.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"

NAMES_PER_STEP = 250


@dataclass(frozen=True)
class Table:
    """Never changed: a new one takes its place.  `made` has each context by what it shows."""

    contexts: Mapping[str, SSL.Context]
    shown: Group
    """To those who ask for nothing that is here."""

    default: SSL.Context
    made: Mapping[Contents, SSL.Context]

    def find(self, raw: bytes | None) -> tuple[SSL.Context, Found]:
        if not raw:
            return self.default, "missing"
        name = asked_name(raw)
        if (exact := self.contexts.get(name)) is not None:
            return exact, "exact"
        if (wide := self.contexts.get(wildcard_of(name))) is not None:
            return wide, "wildcard"
        return self.default, "unknown"


def building(
    bundles: Sequence[Bundle], default_name: str, known: Mapping[Contents, SSL.Context], equip: Equip
) -> Generator[None, None, Table]:
    """The table for `bundles`, in steps of less than a millisecond.  Contexts that are `known` are used
    again.  `BadCertificate` when one cannot be served, or none is for the default name."""
    if not bundles:
        raise BadCertificate("certificate", "there is no certificate to serve")
    by_name = yield from _best(bundles)
    shown = _default(bundles, by_name, default_name)
    made: dict[Contents, SSL.Context] = {}

    def context(group: Iterable[Bundle]) -> Generator[None, None, SSL.Context]:
        its = tuple(group)
        contents = frozenset(bundle.contents for bundle in its)
        if contents not in made:
            made[contents] = known.get(contents) or new_context(its, equip)
            yield
        return made[contents]

    contexts: dict[str, SSL.Context] = {}
    for name, kinds in by_name.items():
        contexts[name] = yield from context(kinds.values())
        if len(contexts) % NAMES_PER_STEP == 0:
            yield
    default = yield from context(shown)
    return Table(contexts, shown, default, made)


def new_context(bundles: Group, equip: Equip, *, tickets: bool = True) -> SSL.Context:
    """OpenSSL copies version, options and verify mode when a connection begins, before the name is known:
    they are the same in all contexts, but for `tickets`, which count in a connection's first one only."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_cipher_list(CIPHERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if not tickets:
        context.set_options(SSL.OP_NO_TICKET)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    equip(context)
    try:
        _load(context, bundles)
    except SSL.Error as error:
        names = ", ".join(name for bundle in bundles for name in bundle.names)
        raise BadCertificate("certificate", f"the certificate for {names} is refused: {_reason(error)}")
    return context


def _best(bundles: Sequence[Bundle]) -> Generator[None, None, dict[str, Kinds]]:
    """For each name one bundle of each kind of key: of two, the one that was issued later.  A bootstrap
    certificate is for names that nothing else is for."""
    real = yield from _by_name(bundles, False)
    made_up = yield from _by_name(bundles, True)
    for name, kinds in made_up.items():
        if name not in real and wildcard_of(name) not in real:
            real[name] = kinds
    return real


def _by_name(bundles: Sequence[Bundle], bootstrap: bool) -> Generator[None, None, dict[str, Kinds]]:
    best: dict[str, Kinds] = {}
    for number, bundle in enumerate(bundles, 1):
        if bundle.bootstrap == bootstrap:
            _enter(best, bundle)
        if number % NAMES_PER_STEP == 0:
            yield
    return best


def _enter(best: dict[str, Kinds], bundle: Bundle) -> None:
    for name in bundle.names:
        kinds = best.setdefault(name, {})
        known = kinds.get(bundle.key_kind)
        if known is None or known.not_before < bundle.not_before:
            kinds[bundle.key_kind] = bundle


def _default(bundles: Sequence[Bundle], by_name: Mapping[str, Kinds], default_name: str) -> Group:
    if default_name:
        for name in (default_name, wildcard_of(default_name)):
            if name in by_name:
                return tuple(by_name[name].values())
        raise BadCertificate("default_name", f"no certificate is for {default_name}")
    first = next((bundle for bundle in bundles if not bundle.bootstrap), bundles[0])
    return tuple(by_name[first.names[0]].values()) if first.names else (first,)


def _load(context: SSL.Context, bundles: Group) -> None:
    store = context.get_cert_store()
    for bundle in bundles:
        context.use_certificate(bundle.leaf)
        context.use_privatekey(bundle.key)
        for link in bundle.chain:
            if len(bundles) == 1 or store is None:
                context.add_extra_chain_cert(link)
            else:  # extra certificates would be sent with every leaf; from the store each leaf gets its own
                store.add_cert(X509.from_cryptography(link))


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words, such as "ee key too small"."""
    return "; ".join(why[2] for why in error.args[0]) if error.args and error.args[0] else "no reason given"
