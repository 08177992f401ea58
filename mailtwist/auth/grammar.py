"""`password@code`: how the people of a domain write their code into the password's field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailtwist.config.domain import SEPARATORS, DomainSettings
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly

LONGEST_CODE = 64

_PRINTABLE = re.compile(rb"[!-~]{1,%d}" % LONGEST_CODE)
_HYPHENS = re.compile(rb"[A-Za-z0-9]{4}-[A-Za-z0-9]{4}-[A-Za-z0-9]{4}")
_LONG = 14

YUBIKEY = re.compile("[cbdefghijklnrtuv]{44}")
"""What a YubiKey types: letters that are at the same place on most keyboards."""

_TYPED, _TYPED_LONG = re.compile(YUBIKEY.pattern.encode()), 44
_LIKE_A_CODE = re.compile(
    rb"[0-9]{6}(?:[0-9]{2})?|[A-Za-z0-9]{4}-?[A-Za-z0-9]{4}-?[A-Za-z0-9]{4}|" + _TYPED.pattern
)


@dataclass(frozen=True, slots=True)
class Cut:
    """How many octets of a secret are not the password: before it, and behind it.  It can be kept: it tells
    nothing about the password, not even its length."""

    front: int = 0
    back: int = 0

    def password(self, secret: bytes) -> bytes:
        return secret[self.front : max(self.front, len(secret) - self.back)]


WHOLE = Cut()


@dataclass(frozen=True, slots=True)
class Split:
    """A secret in two: the bare `password`, and a `code` that some factor may know."""

    password: bytes = field(repr=False)
    code: str = field(repr=False)
    cut: Cut = WHOLE


@dataclass(frozen=True, slots=True)
class Grammar:
    """`separator` is one octet that is in no code, or nothing: then a code has `digits` digits, or is one of
    the longer ones with its two hyphens, or typed by a YubiKey.  No end of a secret is two of these: neither
    hyphens nor letters are digits, and such a key types no hyphens."""

    separator: bytes = b"@"
    before: bool = False
    digits: int = 6

    def split(self, secret: bytes, is_code: Callable[[str], bool]) -> Split | None:
        """The two halves when `is_code` takes what stands at the code's place for one; None when the secret
        is to be taken whole, so that a password with the separator in it stays one.  The password may be
        empty.  Octets are compared, not characters: a full-width separator is none."""
        for octets, cut in self._candidates(secret):
            code = octets.decode("ascii")
            if is_code(code):
                return Split(cut.password(secret), code, cut)
        return None

    def _candidates(self, secret: bytes) -> list[tuple[bytes, Cut]]:
        """What may be the code by its form, and what is not the password then; one at most."""
        if self.separator:
            code = self._beside_the_separator(secret)
            return [(code, self._cut(len(code) + 1))] if _PRINTABLE.fullmatch(code) else []
        short, long = self._end(secret, self.digits), self._end(secret, _LONG)
        if len(short) == self.digits and short.isdigit():
            return [(short, self._cut(self.digits))]
        if _HYPHENS.fullmatch(long):
            return [(long, self._cut(_LONG))]
        typed = self._end(secret, _TYPED_LONG)
        return [(typed, self._cut(_TYPED_LONG))] if _TYPED.fullmatch(typed) else []

    def _beside_the_separator(self, secret: bytes) -> bytes:
        code, found, _ = secret.partition(self.separator)
        if not self.before:
            _, found, code = secret.rpartition(self.separator)
        return code if found else b""

    def _end(self, secret: bytes, length: int) -> bytes:
        return secret[:length] if self.before else secret[-length:]

    def _cut(self, octets: int) -> Cut:
        return Cut(octets, 0) if self.before else Cut(0, octets)


class Grammars:
    """That of each domain: `[domain:...]`, and what it does not say in `[login]`."""

    def __init__(self, login: LoginSettings, domains: Mapping[str, DomainSettings]) -> None:
        self._domains = {name: _grammar(login, its) for name, its in domains.items()}
        self._others = _grammar(login, DomainSettings())

    def of(self, domain: str) -> Grammar:
        return self._domains.get(domain, self._others)

    def split(self, domain: str, secret: bytes, is_code: Callable[[str], bool]) -> Split | None:
        """`Grammar.split` as `domain` has it; '' is the domain of names without one."""
        return self.of(domain).split(secret, is_code)


def bare(secret: bytes, cut: tuple[int, int] | None) -> bytes:
    """The password in a string that was remembered with this cut, whatever its domain says today.  Without
    one, the string was remembered when all had the code behind the last "@"."""
    return secret.rpartition(b"@")[0] if cut is None else Cut(*cut).password(secret)


def halves(secret: bytes) -> list[bytes]:
    """The secret, and all that some grammar could take for the password in it or for the code."""
    found = {secret, *secret.rpartition(b"@")}
    for separator in SEPARATORS.encode():
        octet = bytes([separator])
        for halves in (secret.rpartition(octet), secret.partition(octet)):
            if any(_LIKE_A_CODE.fullmatch(half) for half in halves):
                found.update(halves)
    for length in (6, 8, 12, _LONG, _TYPED_LONG):
        ends = ((secret[:length], secret[length:]), (secret[-length:], secret[:-length]))
        found.update(
            half for code, password in ends if _LIKE_A_CODE.fullmatch(code) for half in (code, password)
        )
    return [half for half in found if half and half != b"@"]


def the_grammars(assembly: Assembly) -> Grammars:
    """For `assembly.one`."""
    return Grammars(assembly.login, assembly.several(DomainSettings))


def _grammar(login: LoginSettings, domain: DomainSettings) -> Grammar:
    separator = login.separator if domain.separator is None else domain.separator
    return Grammar(separator.encode(), (domain.code or login.code) == "before", domain.digits or login.digits)
