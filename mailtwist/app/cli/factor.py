"""`mailtwist factor test`: whether a second factor takes somebody's code, or his yes, step by step."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import replace
from getpass import getpass
from typing import Any

from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import Inside, run_inside
from mailtwist.app.cli.trying import (
    CANNOT_SAY,
    NO,
    YES,
    CannotTry,
    Outcome,
    Telling,
    secret_typed,
    section_named,
    tried,
    trying_arguments,
)
from mailtwist.app.cli.whose import NOBODY, House, tell_person
from mailtwist.auth.api import Person
from mailtwist.auth.factors.api import (
    NO_STEP,
    Asked,
    Factor,
    Proof,
    SupportsApproval,
    SupportsBoth,
    SupportsIntroduction,
    factors_for,
)
from mailtwist.config.problems import shown
from mailtwist.kit.ids import new_id
from mailtwist.state.api import Durable
from mailtwist.state.process import durable

CLIENT = "mailtwist factor test"
LONGEST_WAIT = 300


def arguments(parser: ArgumentParser) -> None:
    test = trying_arguments(parser, "factor")
    read = "read the code from standard input: its first line, or the second where the first is the password"
    test.add_argument("--code-stdin", action="store_true", help=read)
    ask = "no code: he is asked for his yes, on his phone say"
    test.add_argument("--ask", action="store_true", help=ask)
    wait = "how long he may take for that, as a mail program's login would wait; by default 30"
    test.add_argument("--seconds", type=_seconds, default=30.0, metavar="N", help=wait)


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:4]) <= LONGEST_WAIT:
        raise ArgumentTypeError(f"a number of seconds, 1 to {LONGEST_WAIT}")
    return float(text[:4])


async def work(inside: Inside, chosen: Namespace) -> int:
    return await tried(_tested, inside, chosen)


async def _tested(inside: Inside, chosen: Namespace) -> int:
    section = section_named(inside, "factor", chosen.section)
    house, state = House.of(inside), durable(inside)
    factor: Any = house.factors[section.name]
    telling = Telling(inside, chosen.json)
    if chosen.ask and not isinstance(factor, SupportsApproval):
        raise CannotTry(f"[factor:{section.name}] asks nobody for a yes; it wants a code")
    await inside.begin()
    telling.fact(factor=section.name, type=section.type, kind=factor.kind)
    name = house.name(telling, chosen)
    person = await _person(telling, house, name)
    if isinstance(person, int):
        return person
    ruled = await telling.outcome(house.rule(telling, chosen, person))
    if ruled.failed:
        telling.say(f"Nobody can say whether he needs a code: {ruled.reason}.")
    if factor not in factors_for(person, [factor]):
        return telling.end(NO, f"[factor:{section.name}] is not for people of his domain.")
    asked = Asked(person, True, chosen.address, chosen.protocol, CLIENT, new_id(), chosen.seconds)
    if chosen.ask:
        patience = min(asked.seconds, factor.longest)
        return await _approval(telling, factor, replace(asked, seconds=patience), chosen)
    return await _code(telling, house, state, factor, asked, chosen)


async def _person(telling: Telling, house: House, name: str) -> Person | int:
    """Whom the first directory that knows the name has; or the exit status, when there is nobody."""
    telling.about("Who that is", "find")
    for title, directory in house.directories.items():
        found = await telling.outcome(directory.find(name))
        if found.failed:
            return telling.end(CANNOT_SAY, f"[directory:{title}]: {found.reason}.")
        if found.answer is not None:
            telling.say(f"[directory:{title}] knows him.")
            tell_person(telling, found.answer)
            return found.answer
        telling.say(f"[directory:{title}]: {NOBODY}.")
    return telling.end(NO, "no directory knows this name.")


# -- a yes
async def _approval(telling: Telling, factor: SupportsApproval, asked: Asked, chosen: Namespace) -> int:
    if isinstance(factor, SupportsIntroduction):
        telling.about("What he has to do before, once", "introduction")
        for sentence in factor.introduction(asked.person):
            telling.say(sentence)
    telling.about(f"[factor:{chosen.section}]: his yes", "approval")
    telling.say(f"He is asked now, and has {asked.seconds:g} seconds. A login asks only after his password.")
    found = await telling.outcome(factor.approved(asked))
    if found.failed:
        return telling.end(CANNOT_SAY, f"{found.reason}; a login would be told to come again later.")
    if found.answer is None:
        return telling.end(NO, f"{found.reason or 'he said no, or nothing in time'}.")
    return telling.end(YES, "he said yes; nobody was let in by it.")


# -- a code
async def _code(
    telling: Telling, house: House, state: Durable, factor: Factor, asked: Asked, chosen: Namespace
) -> int:
    password = _password(telling, factor, asked.person, chosen)
    code = _typed(telling, f"Code of {asked.person.name}: ", chosen).decode("utf-8", "replace").strip()
    if not code:
        ask = "; --ask asks him for his yes" if isinstance(factor, SupportsApproval) else ""
        line = (
            "; the first line is the password, the second the code" if password and chosen.code_stdin else ""
        )
        raise CannotTry(f"no code was typed{line}{ask}")
    telling.keep(code.encode())
    telling.about(f"[factor:{chosen.section}]: the code", "code")
    _divided(telling, house, asked.person, code, _takers(factor))
    if not factor.looks_like(code):
        return telling.end(NO, "this is no code as this factor has them, so it is never asked about it.")
    telling.say("It looks like a code of this factor.")
    _also(telling, house, factor, asked.person, code)
    proof = await telling.outcome(_verified(factor, asked, password, code))
    return await _verdict(telling, state, factor, asked, proof)


def _password(telling: Telling, factor: Factor, person: Person, chosen: Namespace) -> bytes:
    """For a service that judges both at once; no other is ever given one."""
    if not isinstance(factor, SupportsBoth):
        return b""
    telling.about(f"[factor:{chosen.section}]: password and code", "code")
    telling.say("Its service judges password and code together.")
    password = _typed(telling, f"Password of {person.name}: ", chosen)
    if not password:
        raise CannotTry("no password was typed, and an empty one is never sent to anybody")
    return password


def _typed(telling: Telling, prompt: str, chosen: Namespace) -> bytes:
    typed = secret_typed(getpass, prompt, chosen.code_stdin)
    telling.keep(typed)
    return typed


def _takers(factor: Factor) -> str:
    if isinstance(factor, SupportsBoth):
        return "both for the directory"
    return "PASSWORD for the directory, and CODE for the factors"


def _divided(telling: Telling, house: House, person: Person, code: str, takers: str) -> None:
    """How the grammar of his domain takes it, shown with words in the place of both."""
    secret = house.written(person, b"PASSWORD", code.encode("utf-8", "replace"))
    form = secret.replace(code.encode("utf-8", "replace"), b"CODE").decode()
    parts = house.split(person, secret)
    if parts is not None and (parts.password, parts.code) == (b"PASSWORD", code):
        telling.say(f"A mail program sends {form}; a login divides that into PASSWORD and CODE: {takers}.")
    else:
        telling.say(f"A mail program that sends {form} with it would not have it divided there.")


def _also(telling: Telling, house: House, factor: Factor, person: Person, code: str) -> None:
    serving = factors_for(person, list(house.factors.values()))
    others = [
        f"[factor:{name}]"
        for name, one in house.factors.items()
        if one is not factor and one in serving and one.looks_like(code)
    ]
    if others:
        telling.say(f"A login would ask {', '.join(others)} too, because its codes look the same.")


async def _verified(factor: Factor, asked: Asked, password: bytes, code: str) -> Proof | None:
    if isinstance(factor, SupportsBoth):
        return await factor.verify_both(asked, password, code)
    return await factor.verify(asked, code)


async def _verdict(
    telling: Telling, state: Durable, factor: Factor, asked: Asked, found: Outcome[Proof | None]
) -> int:
    if found.failed:
        return telling.end(CANNOT_SAY, f"{found.reason}; a login would be told to come again later.")
    if found.answer is None:
        wrong = "password or code is wrong" if isinstance(factor, SupportsBoth) else "the code is wrong"
        return telling.end(NO, found.reason or f"{wrong}; nothing was counted against him.")
    proof = found.answer
    if proof.step == NO_STEP:
        telling.say("The service has seen the code now, and may refuse it to a login.")
        return telling.end(YES, "the code is right; it counts for nothing here.")
    telling.say(f"It is a code of the token {shown(proof.token)}, number {proof.step}.")
    if await state.last_step(asked.account, proof.token) >= proof.step:
        return telling.end(NO, "the code was right once, and is used: a login with it is refused.")
    return telling.end(YES, "the code is right; it was not used up, and counts for nothing here.")


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("tries a second factor with a name and a code, and tells each step", run, arguments)
