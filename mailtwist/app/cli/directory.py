"""`mailtwist directory test`: whether a directory knows somebody and takes his password, step by step."""

from argparse import ArgumentParser, Namespace
from getpass import getpass
from math import inf

from mailtwist.app.cli.answer import moment
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
from mailtwist.auth.api import (
    Bearer,
    Directory,
    LoginRequest,
    Person,
    SupportsBearer,
    SupportsClosing,
    SupportsOpening,
    SupportsPlaces,
)
from mailtwist.auth.identity import Who

NO_TOKEN = "the token is not valid here"
DISABLED = "the token is valid, and he is disabled."
EMPTY = "no password was typed, and an empty one is never sent to anybody"


def arguments(parser: ArgumentParser) -> None:
    test = trying_arguments(parser, "directory")
    read = "read the password from the first line of standard input"
    test.add_argument("--password-stdin", action="store_true", help=read)
    what = test.add_mutually_exclusive_group()
    what.add_argument("--find", action="store_true", help="look for the name only, and ask for no password")
    token = "what is typed is an access token, as a program with OAUTHBEARER sends it"
    what.add_argument("--token", action="store_true", help=token)


async def work(inside: Inside, chosen: Namespace) -> int:
    return await tried(_tested, inside, chosen)


async def _tested(inside: Inside, chosen: Namespace) -> int:
    section = section_named(inside, "directory", chosen.section)
    house = House.of(inside)
    directory = house.directories[section.name]
    telling = Telling(inside, chosen.json)
    if chosen.token and not isinstance(directory, SupportsBearer):
        raise CannotTry(f"[directory:{section.name}] takes no access tokens")
    await inside.begin()
    telling.fact(directory=section.name, type=section.type)
    name = house.name(telling, chosen)
    await _others(telling, house, section.name, name)
    telling.about(f"[directory:{section.name}], type = {section.type}: the name", "find")
    found = await telling.outcome(directory.find(name))
    if found.failed:
        return telling.end(CANNOT_SAY, f"{found.reason}.")
    if chosen.token and isinstance(directory, SupportsBearer):
        return await _token(telling, house, directory, name, chosen)
    if found.answer is None:
        return telling.end(NO, f"{NOBODY}.")
    return await _person(telling, house, directory, found.answer, chosen)


async def _person(
    telling: Telling, house: House, directory: Directory, person: Person, chosen: Namespace
) -> int:
    tell_person(telling, person)
    ruled = await telling.outcome(house.rule(telling, chosen, person))
    if ruled.failed:
        telling.say(f"Nobody can say whether he needs a code: {ruled.reason}.")
    if chosen.find:
        return telling.end(YES if person.enabled else NO, _known(person))
    coded = ruled.failed or bool(ruled.answer)
    password = _password(telling, house, person, coded, chosen)
    telling.about(f"[directory:{chosen.section}]: the password", "password")
    return _verdict(telling, person, await _judged(telling, house, directory, person, password, chosen))


def _known(person: Person) -> str:
    return "he is known here." if person.enabled else "he is known here, and disabled."


def _password(telling: Telling, house: House, person: Person, coded: bool, chosen: Namespace) -> bytes:
    """What a directory would be asked about: a code behind it goes to no directory."""
    typed = secret_typed(getpass, f"Password of {person.name}: ", chosen.password_stdin)
    if not typed:
        raise CannotTry(EMPTY)
    telling.keep(typed)
    parts = house.split(person, typed) if coded else None
    if parts is None:
        return typed
    telling.keep(parts.password)
    telling.keep(parts.code.encode())
    telling.say("A code was typed beside the password; it is left out, as no code goes to a directory.")
    if not parts.password:
        raise CannotTry(EMPTY)
    return parts.password


async def _judged(
    telling: Telling, house: House, directory: Directory, person: Person, password: bytes, chosen: Namespace
) -> Outcome[bool]:
    """As a login has it judged: with what opens a session, that is opened and closed again."""
    if not isinstance(directory, SupportsOpening):
        return await telling.outcome(directory.accepts(person, password))
    request = house.request(chosen, person.name)
    if isinstance(directory, SupportsPlaces):
        place = await telling.outcome(directory.place(person, request))
        if place.failed or place.refused:
            return Outcome(reason=place.reason, failed=place.failed)
        if place.answer:
            telling.say(f"His logins by {chosen.protocol} go to {telling.safe(place.answer)}.")
    return await telling.outcome(_opened(directory, person, password, request))


