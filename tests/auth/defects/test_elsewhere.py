"""Defects of how a 2FA service elsewhere was asked."""

import hashlib
from typing import Any
from urllib.parse import parse_qsl

from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.signing import SigningKey
from tests.auth.factors import services
from tests.auth.factors.decided import NAME, PASSWORD, DecidedCase
from tests.auth.factors.services import KEY, LEGACY_KEY, LEGACY_SECRET, Service
from tests.auth.factors.test_http import LegacyCase

RIGHT = PASSWORD + b"@271828"
HOSTILE = (
    "victim&code=271828",
    "victim#",
    "victim?",
    "victim%26code=1",
    "a=b;c",
    "{key}{sign}{code}",
    "é+ü",
)


class ServiceDefects(DecidedCase, TestCase):
    async def test_defect_23_no_secret_is_in_a_url_and_no_end_of_a_password_is_sent(self) -> None:
        await self.begin()
        self.assertEqual(await self.decided(b"Sup3r@Secret"), "no-code")
        self.assertEqual(self.service.requests, [])
        self.assertEqual(await self.decided(RIGHT), "in")
        (request,) = self.service.requests
        self.assertEqual((request.method, request.path, request.query), ("POST", "/verify", {}))
        self.assertNotIn("271828", repr((request, request.headers)))

    async def test_defect_24_who_has_no_key_cannot_say_yes(self) -> None:
        await self.begin()
        for breaks in (
            *(services.lies, services.says(b"ok"), services.says(b'{"ok": true}'), services.html),
            services.redirect(f"{self.service.url}/ok"),
        ):
            self.service.breaks = breaks
            self.assertEqual(await self.decided(RIGHT), "factor-away")
        self.assertEqual(self.directory.asked, [])

    async def test_defect_24_an_open_redirect_leads_nowhere(self) -> None:
        await self.begin()
        other = Service(
            lambda request: services.answered(request.headers.get("webhook-id", ""), {"ok": True})
        )
        other.begin(self)
        self.service.breaks = services.redirect(f"{other.url}/ok")
        self.assertEqual(await self.decided(RIGHT), "factor-away")
        self.assertEqual(other.requests, [])

    async def test_defect_25_a_name_is_a_name(self) -> None:
        await self.begin()
        for number, name in enumerate(HOSTILE):
            self.known_as(name, f"h{number}")
            self.assertEqual(await self.decided(PASSWORD + b"@271828", user=name), "wrong-code")
            self.assertEqual(self.service.requests[-1].object["user"], name)
            self.assertEqual(self.service.requests[-1].object["code"], "271828")

    async def test_defect_26_a_signature_is_for_one_question(self) -> None:
        """Neither can anything be put behind it, nor is it that of code and name divided otherwise, nor the
        same for the same question again."""
        factor = await self.begin()
        for _ in range(2):
            await factor.verify(self.asked(), "271828")
        first, second = self.service.requests
        self.assertNotEqual(first.headers["webhook-signature"], second.headers["webhook-signature"])
        id, at = first.headers["webhook-id"], first.headers["webhook-timestamp"]
        self.assertEqual(first.headers["webhook-signature"], services.signature(KEY, id, at, first.body))
        key = SigningKey(KEY)
        signed = {
            key.headers(id, int(at), body)["webhook-signature"]
            for body in (
                *(first.body, first.body + b" ", first.body + b"\x80" + bytes(7) + b"more"),
                first.body.replace(b"271828", b"27182").replace(NAME.encode(), b"8" + NAME.encode()),
            )
        }
        self.assertEqual(len(signed), 4)


class LegacyDefects(LegacyCase, DecidedCase, TestCase):
    """The old question, for as long as somebody needs it: what of it could be mended without the service."""

    def setUp(self) -> None:
        LegacyCase.setUp(self)

    def made(self, settings: Any, assembly: Any) -> Any:
        return DecidedCase.made(self, settings, assembly)

    async def test_defect_23_no_end_of_a_password_is_sent(self) -> None:
        await self.begin()
        self.assertEqual(await self.decided(b"Sup3r@Secret"), "no-code")
        self.assertEqual(self.service.requests, [])

    async def test_defect_24_a_redirect_is_no_yes(self) -> None:
        await self.begin()
        other = Service(lambda request: (200, {}, b"ok")).begin(self)
        self.service.breaks = services.redirect(f"{other.url}/ok")
        self.assertEqual(await self.decided(RIGHT), "factor-away")
        self.assertEqual(other.requests, [])

    async def test_defect_25_no_name_says_more_than_a_name(self) -> None:
        await self.begin()
        for number, name in enumerate(HOSTILE):
            self.known_as(name, f"h{number}")
            self.assertEqual(await self.decided(RIGHT, user=name), "wrong-code")
            asked = self.service.requests[-1]
            sign = hashlib.md5(f"271828{LEGACY_KEY}{LEGACY_SECRET}{name}".encode()).hexdigest()
            self.assertEqual(
                dict(asked.query), {"user": name, "code": "271828", "key": LEGACY_KEY, "sign": sign}
            )

    def test_the_rig_reads_urls_as_php_does(self) -> None:
        self.assertEqual(dict(parse_qsl("a=1%262&b=%2B")), {"a": "1&2", "b": "+"})
