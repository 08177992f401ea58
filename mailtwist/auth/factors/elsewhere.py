"""Second factors that a service elsewhere judges: what their sections, names, proofs and troubles share."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.auth.grammar import YUBIKEY
from mailtwist.auth.policy import home_domain
from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Hostnames
from mailtwist.config.words import repeated, split
from mailtwist.kit.clock import Clock
from mailtwist.kit.steps import step
from mailtwist.kit.within import TooLate, within
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import keys

NO_FORM = '"{text}" is no form of a code; there are: 6, 8, yubikey'
FORM_TWICE = '"{text}" is there twice; write it once'
NO_NAME = (
    '"{text}" makes no name; write {{name}}, {{local}} (what is before the "@"), {{domain}} or {{account}}'
    " where they belong, and other text as it is"
)
ONE_FOR_TWO = (
    "`name = {template}` makes one name of two people in different `domains`; write {{name}} or {{account}},"
    " or one section for each domain"
)

_FORMS = {
    "6": re.compile("[0-9]{6}"),
    "8": re.compile("[0-9]{8}"),
    "yubikey": YUBIKEY,
}
_FIELD = re.compile(r"\{(name|local|domain|account)\}")


class Codes(tuple[str, ...]):
    """Forms of codes, none twice."""

    kind: ClassVar[str] = "forms of codes"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(split(text))
        for one in found:
            if one not in _FORMS:
                raise ValueError(NO_FORM.format(text=one))
        if twice := repeated(found):
            raise ValueError(FORM_TWICE.format(text=twice))
        return found

    def take(self, text: str) -> bool:
        """`text` is in one of the forms."""
        return any(_FORMS[one].fullmatch(text) for one in self)

    def __str__(self) -> str:
        return ", ".join(self)


class NameForm(str):
    """How a service elsewhere calls people: `{name}`, `{local}`, `CORP\\{local}`, `{account}`."""

    kind: ClassVar[str] = "a form of names"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        rest = _FIELD.sub("", text)
        if rest == text or "{" in rest or "}" in rest or not rest.isprintable():
            raise ValueError(NO_NAME.format(text=text))
        return cls(text)

    def of(self, facts: Mapping[str, str]) -> str:
        """In one pass: what is put in is never looked at again."""
        return _FIELD.sub(lambda found: facts[found[1]], self)

    @property
    def tells_domains(self) -> bool:
        """Two people with the same name in two domains have two names."""
        return any(word in self for word in ("{name}", "{domain}", "{account}"))


@dataclass(frozen=True)
class CodeSettings:
    """What each section has of a factor that is judged elsewhere."""

    codes: Codes = setting(
        Codes(("6", "8")),
        words="Which forms its codes have: `6` or `8` digits, `yubikey` (44 letters, typed by the key). What"
        " has none of them stays a part of the password, and nobody is asked about it.",
    )
    enrolled: bool = setting(
        True,
        words="Whoever it serves has a code there, and needs one. `no`: it is asked only where a rule"
        " requires a code.",
    )
    domains: Hostnames = setting(
        Hostnames(),
        words="It serves people of these domains alone; by default everybody.",
        example="example.org",
    )


@dataclass(frozen=True)
class ElsewhereSettings(CodeSettings):
    """And of one that knows people by names."""

    name: NameForm = setting(
        NameForm("{name}"),
        words="How it calls people: `{name}` is the login name, `{local}` and `{domain}` are its two halves,"
        " `{account}` is the account id; other text stays as it is.",
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(3), words="How long one question may take, with all that belongs to it."
    )

    def __post_init__(self) -> None:
        if len(self.domains) > 1 and not self.name.tells_domains:
            raise ValueError(ONE_FOR_TWO.format(template=self.name))


class FactorAway(LoginUnavailable):
    """A service elsewhere does not answer, or not with what an answer is.  `detail` is a sentence for the log
    that says what to look at; no secret is in it."""

    def __init__(self, detail: str) -> None:
        super().__init__("factor-away")
        self.detail = detail


class Coded:
    """What such a factor knows without asking anybody, and how it tells what came of asking: subclass, with a
    `kind`."""

    kind: str

    def __init__(self, settings: CodeSettings, assembly: Assembly) -> None:
        self._codes = settings
        self._section = assembly.name
        self._clock: Clock = assembly.clock
        self._keys: Keys = keys(assembly)

    # -- auth.factors.api.Factor
    def looks_like(self, text: str) -> bool:
        return self._codes.codes.take(text)

    async def enrolled(self, account: str) -> bool:
        """Nobody can be asked about everybody: the section says so."""
        return self._codes.enrolled

    # -- SupportsSome
    def serves(self, person: Person) -> bool:
        return not self._codes.domains or home_domain(person) in self._codes.domains

    # -- for subclasses
    def away(self, words: str) -> FactorAway:
        """To be raised, with a sentence for the log."""
        step("{section}: {words}", section=self._section, words=words)
        return FactorAway(f"[factor:{self._section}] {words}")

    def proof(self, asked: Asked, code: str) -> Proof:
        """For this code alone, which is used once, however often the service would say yes."""
        version = self._keys.versions(IDENTITY)[0]
        mark = self._keys.mac(IDENTITY, version, "factor", self._section, asked.account, code)
        return Proof(f"{self._section}:{mark[:16].hex()}", NO_STEP, self.kind)


class Elsewhere(Coded, ABC):
    """A `Factor` and `SupportsSome`, once it is said how to ask: subclass, with a `kind`, and `right`."""

    def __init__(self, settings: ElsewhereSettings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        self._about = settings

    @abstractmethod
    async def right(self, asked: Asked, name: str, code: str) -> bool:
        """The service says yes, or no; it calls him `name`.  `FactorAway` (or another `Trouble`) when it says
        neither.  Called off after `timeout`."""

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        if not self.looks_like(code):
            return None
        name = self.name_of(asked)
        seconds = min(float(self._about.timeout), asked.seconds)
        try:
            right = await within(self._clock, seconds, self.right(asked, name, code))
        except TooLate:
            raise self.away(f"there was no answer in {seconds:g} s") from None
        step("{section} says {word}", section=self._section, word="yes" if right else "no")
        return self.proof(asked, code) if right else None

    def name_of(self, asked: Asked) -> str:
        """How the service calls him.  Of a name that nobody has here it hears nothing: it may be a password
        in the wrong field, or somebody's there."""
        name, account, domain = asked.person.name, asked.account, home_domain(asked.person)
        if not asked.known:
            account = f"nobody-{account.lstrip('?')}"
            domain = domain if domain in self._about.domains else ""
            name = f"{account}@{domain}" if domain else account
        local = name.rpartition("@")[0] if "@" in name else name
        facts = {"name": name, "local": local, "domain": domain, "account": account}
        return self._about.name.of(facts)
