"""The certificates of the servers behind: signed by one authority of these tests, or by another one."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from tests.tls.made import Authority

NAMES = ("localhost", "mail.inside.test", "127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    """Files: the chain, its key, the root that it can be verified by."""

    chain: Path
    key: Path
    root: Path


@cache
def authority() -> Authority:
    return Authority("Root of the servers behind")


def certificate(folder: Path, name: str, *names: str, by: Authority | None = None) -> Certificate:
    """One for `names`, whose files in `folder` are called `name`; everybody may read them."""
    signer = by or authority()
    chain, key = signer.leaf(*(names or NAMES), begins=signer.certificate.not_valid_before_utc)
    made = Certificate(*(folder / f"{name}.{end}" for end in ("pem", "key", "root")))
    made.chain.write_bytes(chain)
    made.key.write_bytes(key)
    made.root.write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    return made
