"""A served chain, judged as a strict client would."""

from datetime import datetime

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store


def verified(pem: bytes, root: x509.Certificate, *names: str, at: datetime | None = None) -> x509.Certificate:
    """The leaf; AssertionError unless the chain leads to `root` and the leaf is for all of `names` and good
    at `at`, or now.  A name with `*` is looked up as it stands."""
    leaf, *above = x509.load_pem_x509_certificates(pem)
    said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    held = set(said.get_values_for_type(x509.DNSName))
    if missing := set(names) - held:
        raise AssertionError(f"for {sorted(held)}, not {sorted(missing)}")
    builder = PolicyBuilder().store(Store([root]))
    if at is not None:
        builder = builder.time(at)
    subject = x509.DNSName(min(held).replace("*", "any"))
    try:
        chain = builder.build_server_verifier(subject).verify(leaf, above)
    except x509.verification.VerificationError as error:
        raise AssertionError(f"{error}: {[one.subject.rfc4514_string() for one in (leaf, *above)]}") from None
    if len(chain) != len(above) + 2:
        raise AssertionError(f"{len(above)} certificates were sent for a chain of {len(chain)}")
    return leaf
