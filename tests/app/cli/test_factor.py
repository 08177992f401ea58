"""`mailtwist factor test`."""

import json

import pyotp

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.factor import command, work
from mailtwist.app.cli.otp import command as otp_command
from mailtwist.app.cli.otp import work as otp_work
from mailtwist.config.load import load
from mailtwist.testing.clock import ManualClock
from tests.app.cli.inside import INI, InsideCase
from tests.app.cli.parts_to_try import ASKED, CODE, PASSWORD, parts

TRIED = "[directory:tried]\ntype = one\n[factor:tried]\n"
OTHER_CODE = "135791"


class FactorTests(InsideCase):
    def setUp(self) -> None:
        super().setUp()
        ASKED.clear()
        self.clock = ManualClock()

    def assembled(self) -> Assembled:
        return Assembled(load(self.path, parts), clock=self.clock)

    def tried_is(self, type_: str, *lines: str) -> None:
        self.path.write_text(INI + TRIED + "\n".join([f"type = {type_}", *lines, ""]))

    async def tries(self, *argv: str, typed: tuple[str, ...] = (), stdin: bytes = b"") -> tuple[int, str]:
        """Exit status and what was said."""
        status, out, errors = await self.said(command, work, "test", *argv, typed=typed, stdin=stdin)
        return status, (out + errors).replace("\n    ", " ")

    async def enrolled(self) -> pyotp.TOTP:
        """The app of ann, whose first code is used; time goes on."""
        self.path.write_text(INI + "[factor:recovery]\n[directory:tried]\ntype = one\n")
        _, out, _ = await self.said(otp_command, otp_work, "enroll", "ann", "--json")
        app = pyotp.TOTP(json.loads(out)["secret"])
        status, _, errors = await self.said(otp_command, otp_work, "confirm", "ann", self.code(app))
        self.assertEqual((status, errors), (0, ""))
        return app

    def code(self, app: pyotp.TOTP) -> str:
        return app.at(int(self.clock.now()))

    async def test_a_right_code_is_a_yes_and_stays_unused(self) -> None:
        app = await self.enrolled()
        self.clock.advance(60)
        for _ in range(2):
            status, said = await self.tries("totp", "Ann", typed=(self.code(app),))
            self.assertEqual(status, 0, said)
        for words in (
            "[directory:people]: nobody has this name there.",
            "[directory:tried] knows him.",
            "[factor:totp] (totp) knows him.",
            "[factor:recovery] (recovery) has nothing of his.",
            "A mail program sends PASSWORD@CODE; a login divides that into PASSWORD",
            "It looks like a code of this factor.",
            "Yes: the code is right; it was not used up, and counts for nothing here.",
        ):
            self.assertIn(words, said)
        self.assertNotIn(self.code(app), said)

    async def test_a_used_code_is_a_no(self) -> None:
        app = await self.enrolled()
        status, said = await self.tries("totp", "ann", typed=(self.code(app),))
        self.assertEqual(status, 1)
        self.assertIn("No: the code was right once, and is used", said)

    async def test_a_wrong_code_is_a_no(self) -> None:
        self.tried_is("one")
        for typed, words in (
            (OTHER_CODE, "No: the code is wrong; nothing was counted"),
            ("ABCD-EFGH-JKLM", "No: this is no code as this factor has them"),
        ):
            status, said = await self.tries("tried", "ann", typed=(typed,))
            self.assertEqual(status, 1)
            self.assertIn(words, said)
        self.assertEqual([one.login != "" for one in ASKED if not isinstance(one, tuple)], [True])

    async def test_what_is_away_cannot_say(self) -> None:
        self.tried_is("one", "does = away")
        status, said = await self.tries("tried", "ann", typed=(CODE,))
        self.assertEqual(status, 75)
        self.assertIn("Cannot say: https://otp.example: 502; a login would be told to come again", said)

    async def test_a_service_elsewhere_has_seen_the_code(self) -> None:
        self.tried_is("one")
        status, said = await self.tries("tried", "ann", "--address", "192.0.2.1", typed=(CODE,))
        self.assertEqual(status, 0)
        self.assertIn("posted to https://otp.example: 200", said)
        self.assertIn("has seen the code now, and may refuse it", said)
        self.assertIn("[factor:totp] too, because its codes look the same", said)
        asked = ASKED[-1]
        self.assertEqual(
            (asked.person.name, asked.address, asked.protocol, asked.client),
            ("ann@example.org", "192.0.2.1", "imap", "mailtwist factor test"),
        )

    async def test_no_code_is_told_even_by_what_breaks(self) -> None:
        self.tried_is("one", "does = leak")
        status, said = await self.tries("tried", "ann", typed=(CODE,))
        self.assertEqual(status, 75)
        self.assertIn("ValueError", said)
        self.assertNotIn(CODE, said)

    async def test_it_is_not_there_for_people_of_other_domains(self) -> None:
        self.tried_is("some")
        status, said = await self.tries("tried", "ann")
        self.assertEqual(status, 1)
        self.assertIn("No: [factor:tried] is not for people of his domain.", said)

    async def test_he_is_really_asked_for_his_yes(self) -> None:
        for does, status, words in (
            ("", 0, "Yes: he said yes; nobody was let in by it."),
            ("no", 1, "No: he said no, or nothing in time."),
            ("away", 75, "Cannot say: https://push.example: 500; a login"),
        ):
            self.tried_is("asking", f"does = {does}" if does else "")
            found, said = await self.tries("tried", "ann", "--ask", "--seconds", "5")
            self.assertEqual(found, status, said)
            self.assertIn(words, said)
            self.assertEqual(ASKED[-1].seconds, 5.0)
        await self.tries("tried", "ann", "--ask", "--seconds", "200")
        self.assertEqual(ASKED[-1].seconds, 20.0)
        status, said = await self.tries("tried", "ann", typed=("",))
        self.assertEqual(status, 75)
        self.assertIn("no code was typed; --ask asks him for his yes", said)
        status, said = await self.tries("totp", "ann", "--ask")
        self.assertEqual(status, 75)
        self.assertIn("asks nobody for a yes", said)

    async def test_password_and_code_go_together_where_they_are_judged_together(self) -> None:
        self.tried_is("both")
        password = PASSWORD.decode()
        for typed, status in (((password, CODE), 0), (("wrong", CODE), 1), (("", CODE), 75)):
            found, said = await self.tries("tried", "ann", typed=typed)
            self.assertEqual(found, status, said)
        stdin = PASSWORD + b"\n" + CODE.encode() + b"\n"
        found, said = await self.tries("tried", "ann", "--code-stdin", stdin=stdin)
        self.assertEqual(found, 0, said)
        self.assertIn("divides that into PASSWORD and CODE: both for the directory.", said)
        found, said = await self.tries("tried", "ann", "--code-stdin", stdin=PASSWORD + b"\n")
        self.assertEqual(found, 75)
        self.assertIn("no code was typed; the first line is the password, the second the code", said)

    async def test_it_is_shown_how_the_domain_writes_codes(self) -> None:
        for lines, words in (
            ("separator = ,", "sends PASSWORD,CODE; a login divides"),
            ("separator = none\ndigits = 6", "sends PASSWORDCODE; a login divides"),
            ("separator = none\ndigits = 8", "PASSWORDCODE with it would not have it divided"),
            ("code = before", "sends CODE@PASSWORD; a login divides"),
        ):
            self.tried_is("one", f"[domain:example.org]\n{lines}")
            _, said = await self.tries("tried", "ann", typed=(CODE,))
            self.assertIn(words, said)

    async def test_nobody_has_no_code(self) -> None:
        status, said = await self.tries("totp", "nobody")
        self.assertEqual(status, 1)
        self.assertIn("No: no directory knows this name.", said)
        self.path.write_text(INI + "[directory:tried]\ntype = one\ndoes = away\n")
        self.assertEqual((await self.tries("totp", "nobody"))[0], 75)

    async def test_programs_get_json(self) -> None:
        self.tried_is("one")
        status, said = await self.tries("tried", "ann", "--json", "--code-stdin", stdin=CODE.encode())
        told = json.loads(said)
        self.assertEqual((status, told["verdict"], told["kind"]), (0, "yes", "elsewhere"))
        self.assertIn({"about": "code", "words": "posted to https://otp.example: 200"}, told["steps"])
