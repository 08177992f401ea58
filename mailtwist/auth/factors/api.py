"""The words of the second factor: what one is, and what it can do besides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mailtwist.auth.api import DoorName, Person
from mailtwist.state.records import Token

NO_STEP = -1


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a factor is asked about: `person` as a directory has him, or the pseudo-person of a name that
    nobody has (`known` is False).  The rest is for a service elsewhere: where the client is ('' when
    nobody knows), what it speaks and calls itself, the id under which the login is in the log, and how
    many `seconds` the door lets it wait.  There is no secret in it."""

    person: Person
    known: bool = True
    address: str = ""
    protocol: DoorName = "other"
    client: str = ""
    login: str = ""
    seconds: float = 30.0

    @property
    def account(self) -> str:
        return self.person.account


class Factor(Protocol):
    """One kind of second factor.  Every factor passes `testing.factor.FactorContract`."""

    @property
    def kind(self) -> str:
        """One lower-case word, the same as that of its proofs: `totp`."""

    def looks_like(self, text: str) -> bool:
        """The suffix can be a code of this kind; anything else is never taken from the password."""

    async def enrolled(self, account: str) -> bool:
        """The account has a confirmed token of this kind."""

    async def verify(self, asked: Asked, code: str) -> "Proof | None":
        """Which token and step the code belongs to; None when it is wrong.  The same work for accounts
        without a token.  Does not use the code up: the decision does.  A service that judges it elsewhere and
        is away is `LoginUnavailable`, never None (`AccountUnavailable`: for this account alone); it has no
        more than `asked.seconds`."""


@runtime_checkable
class SupportsSome(Protocol):
    """A factor for some people only: for all others it is not there."""

    def serves(self, person: Person) -> bool:
        """By his domain.  The same for names that nobody has as for those that somebody has."""


def factors_for(person: Person, factors: Sequence[Factor]) -> list[Factor]:
    """Those that are there for him."""
    return [one for one in factors if not isinstance(one, SupportsSome) or one.serves(person)]


@runtime_checkable
class SupportsApproval(Protocol):
    """A factor that needs no code: the person is asked elsewhere, on his phone say, while the login
    waits. It is asked last, once the directory has taken the password, so that nobody else can have
    anybody asked."""

    @property
    def kind(self) -> str: ...

    @property
    def longest(self) -> float:
        """For so many seconds it waits at most, however long the door could."""

    async def approved(self, asked: Asked) -> "Proof | None":
        """He has said yes; None when he said no, or nothing within `asked.seconds`.  `LoginUnavailable` when
        he cannot be asked, `AccountUnavailable` when that is so for him alone.  Calling it off ends the
        prompt."""


@runtime_checkable
class SupportsIntroduction(Protocol):
    """A factor for which somebody has to do something on his phone first."""

    def introduction(self, person: Person) -> Sequence[str]:
        """Sentences that say what: for him, or for whoever helps him, and nobody else."""


@runtime_checkable
class SupportsBoth(Protocol):
    """A factor whose service takes password and code in one, and says nothing about either alone (FreeIPA,
    slapo-otp).  It takes the place of `verify`, and of the directory's own answer."""

    async def verify_both(self, asked: Asked, password: bytes, code: str) -> "Proof | None":
        """Both are right; None when one is not, and nobody knows which.  `Proof.password` is true."""

    async def still_right(self, asked: Asked, since: float) -> bool:
        """For a string that has passed at `since` (seconds since 1970) and was remembered: the account
        may log in, and its password has not been changed since then."""


@runtime_checkable
class SupportsLearning(Protocol):
    """A factor that learns from the codes with which a login succeeded: how far a clock is ahead, how many
    codes were skipped."""

    async def learned(self, account: str, proof: "Proof") -> None:
        """A login with this proof of ours succeeded, and its step is used."""


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What the codes of a token are like: how many digits, with which hash, each for how many seconds (0: for
    one use)."""

    digits: int = 6
    algorithm: str = "SHA1"
    period: int = 30


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A token as its owner's app needs it.  `uri` is what the QR code says; both tell the secret."""

    token: str
    uri: str = field(repr=False)
    secret: str = field(repr=False)


@runtime_checkable
class SupportsEnrolment(Protocol):
    """A factor whose tokens are ours to give: `mailtwist otp`."""

    @property
    def kind(self) -> str: ...

    @property
    def form(self) -> TokenForm:
        """That of a token for which nothing else is asked."""

    async def tokens(self, account: str) -> Sequence[Token]:
        """The oldest first; those that are not `active` wait for a code."""

    async def enroll(
        self, account: str, name: str, label: str = "", form: TokenForm | None = None
    ) -> Enrolment:
        """A new token, which counts once a code of it was confirmed.  An older one that still waits for that
        is gone.  `name` is what the app shows.  `Trouble` 5.x says in `public` why it cannot be."""

    async def shown(self, token: Token, name: str) -> Enrolment:
        """The token as it was at its enrolment, for an app that begins now."""

    async def code(self, token: Token) -> str:
        """What its owner's app shows now, or next."""

    async def confirm(self, account: str, code: str, token: str = "") -> bool:
        """`code` is right: the waiting token counts from now on, and this code is used.  `token` says which
        one, if several wait."""

    async def resync(self, account: str, first: str, second: str, token: str = "") -> bool:
        """The two are codes of this token, or of any, one right after the other and none used: both are used
        now, and its clock or counter is known.  `verify` looks not nearly as far."""

    async def remove(self, account: str, token: str) -> bool:
        """It is gone; False when there is no such token of this kind.  `auth.enrolled` asks whether it was
        the last one."""


@runtime_checkable
class SupportsRecovery(Protocol):
    """A factor of printed codes for bad days: `mailtwist recovery`."""

    async def renew(self, account: str) -> Sequence[str]:
        """The codes that are good from now on, each once, and no older one is.  They are never told again."""

    async def remaining(self, account: str) -> int:
        """How many were not used."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A code that one mail program begins with.  `code` is told once, when it is issued."""

    id: str
    expires: float
    code: str = field(default="", repr=False)


@runtime_checkable
class SupportsDeviceCodes(Protocol):
    """A factor of codes that an admin or the owner issues for one mail program: `mailtwist device-code`."""

    async def issue(self, account: str, seconds: float | None = None) -> DeviceCode:
        """Good for so long, or as the section says.  `Trouble` 5.x when there are too many."""

    async def issued(self, account: str) -> Sequence[DeviceCode]:
        """Those that are still good, the oldest first."""

    async def revoke(self, account: str, code: str) -> bool:
        """The one with this id is gone."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`token` is the id of the token, unlike all others in whatever factor; `step` grows with each code
    that it can give (rfc6238#4.2).  Where only a service elsewhere knows the order of its codes, `step` is
    `NO_STEP` and `token` tells the code, by a keyed hash: it is used once for as long as it may live.  `kind`
    is the factor's; `drift` is for its own `learned`; `password`: the password was judged with it; `lasts`: a
    string with it may be remembered."""

    token: str
    step: int
    kind: str
    drift: int = 0
    password: bool = False
    lasts: bool = True
