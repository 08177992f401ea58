"""App passwords: one for one mail program, made by us, too long to be guessed, and ended alone."""

import re
import secrets
from zlib import crc32

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailtwist.kit.ids import new_id

PREFIX = "mt_"
ID, SECRET, SUM = 12, 26, 7
"""Characters of 5 bits: who it is, 130 bits that nobody guesses, and whether it was copied whole."""

_TEXT = re.compile(rb"mt_([0-9a-z]{%d})_([0-9a-z]{%d})" % (ID, SECRET + SUM))
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_NONCE = 12
_VAULT = b"mailtwist vault 1"


def new_app_password() -> tuple[str, str]:
    """Its id, and all of it: `mt_<id>_<secret><sum>`."""
    id = new_id(ID)
    text = f"{PREFIX}{id}_{new_id(SECRET)}"
    return id, text + _sum(text)


def app_password_id(secret: bytes) -> str:
    """The id in what has the form of an app password and its sum; '' for anything else, which may be a
    password that somebody has chosen."""
    match = _TEXT.fullmatch(secret)
    if match is None:
        return ""
    text = secret.decode("ascii")
    return match[1].decode("ascii") if _sum(text[:-SUM]) == text[-SUM:] else ""


def sealed_vault(secret: bytes, password: bytes, *about: str) -> bytes:
    """The bare password, to be opened with the app password alone, for the account and id that it is `about`.
    What we have on the disk and our own keys do not open it."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, password, _bound(about))


def opened_vault(secret: bytes, vault: bytes, *about: str) -> bytes | None:
    """What was sealed; None when this is not the app password, or the record was changed or moved."""
    try:
        return AESGCM(_key(secret)).decrypt(vault[:_NONCE], vault[_NONCE:], _bound(about))
    except (InvalidTag, ValueError):
        return None


def _key(secret: bytes) -> bytes:
    """The secret has 130 random bits: no slow hash makes it safer."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_VAULT).derive(secret)


def _bound(about: tuple[str, ...]) -> bytes:
    return b"".join(len(one.encode()).to_bytes(4, "big") + one.encode() for one in about)


def _sum(text: str) -> str:
    bits = crc32(text.encode())
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(0, 5 * SUM, 5))
