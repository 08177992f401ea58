"""One account, one name: every spelling that a client may send becomes the canonical login name."""

import re
from collections.abc import Mapping

import idna
from precis_i18n import get_profile

LONGEST_NAME = 512  # octets as sent; rfc5321#4.5.3.1 allows 64 + 1 + 255, in ASCII
LONGEST_SECRET = 2048
LONGEST_TOKEN = 9216  # what 12,288 octets of base64 can hold (rfc4954#4)

_PLAIN = re.compile(r"[A-Za-z0-9._+=-]+@(?=.{1,63}\Z)[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*")
"""Names of which nothing but the case can change."""

_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_PROFILE = get_profile("UsernameCaseMapped")


class BadName(ValueError):
    """This can be nobody's name; the words are for the log and for who adds an account."""


def clean(user: bytes, secret: bytes, *, bearer: bool = False) -> bool:
    """Neither is empty or too long, neither has a control character in it.  `bearer`: the secret is an access
    token, and may have the name in it."""
    longest = LONGEST_TOKEN if bearer else LONGEST_SECRET
    return all(
        least <= len(octets) <= most and not _CONTROLS.search(octets)
        for octets, least, most in ((user, not bearer, LONGEST_NAME), (secret, 1, longest))
    )


def login_name(user: bytes, default_domain: str = "", windows: Mapping[str, str] = {}) -> str:
    """The canonical form of what a client sent: in lower case, with `default_domain` when it has none.
    The DOMAIN of `DOMAIN\\ann` is one of ours if it is in `windows` (in upper case), and else nothing."""
    try:
        text = user.decode("utf-8")
    except UnicodeDecodeError:
        raise BadName("it is not UTF-8") from None
    domain, backslash, name = text.partition("\\")
    if not backslash:
        return canonical(text, default_domain)
    return canonical(name, windows.get(domain.upper(), default_domain))


def canonical(name: str, default_domain: str = "") -> str:
    """`local@domain`, or `local` alone: the domain by IDNA in lower case, the local part by PRECIS
    UsernameCaseMapped (rfc8265#3.3).  The last "@" divides.  `canonical(canonical(x)) == canonical(x)`."""
    if len(name) > LONGEST_NAME:
        raise BadName("it is too long")
    if _PLAIN.fullmatch(name):
        return name.lower()
    local, at, domain = name.rpartition("@") if "@" in name else (name, "", default_domain)
    if at and not domain:
        raise BadName("nothing follows the @")
    mapped = _local(local)
    return f"{mapped}@{canonical_domain(domain)}" if domain else mapped


def is_canonical(name: str) -> bool:
    """This is how `canonical` would write it."""
    try:
        return canonical(name) == name
    except BadName:
        return False


def canonical_domain(domain: str) -> str:
    """Lower case, A-labels, no dot at the end."""
    if len(domain) > LONGEST_NAME:
        raise BadName("the domain is too long")
    try:
        encoded = idna.encode(domain, uts46=True).decode("ascii")
    except (UnicodeError, ValueError) as error:
        raise BadName(f"the domain cannot be: {error}") from None
    return encoded.removesuffix(".")


def _local(local: str) -> str:
    """`straße` and `strasse` stay two people; what would become an "@" or a backslash is refused, or two
    spellings could mean different accounts here and behind us."""
    try:
        mapped: str = _PROFILE.enforce(local)
    except (UnicodeError, ValueError) as error:
        raise BadName(f"the local part cannot be: {error}") from None
    if "@" in mapped or "\\" in mapped:
        raise BadName("there is more than one @ or backslash in it")
    return mapped
