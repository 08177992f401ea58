"""Who is meant when a part is tried with a login name, and what holds for him."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass

from mailtwist.app.cli.inside import Inside
from mailtwist.app.cli.trying import CannotTry, Telling, words_of
from mailtwist.auth.api import Directory, LoginRefused, LoginRequest, Person
from mailtwist.auth.factors.api import Factor, factors_for
from mailtwist.auth.grammar import Grammars, Split, the_grammars
from mailtwist.auth.identity import Identities, the_identities
from mailtwist.auth.policy import Policy, home_domain, the_policy
from mailtwist.config.domain import DomainSettings, windows_domains
from mailtwist.config.login import LoginSettings
from mailtwist.config.problems import shown
from mailtwist.kit.clock import Clock

NOBODY = "nobody has this name there"


@dataclass(frozen=True)
class House:
    """What a decision has, as far as a trial needs it: no limits, no memory of what passed before."""

    directories: Mapping[str, Directory]
    factors: Mapping[str, Factor]
    identities: Identities
    policy: Policy
    grammars: Grammars
    login: LoginSettings
    clock: Clock
    windows: Mapping[str, str]

    @classmethod
    def of(cls, inside: Inside) -> "House":
        """Built and not begun."""
        return cls(
            inside.parts("directory"),
            inside.parts("factor"),
            inside.one(the_identities),
            inside.one(the_policy),
            inside.one(the_grammars),
            inside.login,
            inside.clock,
            windows_domains(inside.several(DomainSettings)),
        )

    def request(self, chosen: Namespace, name: str = "") -> LoginRequest:
        user = (name or chosen.user).encode("utf-8", "surrogateescape")
        return LoginRequest(chosen.protocol, user, b"-", chosen.address, tls=True)

    def name(self, telling: Telling, chosen: Namespace) -> str:
        """The canonical one, as every door makes it of what a client sends."""
        typed = shown(chosen.user)
        telling.about("The name", "name")
        try:
            name = self.identities.name(self.request(chosen))
        except LoginRefused as refused:
            raise CannotTry(f'"{typed}" cannot be a name: {words_of(refused)}') from None
        telling.fact(typed=chosen.user, name=name)
        if name == chosen.user:
            telling.say(f"{name} is written as it is known here.")
            return name
        telling.say(f'"{typed}" is {name} here.')
        before, backslash, _ = chosen.user.partition("\\")
        ours = self.windows.get(before.upper(), "") if backslash else ""
        if ours:
            telling.say(f"{shown(before)} is what Windows calls {ours} ([domain:{ours}] netbios).")
        elif backslash:
            telling.say("What stands before the backslash is no part of the name.")
        if "@" not in chosen.user and "@" in name and not ours:
            telling.say(
                "It was written without a domain, so it has one of the config ([login] default_domain)."
            )
        return name

    def split(self, person: Person, secret: bytes) -> Split | None:
        """The password and the code as a login of his would be divided; None when it would be taken whole."""
        factors = factors_for(person, list(self.factors.values()))
        return self.grammars.split(
            home_domain(person), secret, lambda text: any(one.looks_like(text) for one in factors)
        )

    def written(self, person: Person, password: bytes, code: bytes) -> bytes:
        """What a mail program of his sends: the two as his domain writes them."""
        grammar = self.grammars.of(home_domain(person))
        halves = (code, password) if grammar.before else (password, code)
        return grammar.separator.join(halves)

    async def rule(self, telling: Telling, chosen: Namespace, person: Person) -> bool:
        """He needs a code at this door: why, and of which factors."""
        telling.about("What holds for him", "rule")
        rule = self.policy.rule(person, chosen.protocol, chosen.address, self.clock.now())
        where = f"At {chosen.protocol}{f' from {chosen.address}' if chosen.address else ''}"
        telling.say(f"{where} it is [{rule.name}] that counts: factor = {rule.factor}.")
        needs = await self.policy.needs_code(rule, person)
        telling.say(_why(rule.factor, needs))
        if rule.would and rule.would != rule.name:
            telling.say(f"[{rule.would}] will want a code one day.")
        serving = factors_for(person, list(self.factors.values()))
        for name, factor in self.factors.items():
            telling.say(await _has(name, factor, factor in serving, person))
        if not self.factors:
            telling.say("The config has no [factor:...].")
        telling.fact(rule=rule.name, factor=rule.factor, needs_code=needs)
        return needs


def _why(factor: str, needs: bool) -> str:
    if not needs:
        return "He needs no code: he has enrolled nothing, and his secret is taken whole as his password."
    if factor == "required":
        return "He needs a code behind his password, or an app password."
    return "He needs a code although the rule does not want one: he has enrolled a factor."


async def _has(name: str, factor: Factor, serves: bool, person: Person) -> str:
    if not serves:
        return f"[factor:{name}] is not for people of his domain."
    if await factor.enrolled(person.account):
        return f"[factor:{name}] ({factor.kind}) knows him."
    return f"[factor:{name}] ({factor.kind}) has nothing of his."


def tell_person(telling: Telling, person: Person) -> None:
    telling.say(f"There he is {person.name}, account {person.account}.")
    telling.say(f"He gets mail for {', '.join(person.addresses) or 'no address'}.")
    telling.say(f"His groups: {', '.join(person.groups) or 'none'}.")
    if not person.enabled:
        telling.say("He is disabled: no login of his gets in, whatever the password.")
    telling.fact(
        person={
            "account": person.account,
            "name": person.name,
            "addresses": list(person.addresses),
            "enabled": person.enabled,
            "groups": list(person.groups),
        }
    )
