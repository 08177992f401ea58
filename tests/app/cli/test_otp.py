"""`mailtwist otp`."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli.answer import qr_code
from mailtwist.app.cli.otp import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from tests.app.cli.inside import INI, InsideCase


class OtpTests(InsideCase):
    ini = f"{INI}[factor:hotp]\n"

    async def otp(self, *argv: str, typed: tuple[str, ...] = ()) -> tuple[int, str, str]:
        return await self.said(command, work, *argv, typed=typed)

    async def enrolled(self, *argv: str) -> dict[str, str]:
        answer: dict[str, str] = json.loads((await self.otp("enroll", "ann", "--json", *argv))[1])
        return answer

    async def begin(self) -> None:
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret")

    async def test_a_token_is_shown_as_a_qr_code_with_its_uri(self) -> None:
        await self.begin()
        status, out, _ = await self.otp("enroll", "ann", "--label", "phone")
        self.assertEqual(status, 0)
        self.assertIn("otpauth://totp/mail.example.org:ann%40example.org?secret=", out)
        self.assertIn("\u2580", out)
        self.assertIn("mailtwist otp confirm ann@example.org CODE", out)

    async def test_a_label_is_one_short_line(self) -> None:
        await self.begin()
        for label in ("two\nlines", "tab\x1b[31mlet", "x" * 101, "no text\udcff"):
            status, _, errors = await self.otp("enroll", "ann", "--label", label)
            self.assertEqual((status, "a label has at most 100" in errors), (1, True))
        self.assertEqual((await self.otp("list", "ann"))[1], "ann@example.org has no token\n")

    async def test_a_reason_is_one_line_of_text(self) -> None:
        await self.begin()
        for reason in ("", " ", "two\nlines", "x" * 201, "no text\udcff"):
            status, _, errors = await self.otp("reset", "ann", "--reason", reason)
            self.assertEqual((status, "a reason has 1 to 200" in errors), (1, True), reason)

    async def test_a_code_confirms_it(self) -> None:
        await self.begin()
        totp = pyotp.TOTP((await self.enrolled())["secret"])
        self.assertEqual((await self.otp("confirm", "ann", "000000"))[0], 1)
        code = totp.now()
        self.assertEqual((await self.otp("confirm", "ann", f"{code[:3]} {code[3:]}"))[0], 0)
        (token,) = await self.tokens()
        self.assertIs(token["active"], True)
        self.assertEqual((await self.otp("confirm", "ann", totp.now()))[0], 1)

    async def tokens(self) -> list[dict[str, object]]:
        await self.enrolled("--label", "second")
        listed: list[dict[str, object]] = json.loads((await self.otp("show", "ann", "--json"))[1])
        return [token for token in listed if token["label"] != "second"]

    async def test_a_code_can_be_typed_out_of_sight(self) -> None:
        await self.begin()
        totp = pyotp.TOTP((await self.enrolled())["secret"])
        self.assertEqual((await self.otp("confirm", "ann", typed=(totp.now(),)))[0], 0)

    async def test_a_token_is_shown_again_or_its_code(self) -> None:
        await self.begin()
        first = await self.enrolled()
        totp = pyotp.TOTP(first["secret"])
        await self.otp("confirm", "ann", totp.now())
        self.assertEqual(json.loads((await self.otp("show", "ann", "--json"))[1]), first)
        self.assertIn(first["uri"], (await self.otp("show", "ann"))[1])
        before = totp.now()
        _, shown, _ = await self.otp("show", "ann", "--code")
        self.assertIn(shown.strip(), (before, totp.now()))

    async def test_several_tokens_are_listed(self) -> None:
        await self.begin()
        self.assertEqual((await self.otp("show", "ann"))[1], "ann@example.org has no token\n")
        first = await self.enrolled("--label", "phone")
        await self.otp("confirm", "ann", pyotp.TOTP(first["secret"]).now())
        second = await self.enrolled("--label", "tablet")
        _, table, _ = await self.otp("show", "ann")
        self.assertEqual(len(table.splitlines()), 3)
        _, one, _ = await self.otp("show", "ann", second["token"], "--json")
        self.assertEqual(json.loads(one), second)

    async def confirmed(self, *argv: str) -> dict[str, str]:
        made = await self.enrolled(*argv)
        read = pyotp.parse_uri(made["uri"])
        code = read.at(0) if isinstance(read, pyotp.HOTP) else read.now()
        self.assertEqual((await self.otp("confirm", "ann", code))[0], 0)
        return made

    async def test_a_token_can_be_of_another_form(self) -> None:
        await self.begin()
        form = ("--digits", "8", "--algorithm", "SHA256", "--period", "60", "--label", "tablet")
        made = await self.confirmed(*form)
        self.assertTrue(made["uri"].endswith("&algorithm=SHA256&digits=8&period=60"), made["uri"])
        (row,) = json.loads((await self.otp("list", "ann", "--json"))[1])
        facts = {"kind": "totp", "label": "tablet", "digits": 8, "algorithm": "SHA256", "period": 60}
        self.assertEqual({name: row[name] for name in facts}, facts)
        self.assertIs(row["active"], True)

    async def test_a_token_can_count(self) -> None:
        await self.begin()
        made = await self.confirmed("--kind", "hotp")
        gadget = pyotp.HOTP(made["secret"])
        self.assertEqual((await self.otp("show", "ann", "--code"))[1].strip(), gadget.at(1))
        self.assertEqual((await self.otp("resync", "ann", gadget.at(70), gadget.at(71)))[0], 0)
        self.assertEqual((await self.otp("show", "ann", "--code"))[1].strip(), gadget.at(72))
        status, _, errors = await self.otp("enroll", "ann", "--kind", "hotp", "--period", "60")
        self.assertEqual((status, errors), (1, "mailtwist: codes of hotp have no period\n"))

    async def test_two_codes_can_be_typed_out_of_sight(self) -> None:
        await self.begin()
        gadget = pyotp.HOTP((await self.confirmed("--kind", "hotp"))["secret"])
        code = gadget.at(40)
        status, out, _ = await self.otp("resync", "ann", typed=(f"{code[:3]} {code[3:]}", gadget.at(41)))
        self.assertEqual(status, 0)
        self.assertIn("wait for the next", out)
        for codes, words in (
            ((gadget.at(40), gadget.at(41)), "not two unused codes"),
            (("123456",), "two codes are needed"),
            (("1", "2", "3"), "two codes are needed"),
        ):
            status, _, errors = await self.otp("resync", "ann", *codes)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)

    async def test_the_last_token_is_not_removed(self) -> None:
        await self.begin()
        first = await self.confirmed()
        status, _, errors = await self.otp("remove", "ann", first["token"])
        self.assertEqual(status, 1)
        self.assertIn("it is the last token of the account", errors)
        self.assertIn("mailtwist otp reset ann@example.org --reason TEXT", errors)
        second = await self.confirmed("--kind", "hotp")
        self.assertEqual((await self.otp("remove", "ann", first["token"]))[0], 0)
        listed = json.loads((await self.otp("list", "ann", "--json"))[1])
        self.assertEqual([row["id"] for row in listed], [second["token"]])
        self.assertIn("there is no such token", (await self.otp("remove", "ann", first["token"]))[2])

    async def test_a_reset_takes_all_away_and_needs_a_reason(self) -> None:
        await self.begin()
        await self.confirmed()
        with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()):
            await self.otp("reset", "ann")
        status, out, _ = await self.otp("reset", "ann", "--reason", "the phone was stolen")
        self.assertEqual(status, 0)
        self.assertIn("Nobody gets in until there is another one", out)
        self.assertEqual((await self.otp("list", "ann"))[1], "ann@example.org has no token\n")
        answer = json.loads(
            (await self.otp("reset", "ann", "--reason", "x", "--password-alone", "--json"))[1]
        )
        self.assertEqual(answer, {"done": "reset", "tokens": 0, "devices": 0})

    async def test_what_cannot_be_done_is_a_sentence_and_a_status(self) -> None:
        await self.begin()
        for argv, words in (
            (("enroll", "bob"), 'there is nobody called "bob@example.org"'),
            (("show", "ann", "nothing"), "there is no such token"),
            (("show", "ann", "--code"), "there is no such token"),
            (("confirm", "ann", "123456"), "not a code of a token that waits"),
            (("confirm", "ann"), "no code was typed"),
        ):
            status, out, errors = await self.otp(*argv)
            self.assertEqual((status, out), (1, ""), argv)
            self.assertIn(words, errors)

    async def test_a_config_without_a_factor_says_so(self) -> None:
        await self.begin()
        self.path.write_text(INI.replace("[factor:totp]\n", ""))
        status, _, errors = await self.otp("enroll", "ann")
        self.assertEqual(status, 1)
        self.assertIn('write "[factor:totp]"', errors)


class QrCodeTests(SynchronousTestCase):
    def test_a_terminal_without_the_characters_gets_none(self) -> None:
        octets = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with redirect_stdout(octets):
            self.assertEqual(qr_code("otpauth://x"), "")

    def test_another_one_gets_it(self) -> None:
        with patch("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
            self.assertIn("\u2580", qr_code("otpauth://x"))
