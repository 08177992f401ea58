"""Which limits an attempt is charged to, what each is called, and whom it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailtwist.auth.api import Source
from mailtwist.auth.places import client_of, neighbourhood_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.state.records import Bucket

NO_LIMIT = 1 << 30
"""Of what is counted and denies nobody."""

APPROVAL = "approval"
"""As what a password alone is counted where its owner can be asked on his phone."""

OWN_BUDGET = {"device-code": "device_code", "recovery": "recovery", "token": "token", APPROVAL: APPROVAL}
"""Kinds of codes that cannot be guessed, and passwords that lead to a prompt: whoever uses up the budget for
others does not stop these, nor do these stop others."""

FAMILIES = ("", *OWN_BUDGET.values())


@dataclass(frozen=True, slots=True)
class Attempt:
    """A secret that is about to be judged.  `account` is the account's id, or the pseudo-id of a name that
    nobody has (`known` is false then, and nothing else differs), or '': then only the address is charged.
    `address` is the client's as text, '' when nobody knows it; `kind` that of the code (`Factor.kind`), ''
    for a password alone; `password` what is left of the secret without the code; `login` the canonical login
    name."""

    source: Source
    account: str
    known: bool
    address: str
    kind: str
    password: bytes = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is so at the moment.  `exempt`: the address is in a trusted network.  `cost`: of one failure, to
    address and network.  `halved`: there is an alarm.  `counted`: this network has failed with this account
    already."""

    exempt: bool = False
    cost: int = 1
    halved: bool = False
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """One bucket that an attempt is charged to: the setting's name in [limits], and whom it is about."""

    name: str
    subject: str
    bucket: Bucket


def limits_of(attempt: Attempt, settings: LimitsSettings, now: Conditions) -> Sequence[Limit]:
    """All that the attempt is charged to; nothing for a source that is trusted."""
    if attempt.source is Source.TRUSTED:
        return ()
    if attempt.source is Source.KNOWN:
        now = Conditions(exempt=now.exempt)
    if _family(attempt) not in ("", APPROVAL):
        now = replace(now, halved=False)
    client = client_of(attempt.address)
    limits = [] if now.exempt or not client else _of_address(attempt, client, settings, now)
    if not attempt.account:
        return limits
    if client and attempt.source is Source.UNTRUSTED:
        name = "account_address"
        key = key_of(f"{name}/{_family(attempt)}", settings.account_address, attempt.account, client)
        limits.append(_limit(name, key, f"account {attempt.account} from {client}", settings, now))
    return [*limits, *_of_account(attempt, settings, now)]


def member_of(attempt: Attempt, settings: LimitsSettings) -> str:
    """The key under which an account's failures in a network are noted."""
    net = neighbourhood_of(attempt.address)
    return key_of("network_account", settings.network, attempt.account, net)


def keys_of(subject: str, settings: LimitsSettings) -> Sequence[str]:
    """All that is counted about a subject, as it stands in the list of bans."""
    kind, _, whom = subject.partition(" ")
    if kind == "address":
        return [key_of(name, getattr(settings, name), whom) for name in ("address", "address_long")]
    if kind == "network":
        return [key_of("network", settings.network, whom)]
    account, _, client = whom.rpartition(" from ")
    if account and "/" in client:
        return [
            key_of(f"account_address/{family}", settings.account_address, account, client)
            for family in FAMILIES
        ]
    return [
        key_of(f"{name}/{source.value}", getattr(settings, name), whom) for name, source in _ACCOUNT_BUCKETS
    ]


def key_of(name: str, rate: Rate, *whom: str) -> str:
    """The time is part of it: with another setting it is another bucket."""
    return ":".join((name, f"{rate.seconds:g}", *whom))


_LONG_AND_SHORT = {Source.UNTRUSTED: ("account", "account_long"), Source.KNOWN: ("known", "known_long")}
_ACCOUNT_BUCKETS = tuple(
    (name, source) for source, names in _LONG_AND_SHORT.items() for name in (*names, *OWN_BUDGET.values())
)
_NEVER_HALVED = "account_long"
"""It stands for itself.  Whoever wants an alarm can have one, so it does nothing to networks that are known
and to codes that cannot be guessed, either."""


def _of_address(attempt: Attempt, client: str, settings: LimitsSettings, now: Conditions) -> list[Limit]:
    subject = f"address {client}"
    limits = [
        _limit(name, key_of(name, getattr(settings, name), client), subject, settings, now, now.cost)
        for name in ("address", "address_long")
    ]
    if attempt.source is Source.KNOWN:
        return limits
    member, net = member_of(attempt, settings), neighbourhood_of(attempt.address)
    noted = Bucket(member, NO_LIMIT, settings.network.seconds)
    limits.append(Limit("network", f"network {net}", noted))
    if not now.counted:
        key = key_of("network", settings.network, net)
        limits.append(_limit("network", key, f"network {net}", settings, now, now.cost))
    return limits


def _of_account(attempt: Attempt, settings: LimitsSettings, now: Conditions) -> list[Limit]:
    own = _family(attempt)
    names = (own,) if own else _LONG_AND_SHORT[attempt.source]
    subject = f"account {attempt.account}"
    keys = [
        key_of(f"{name}/{attempt.source.value}", getattr(settings, name), attempt.account) for name in names
    ]
    return [_limit(name, key, subject, settings, now) for name, key in zip(names, keys, strict=True)]


def _limit(
    name: str, key: str, subject: str, settings: LimitsSettings, now: Conditions, cost: int = 1
) -> Limit:
    rate: Rate = getattr(settings, name)
    halved = now.halved and name != _NEVER_HALVED
    number = max(1, rate.number // 2) if halved else rate.number
    return Limit(name, subject, Bucket(key, number, rate.seconds, min(cost, number)))


def _family(attempt: Attempt) -> str:
    return OWN_BUDGET.get(attempt.kind, "")
