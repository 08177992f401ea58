"""What is wrong with certificates that are stored: their dates, their chains, and who can read the keys."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreContext, X509StoreContextError

from mailtwist.app.cli.tls_ours import Ours
from mailtwist.config.sections import Section
from mailtwist.tls.acme.due import DAY, loud_from
from mailtwist.tls.acme.status import Status
from mailtwist.tls.certificates import BadCertificate, Bundle, read_certificates
from mailtwist.tls.checking import Checked


def of_certificates(ours: Ours, now: float) -> Checked:
    """Blocks: roots and chains."""
    found = Checked()
    roots: dict[str, SSL.Context] = {}
    for name, part in ours.parts.items():
        section = f"[tls:{name}]"
        if section not in roots:
            roots[section] = _roots(part, found)
        for bundle in part.bundles:
            title = f"{section}: the certificate for {', '.join(bundle.names[:3])} ({bundle.key_kind})"
            wrong = list(_wrong(bundle, now))
            found.problems += [f"{title} {words}" for words in wrong]
            whys = found.notes if _is_private(part) else found.problems
            whys += [] if wrong else [f"{title} {words}" for words in _chain(bundle, roots[section])]
    for ordered in ours.ordered:
        for one in ordered.status:
            found.add(_of_status(ordered.section, one))
        found.notes += ordered.silent
    return found


def _of_status(section: str, one: Status) -> Checked:
    names = ", ".join(one.names[:3])
    if one.state == "not here":
        return Checked(notes=[f"{section}: no certificate for {one.name}: {one.error}"])
    if one.state == "missing":
        why = f": {one.error}" if one.error else ""
        return Checked([f"{section}: there is no certificate for {names} ({one.key_kind}) yet{why}"])
    if one.error and one.why:
        words = f"{section}: {names} ({one.key_kind}) could not be renewed {one.failures} times: {one.error}"
        return Checked([words])
    return Checked()


def _is_private(part: Any) -> bool:
    """Its certificates are for those who know the authority; its API may have another one's certificate."""
    return any(authority.settings.roots is not None for authority in getattr(part, "authorities", ()))


def _wrong(bundle: Bundle, now: float) -> Iterator[str]:
    if bundle.bootstrap:
        yield "is one of our own making, until there is another"
        return
    dates = bundle.troubles(now)
    yield from dates
    if dates:
        return
    if now >= loud_from(bundle):
        yield f"ends on {bundle.until}, in {(bundle.not_after - now) / DAY:.1f} days, and is not renewed"
    if bundle.leaf.issuer == bundle.leaf.subject:
        yield "is signed by itself: clients and servers that verify do not accept it"


def _chain(bundle: Bundle, roots: SSL.Context) -> Iterator[str]:
    others = [X509.from_cryptography(one) for one in bundle.chain]
    store = roots.get_cert_store()  # it is the context's own, and ends with it
    assert store is not None
    try:
        X509StoreContext(store, X509.from_cryptography(bundle.leaf), others).verify_certificate()
    except X509StoreContextError as error:
        yield f"has a chain that does not lead to an authority that is trusted here: {error}"


def _roots(part: Any, found: Checked) -> SSL.Context:
    """What the system trusts, and the roots of private authorities that the config names."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_default_verify_paths()
    store = context.get_cert_store()
    assert store is not None
    for authority in getattr(part, "authorities", ()):
        if authority.settings.roots is not None:
            try:
                for one in read_certificates(Path(authority.settings.roots).read_bytes()):
                    store.add_cert(X509.from_cryptography(one))
            except (OSError, BadCertificate) as error:
                found.problems.append(f"the roots of {authority.word} cannot be read: {error}")
    return context


# -- who can read the keys
def of_files(sections: Sequence[Section], folder: Path) -> Checked:
    """Blocks."""
    found = Checked()
    for section in sections:
        paths = getattr(section.settings, "key", ()) if section.room == "tls" else ()
        for path in paths if isinstance(paths, tuple) else ():
            found.problems += _of_key(f"[{section.title}]", Path(path), 0o027)
    for path in sorted((folder / "tls").rglob("*")):
        if path.is_file():
            found.problems += _of_key("state folder", path, 0o077)
    return found


def _of_key(title: str, path: Path, forbidden: int) -> Iterator[str]:
    """A key's group may read it; and change nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # it was for a moment only
        return
    except OSError as error:
        yield f"{title}: {path}: {error.strerror}"
        return
    if mode & forbidden:
        right = mode & ~forbidden & 0o777
        yield f"{title}: {path} can be read or changed by others (mode {mode & 0o777:o}); chmod {right:o}"
