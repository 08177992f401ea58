"""`mailtwist recovery` and `mailtwist device-code`."""

import io
import json
import re
from contextlib import redirect_stderr

import pyotp

from mailtwist.app.cli import device_code, otp, recovery, user
from tests.app.cli.inside import INI, InsideCase

CODE = re.compile(r"[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){2}")


class WrittenCodesCase(InsideCase):
    ini = f"{INI}[factor:recovery]\n[factor:device-code]\n"

    async def begin(self) -> None:
        await self.said(user.command, user.work, "add", "ann", "--password-stdin", stdin=b"secret")

    async def enroll(self) -> None:
        made = json.loads((await self.said(otp.command, otp.work, "enroll", "ann", "--json"))[1])
        await self.said(otp.command, otp.work, "confirm", "ann", pyotp.TOTP(made["secret"]).now())

    async def recovery(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(recovery.command, recovery.work, *argv)

    async def device_code(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(device_code.command, device_code.work, *argv)


class RecoveryTests(WrittenCodesCase):
    async def test_ten_codes_are_shown_once(self) -> None:
        await self.begin()
        await self.enroll()
        status, out, _ = await self.recovery("issue", "ann")
        self.assertEqual(status, 0)
        codes = [line for line in out.splitlines() if CODE.fullmatch(line)]
        self.assertEqual(len(set(codes)), 10)
        self.assertIn("password@CODE", out)
        count = await self.recovery("count", "ann")
        self.assertEqual(count, (0, "ann@example.org has 10 recovery codes\n", ""))

    async def test_programs_get_them_in_json(self) -> None:
        await self.begin()
        await self.enroll()
        first, second = [json.loads((await self.recovery("issue", "ann", "--json"))[1]) for _ in range(2)]
        self.assertTrue(set(first["codes"]).isdisjoint(second["codes"]))
        self.assertEqual(json.loads((await self.recovery("count", "ann", "--json"))[1]), {"remaining": 10})

    async def test_they_stand_in_for_another_factor(self) -> None:
        await self.begin()
        status, out, errors = await self.recovery("issue", "ann")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("there is none yet: mailtwist otp enroll ann@example.org", errors)

    async def test_a_config_without_them_says_so(self) -> None:
        await self.begin()
        await self.enroll()
        self.path.write_text(INI)
        for words in ("issue", "count"):
            status, _, errors = await self.recovery(words, "ann")
            self.assertEqual(status, 1)
            self.assertIn('write "[factor:recovery]"', errors)


class DeviceCodeTests(WrittenCodesCase):
    async def issued(self, *argv: str) -> dict[str, str]:
        answer: dict[str, str] = json.loads((await self.device_code("issue", "ann", "--json", *argv))[1])
        return answer

    async def test_a_code_is_shown_once_with_the_place_where_it_belongs(self) -> None:
        await self.begin()
        status, out, _ = await self.device_code("issue", "ann")
        self.assertEqual(status, 0)
        code = out.splitlines()[0]
        self.assertRegex(code, CODE)
        self.assertIn(f"password@{code}", out.splitlines()[1])
        self.assertNotIn(code, (await self.device_code("list", "ann"))[1])

    async def test_codes_are_listed_and_revoked(self) -> None:
        await self.begin()
        first, second = await self.issued(), await self.issued("--minutes", "60")
        listed = json.loads((await self.device_code("list", "ann", "--json"))[1])
        self.assertEqual(
            {one["id"]: one["expires"] for one in listed},
            {one["id"]: one["expires"] for one in (first, second)},
        )
        self.assertLess(first["expires"], second["expires"])
        self.assertEqual((await self.device_code("revoke", "ann", first["id"]))[:2], (0, "revoked\n"))
        status, _, errors = await self.device_code("revoke", "ann", first["id"])
        self.assertEqual((status, errors), (1, "mailtwist: there is no such code\n"))

    async def test_a_time_that_cannot_be_is_refused(self) -> None:
        await self.begin()
        for minutes in ("0", "-1", "1441", "x", "", "1" * 5000):
            with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()):
                await self.device_code("issue", "ann", f"--minutes={minutes}")
        self.assertEqual(
            (await self.device_code("list", "ann"))[1], "ann@example.org has no code that can be used\n"
        )
