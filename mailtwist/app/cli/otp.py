"""`mailtwist otp`: second factors for accounts, as a QR code for the phone."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from getpass import getpass

from mailtwist.app.cli.answer import moment, print_json, print_rows, qr_code
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.api import Enrolment, SupportsEnrolment
from mailtwist.state.records import Token

NO_FACTOR = 'no factor of this config has tokens to give; write "[factor:totp]"'


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    enroll = words.add_parser(
        "enroll", help="a new token, shown as a QR code; it counts once it is confirmed"
    )
    enroll.add_argument("--label", default="", help="what the token is in: phone, tablet")
    confirm = words.add_parser("confirm", help="the app shows the right codes: the token counts from now on")
    show = words.add_parser("show", help="the QR code of a token again, or the list of tokens")
    for one in (enroll, confirm, show):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    confirm.add_argument(
        "code", metavar="CODE", nargs="?", help="a code that the app shows; asked for if left out"
    )
    confirm.add_argument("--token", metavar="ID", default="", help="which token, if several wait")
    show.add_argument("token", metavar="ID", nargs="?", help="which token, if there are several")
    show.add_argument("--code", action="store_true", help="print the code of this moment only")


async def work(inside: Inside, chosen: Namespace) -> int:
    factor = _factor(inside)
    inside.parts("directory")
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    if chosen.word == "enroll":
        enrolment = await factor.enroll(person.account, person.name, chosen.label)
        _tell_token(enrolment, chosen.json)
        if not chosen.json:
            print(f"Then confirm it with a code: mailtwist otp confirm {person.name} CODE")
        return 0
    if chosen.word == "confirm":
        return await _confirm(factor, person.account, chosen)
    tokens = await factor.tokens(person.account)
    if chosen.token is None and len(tokens) != 1 and not chosen.code:
        rows = [_row(token) for token in tokens]
        print_rows(rows, ("id", "label", "active", "created"), chosen.json, f"{person.name} has no token")
        return 0
    _show(factor, _one(tokens, chosen), person.name, chosen)
    return 0


async def _confirm(factor: SupportsEnrolment, account: str, chosen: Namespace) -> int:
    try:
        code = (chosen.code or getpass("Code: ")).replace(" ", "")
    except EOFError:
        raise CannotDo("no code was typed") from None
    if not await factor.confirm(account, code, chosen.token):
        raise CannotDo("that is not a code of a token that waits; look at the clocks of both machines")
    print_json({"done": "confirmed"}) if chosen.json else print(
        "confirmed; this code is used, wait for the next"
    )
    return 0


def _show(factor: SupportsEnrolment, token: Token, name: str, chosen: Namespace) -> None:
    if chosen.code:
        code = factor.code(token)
        print_json({"token": token.id, "code": code}) if chosen.json else print(code)
    else:
        _tell_token(factor.shown(token, name), chosen.json)


def _tell_token(enrolment: Enrolment, as_json: bool) -> None:
    if as_json:
        print_json({"token": enrolment.token, "uri": enrolment.uri, "secret": enrolment.secret})
        return
    print(qr_code(enrolment.uri), end="")
    print(f"{enrolment.uri}\nKey: {enrolment.secret}\nToken: {enrolment.token}")


def _one(tokens: Sequence[Token], chosen: Namespace) -> Token:
    """The one that is named; the only one that counts, or the only one."""
    if chosen.token is not None:
        found = [token for token in tokens if token.id == chosen.token]
    else:
        found = [token for token in tokens if token.active] or list(tokens)
    if len(found) != 1:
        raise CannotDo("there is no such token" if not found else "there are several tokens; say which")
    return found[0]


def _row(token: Token) -> dict[str, object]:
    return {"id": token.id, "label": token.label, "active": token.active, "created": moment(token.created)}


def _factor(inside: Inside) -> SupportsEnrolment:
    for factor in inside.parts("factor").values():
        if isinstance(factor, SupportsEnrolment):
            return factor
    raise CannotDo(NO_FACTOR)


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("gives accounts a second factor", run, arguments)
