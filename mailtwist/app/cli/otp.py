"""`mailtwist otp`: second factors for accounts, as a QR code for the phone."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from getpass import getpass

from mailtwist.app.cli.answer import moment, print_json, print_rows, qr_code
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.app.cli.remembered import label_of
from mailtwist.auth.api import Person
from mailtwist.auth.enrolled import LastToken, SecondFactors, the_second_factors
from mailtwist.auth.factors.api import Enrolment, TokenForm
from mailtwist.state.records import Token

LONGEST_REASON = 200
COLUMNS = ("id", "kind", "label", "digits", "active", "created")


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    known = {
        "enroll": "a new token, shown as a QR code; it counts once it is confirmed",
        "confirm": "the app shows the right codes: the token counts from now on",
        "show": "the QR code of a token again, or the list of tokens",
        "list": "the tokens of an account",
        "remove": "a token counts no more",
        "resync": "two codes, one after the other, tell how far a clock or a counter is off",
        "reset": "all factors, codes and saved strings of an account are gone, and its sessions end",
    }
    parsers = {word: words.add_parser(word, help=help) for word, help in known.items()}
    for one in parsers.values():
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    _enroll_arguments(parsers["enroll"])
    confirm, show, resync, reset = (parsers[word] for word in ("confirm", "show", "resync", "reset"))
    confirm.add_argument(
        "code", metavar="CODE", nargs="?", help="a code that the app shows; asked for if left out"
    )
    for one in (confirm, resync):
        one.add_argument("--token", metavar="ID", default="", help="which token, if there are several")
    show.add_argument("token", metavar="ID", nargs="?", help="which token, if there are several")
    show.add_argument("--code", action="store_true", help="print the code of this moment, or the next one")
    parsers["remove"].add_argument("token", metavar="ID", help="which token, from the list")
    resync.add_argument("codes", metavar="CODE", nargs="*", help="the two codes; asked for if left out")
    reset.add_argument("--reason", metavar="TEXT", required=True, help="what the owner is told, and the log")
    alone = "the password alone gets in again, where no code is required; by default nobody does"
    reset.add_argument("--password-alone", action="store_true", help=alone)


def _enroll_arguments(enroll: ArgumentParser) -> None:
    enroll.add_argument("--label", default="", help="what the token is in: phone, tablet")
    kind = "totp: codes change with the time; hotp: at each press of a button"
    enroll.add_argument("--kind", choices=("totp", "hotp"), default="totp", help=kind)
    some = "not every app can do other than the default, and some do not say so"
    enroll.add_argument("--digits", type=int, choices=(6, 8), help=some)
    enroll.add_argument("--algorithm", choices=("SHA1", "SHA256", "SHA512"), help=some)
    enroll.add_argument("--period", type=int, choices=(30, 60), help=f"seconds; {some}")


async def work(inside: Inside, chosen: Namespace) -> int:
    factors = inside.one(the_second_factors)
    inside.parts("directory")
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    await WORDS[chosen.word](factors, person, chosen)
    return 0


async def _enroll(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    enrolment = await factors.enroll(
        person, chosen.kind, label_of(chosen.label), _form(factors, person, chosen)
    )
    _tell_token(enrolment, chosen.json)
    if not chosen.json:
        print(f"Then confirm it with a code: mailtwist otp confirm {person.name} CODE")


def _form(factors: SecondFactors, person: Person, chosen: Namespace) -> TokenForm:
    if chosen.kind == "hotp" and chosen.period:
        raise CannotDo("codes of hotp have no period")
    asked = {"digits": chosen.digits, "algorithm": chosen.algorithm, "period": chosen.period}
    return replace(
        factors.form(person, chosen.kind), **{name: value for name, value in asked.items() if value}
    )


async def _confirm(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    code = _plain(chosen.code or _typed("Code: "))
    if not await factors.confirm(person, code, chosen.token):
        raise CannotDo("that is not a code of a token that waits; look at the clocks of both machines")
    print_json({"done": "confirmed"}) if chosen.json else print(
        "confirmed; this code is used, wait for the next"
    )


async def _show(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    tokens = await factors.tokens(person)
    if chosen.token is None and len(tokens) != 1 and not chosen.code:
        return await _list(factors, person, chosen)
    token = _one(tokens, chosen.token)
    factor = factors.factor_of(token)
    if chosen.code:
        code = await factor.code(token)
        print_json({"token": token.id, "code": code}) if chosen.json else print(code)
    else:
        _tell_token(await factor.shown(token, person.name), chosen.json)


async def _list(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    rows = [_row(token) for token in await factors.tokens(person)]
    print_rows(rows, COLUMNS, chosen.json, f"{person.name} has no token")


async def _remove(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    try:
        token = await factors.remove(person, chosen.token)
    except LastToken as last:
        words = f"{last.public}; enroll another one first, or take all away: mailtwist otp reset"
        raise CannotDo(f"{words} {person.name} --reason TEXT") from None
    if chosen.json:
        print_json({"done": "removed", **_row(token)})
    else:
        print(f"{person.name}: the token {token.id} is gone; what was saved with its codes goes on working")


async def _resync(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    codes = chosen.codes or [_typed("Code: "), _typed("The next one: ")]
    if len(codes) != 2:
        raise CannotDo("two codes are needed, one right after the other")
    if not await factors.resync(person, _plain(codes[0]), _plain(codes[1]), chosen.token):
        raise CannotDo("these are not two unused codes of a token, one right after the other")
    print_json({"done": "resynced"}) if chosen.json else print("done; both codes are used, wait for the next")


async def _reset(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    reason = chosen.reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise CannotDo(f"a reason has 1 to {LONGEST_REASON} characters and is one line")
    gone = await factors.reset(person, reason, password_alone=chosen.password_alone)
    if chosen.json:
        print_json({"done": "reset", "tokens": gone.tokens, "devices": gone.devices})
        return
    print(f"{person.name}: {gone.tokens} tokens and codes and {gone.devices} saved strings are gone")
    if not chosen.password_alone:
        print(f"Nobody gets in until there is another one: mailtwist otp enroll {person.name}")


WORDS = {
    "enroll": _enroll,
    "confirm": _confirm,
    "show": _show,
    "list": _list,
    "remove": _remove,
    "resync": _resync,
    "reset": _reset,
}


def _plain(code: str) -> str:
    """Apps show them in groups."""
    return code.replace(" ", "")


def _typed(prompt: str) -> str:
    try:
        return getpass(prompt)
    except EOFError:
        raise CannotDo("no code was typed") from None


def _tell_token(enrolment: Enrolment, as_json: bool) -> None:
    if as_json:
        print_json({"token": enrolment.token, "uri": enrolment.uri, "secret": enrolment.secret})
        return
    print(qr_code(enrolment.uri), end="")
    print(f"{enrolment.uri}\nKey: {enrolment.secret}\nToken: {enrolment.token}")


def _one(tokens: Sequence[Token], id: str | None) -> Token:
    """The one that is named; the only one that counts, or the only one."""
    if id is not None:
        found = [token for token in tokens if token.id == id]
    else:
        found = [token for token in tokens if token.active] or list(tokens)
    if len(found) != 1:
        raise CannotDo("there is no such token" if not found else "there are several tokens; say which")
    return found[0]


def _row(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "kind": token.kind,
        "label": token.label,
        "digits": token.digits,
        "algorithm": token.algorithm,
        "period": token.period,
        "drift": token.drift,
        "active": token.active,
        "created": moment(token.created),
    }


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("gives accounts a second factor", run, arguments)