async def _opened(directory: SupportsOpening, person: Person, password: bytes, request: LoginRequest) -> bool:
    opened = await directory.open(person, password, request)
    if isinstance(opened, SupportsClosing):
        await opened.close()
    return opened is not None


def _verdict(telling: Telling, person: Person, judged: Outcome[bool]) -> int:
    if judged.failed:
        return telling.end(CANNOT_SAY, f"{judged.reason}; a login would be told to come again later.")
    if judged.refused or not judged.answer:
        return telling.end(NO, f"{judged.reason or 'the password is wrong'}.")
    if not person.enabled:
        return telling.end(NO, "the password is right, and he is disabled.")
    return telling.end(YES, "the password is right.")


# -- access tokens
async def _token(
    telling: Telling, house: House, directory: SupportsBearer, name: str, chosen: Namespace
) -> int:
    token = secret_typed(getpass, "Access token: ", chosen.password_stdin)
    if not token:
        raise CannotTry("no token was typed")
    telling.keep(token)
    telling.about(f"[directory:{chosen.section}]: the token", "token")
    found = await telling.outcome(directory.bearer(name, token))
    if found.failed:
        return telling.end(CANNOT_SAY, f"{found.reason}; a login would be told to come again later.")
    if found.answer is None:
        return telling.end(NO, f"{found.reason or NO_TOKEN}.")
    return await _borne(telling, house, name, found.answer, chosen)


async def _borne(telling: Telling, house: House, name: str, bearer: Bearer, chosen: Namespace) -> int:
    """What becomes of a login with it: the first directory that knows its name has it, as with a password."""
    named = await telling.outcome(house.identities.who(name))
    owner = await telling.outcome(house.identities.who(bearer.person.name))
    for one in (named, owner):
        if one.failed or one.answer is None:
            return telling.end(CANNOT_SAY, f"{one.reason}; a login would be told to come again later.")
    assert named.answer is not None
    assert owner.answer is not None
    if named.answer.account != owner.answer.account:
        return telling.end(NO, f"the token is that of {telling.safe(bearer.person.name)}, and not of {name}.")
    return await _his(telling, house, owner.answer, bearer, chosen)


async def _his(telling: Telling, house: House, who: Who, bearer: Bearer, chosen: Namespace) -> int:
    if not who.reason:
        telling.say(f"[directory:{who.directory}] has him.")
        tell_person(telling, who.person)
    until = moment(bearer.expires) if bearer.expires < inf else "(nobody says)"
    telling.say(f"The token is valid until {until}.")
    telling.fact(expires=until, proves_factor=bearer.factor)
    if bearer.factor:
        telling.say("It shows a second factor, and its issuer's word is taken for that: no code is needed.")
    else:
        telling.say("It stands for the password alone.")
    ruled = await telling.outcome(house.rule(telling, chosen, who.person))
    if ruled.failed:
        return telling.end(CANNOT_SAY, f"{ruled.reason}; a login would be told to come again later.")
    if wrong := _refused(who, bearer, house.clock.now(), needs_code=bool(ruled.answer)):
        return telling.end(NO, wrong)
    return telling.end(YES, "a login with this token gets in.")


def _refused(who: Who, bearer: Bearer, now: float, *, needs_code: bool) -> str:
    """Why a login with it is; in the order of `auth.bearers`."""
    if bearer.expires <= now:
        return "the token is over."
    if who.reason:
        return "the token is valid, and no directory knows the name." if not who.known else DISABLED
    if needs_code and not bearer.factor:
        return "the token is valid, and shows no second factor, which he needs (`second_factor`)."
    return ""


# -- the others
async def _others(telling: Telling, house: House, tested: str, name: str) -> None:
    """The first that knows a name has it, so the others matter."""
    others = [one for one in house.directories if one != tested]
    if not others:
        return
    telling.about("The other directories", "others")
    first = True
    for title, directory in house.directories.items():
        if title == tested:
            first = False
            continue
        found = await telling.outcome(directory.find(name))
        telling.say(_opinion(title, found, first))


def _opinion(title: str, found: Outcome[Person | None], first: bool) -> str:
    words = f"[directory:{title}] is asked {'before' if first else 'after'} this one"
    if found.failed:
        more = "; logins with this name wait for it" if first else ""
        return f"{words}, and cannot say anything now: {found.reason}{more}."
    if found.answer is None:
        return f"{words}, and knows nobody of this name."
    if first:
        return f"{words}, and knows the name as {found.answer.name}: logins go there, and never come here."
    return f"{words}, and knows the name too; it is asked only if this one does not know it."


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("tries a directory with a name and a password, and tells each step", run, arguments)
