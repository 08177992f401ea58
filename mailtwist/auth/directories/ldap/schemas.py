"""How people look in the servers that there are: which attributes say what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

Attributes = Mapping[str, tuple[bytes, ...]]
"""By their names in lower case."""

SchemaName = Literal["openldap", "freeipa", "ad", "posix"]

_LOCKED_FOR_GOOD = b"000001010000Z"
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC).timestamp()
_ACCOUNT_DISABLED = 2


@dataclass(frozen=True, slots=True)
class Schema:
    """Defaults of the settings with these names.  `by_name` are comparisons of a login name, beside those of
    the mail attributes."""

    people: str
    by_name: tuple[str, ...]
    id_attribute: tuple[str, ...]
    login_attribute: tuple[str, ...]
    mail_attributes: tuple[str, ...]
    group_filter: str = ""

    def by_login(self, mail_attributes: tuple[str, ...]) -> str:
        """The default of `filter`."""
        return f"(|{''.join(self.by_name)}{by_mail(mail_attributes, 'name')})"


SCHEMAS: dict[SchemaName, Schema] = {
    "openldap": Schema(
        "(objectClass=person)",
        ("(uid={local})",),
        ("entryUUID",),
        ("uid",),
        ("mail", "mailAlternateAddress"),
    ),
    "freeipa": Schema(
        "(objectClass=person)",
        ("(uid={local})",),
        ("ipaUniqueID", "nsUniqueId"),
        ("uid",),
        ("mail", "mailAlternateAddress"),
    ),
    "ad": Schema(
        "(&(objectCategory=person)(objectClass=user))",
        ("(sAMAccountName={local})", "(userPrincipalName={name})"),
        ("objectGUID",),
        ("userPrincipalName", "sAMAccountName"),
        ("mail", "proxyAddresses"),
        "(member:1.2.840.113556.1.4.1941:={dn})",
    ),
    "posix": Schema(
        "(objectClass=posixAccount)",
        ("(uid={local})",),
        ("entryUUID", "nsUniqueId"),
        ("uid",),
        ("mail", "mailAlternateAddress"),
        "(&(objectClass=posixGroup)(|(memberUid={uid})(gidNumber={gid})))",
    ),
}

STATE = (
    "userAccountControl",
    "accountExpires",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "shadowExpire",
    "krbPrincipalExpiration",
)
"""What may say that somebody may not log in."""

_PREFIXED = "proxyaddresses"


def by_mail(attributes: tuple[str, ...], place: str) -> str:
    """Comparisons of an address with each of them."""
    return "".join(
        f"({name}={'smtp:' if name.lower() == _PREFIXED else ''}{{{place}}})" for name in attributes
    )


def addresses(found: Attributes, names: tuple[str, ...]) -> list[str]:
    """All of these attributes, as they are written; what `proxyAddresses` marks as the first is first."""
    told: list[tuple[bool, str]] = []
    for name in names:
        for value in texts(found, name):
            prefix, colon, rest = value.partition(":")
            if name.lower() != _PREFIXED:
                told.append((False, value))
            elif colon and prefix.lower() == "smtp":
                told.append((prefix == "SMTP", rest))
    return [value for _, value in sorted(told, key=lambda one: not one[0])]


def identity(found: Attributes, names: tuple[str, ...]) -> str:
    """The first of these that there is; 16 octets (objectGUID) as Microsoft writes them.  '' when it has
    several values: a server gives them in any order."""
    for name in names:
        if values := found.get(name.lower(), ()):
            return _identified(name.lower(), values[0]) if len(values) == 1 else ""
    return ""


def _identified(name: str, value: bytes) -> str:
    """Octets that are no text (objectSid) in hexadecimal: as text many would be the same."""
    if name == "objectguid":
        return str(UUID(bytes_le=value)) if len(value) == 16 else ""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"octets-{value.hex()}"
    return text.lower() if text.isprintable() else f"octets-{value.hex()}"


def why_disabled(found: Attributes, now: float) -> str:
    """What says that this person may not log in; '' when nothing does."""
    if "useraccountcontrol" in found:
        control = _number(found, "userAccountControl")
        if control is None or control & _ACCOUNT_DISABLED:
            return "userAccountControl"
    expires = _number(found, "accountExpires")
    if expires is not None and expires not in _NEVER and _WINDOWS_EPOCH + expires / 1e7 <= now:
        return "accountExpires"
    if "true" in (value.lower() for value in texts(found, "nsAccountLock")):
        return "nsAccountLock"
    if _LOCKED_FOR_GOOD in found.get("pwdaccountlockedtime", ()):
        return "pwdAccountLockedTime"
    today = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%SZ").encode()
    if any(len(value) == len(today) and value <= today for value in found.get("krbprincipalexpiration", ())):
        return "krbPrincipalExpiration"
    days = _number(found, "shadowExpire")
    return "shadowExpire" if days is not None and 0 <= days <= now // 86400 else ""


def texts(found: Attributes, name: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in found.get(name.lower(), ())]


def _number(found: Attributes, name: str) -> int | None:
    for value in found.get(name.lower(), ()):
        if len(value) <= 20 and value.removeprefix(b"-").isdigit():
            return int(value)
    return None
