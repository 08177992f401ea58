"""Keys derived from passwords by hashlib: PBKDF2 and scrypt, as passlib, Dovecot and Django write them."""

import hashlib
import hmac
import re

from mailtwist.auth.directories.schemes.api import UselessHash, Verify, octets_of

MOST_ROUNDS = 10_000_000  # of PBKDF2; more is a slip
MOST_MEMORY, MOST_WORK = 1 << 30, 4 << 30  # octets of scrypt, at once and gone through; the same

_PASSLIB = re.compile(r"\$pbkdf2(?:-(sha256|sha512))?\$([0-9]{1,8})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)")
_DOVECOT = re.compile(r"\$1\$([!-#%-9;-~]{1,64})\$([0-9]{1,8})\$([0-9a-f]{40})")
_DJANGO = re.compile(r"pbkdf2_(sha1|sha256)\$([0-9]{1,8})\$([!-#%-~]{1,128})\$([A-Za-z0-9+/]+=*)")

_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([^$]{0,128})\$([^$]{16,128})"
)
_DJANGO_SCRYPT = re.compile(
    r"scrypt\$([!-#%-~]{1,128})\$([0-9]{1,8})\$([0-9]{1,4})\$([0-9]{1,4})\$([^$]{16,128})"
)


def pbkdf2(rest: str) -> Verify:
    if found := _PASSLIB.fullmatch(rest):
        salt, digest = (octets_of(part.replace(".", "+")) for part in found.group(3, 4))
        return _in_rounds(found[1] or "sha1", int(found[2]), salt, digest)
    if found := _DOVECOT.fullmatch(rest):
        return _in_rounds("sha1", int(found[2]), found[1].encode(), bytes.fromhex(found[3]))
    if found := _DJANGO.fullmatch(rest):
        return _in_rounds(found[1], int(found[2]), found[3].encode(), octets_of(found[4]))
    raise UselessHash("this is no hash of PBKDF2 as Dovecot, passlib or Django write it")


def _in_rounds(name: str, rounds: int, salt: bytes, digest: bytes) -> Verify:
    if not 0 < rounds <= MOST_ROUNDS or len(digest) != hashlib.new(name).digest_size:
        raise UselessHash("the hash is cut off, or its number of rounds cannot be meant")

    def verify(password: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(name, password, salt, rounds), digest)

    return verify


def scrypt(rest: str) -> Verify:
    if found := _SCRYPT.fullmatch(rest):
        power, r, p = map(int, found.group(1, 2, 3))
        return _scrypt(1 << power, r, p, octets_of(found[4]), octets_of(found[5]))
    if found := _DJANGO_SCRYPT.fullmatch(rest):
        n, r, p = map(int, found.group(2, 3, 4))
        return _scrypt(n, r, p, found[1].encode(), octets_of(found[5]))
    raise UselessHash("this is no hash of scrypt as passlib or Django write it")


def scrypt_is_bearable(n: int, r: int, p: int) -> bool:
    """Numbers that scrypt can have, and a cost that can be meant."""
    possible = n > 1 and n & (n - 1) == 0 and r > 0 and p > 0
    return possible and 128 * n * r <= MOST_MEMORY and 128 * n * r * p <= MOST_WORK


def _scrypt(n: int, r: int, p: int, salt: bytes, digest: bytes) -> Verify:
    if not scrypt_is_bearable(n, r, p) or not 16 <= len(digest) <= 64:
        raise UselessHash("the hash of scrypt is cut off, or its cost cannot be meant")
    room = 128 * r * (n + p + 4) + (1 << 20)

    def verify(password: bytes) -> bool:
        made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=room, dklen=len(digest))
        return hmac.compare_digest(made, digest)

    return verify
