"""`mailtwist oauth`."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mailtwist.app.cli.oauth import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.gateway.oauth import connecting
from mailtwist.gateway.oauth.connecting import HERE
from tests.app.cli.inside import INI, InsideCase
from tests.gateway.oauth.provider import CLIENT, SECRET, Provider

SECTION = """\
[oauth:{name}]
type = refresh_tokens
client_id = {client}
client_secret = {secret}
token_url = {url}/token
device_url = {url}/device
browser_url = {url}/authorize
scope = mail
"""


class OauthTests(InsideCase):
    """With a process that serves at the same time: what commands change counts there at once."""

    def setUp(self) -> None:
        self.provider = Provider(rotates=True)
        self.addCleanup(self.provider.stop)
        self.ini = INI + self.section("office")
        super().setUp()
        for seconds in ("LEAST", "SLOWER"):  # the provider says 0
            self.patch(connecting, seconds, 0.01)

    def section(self, name: str) -> str:
        return SECTION.format(name=name, client=CLIENT, secret=SECRET, url=self.provider.url)

    async def begin(self) -> None:
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret")
        running = self.assembled()
        (self.source,) = running.parts("oauth").values()
        people = running.parts("directory")["people"]
        await running.start()
        self.addCleanup(running.stop)
        self.account = (await people.find("ann@example.org")).account

    async def oauth(self, *argv: str, **more: Any) -> tuple[int, str, str]:
        return await self.said(command, work, *argv, **more)

    async def token(self) -> str:
        return await self.source.access_token(self.account, "ann@example.org")

    async def test_an_owner_says_yes_on_another_screen(self) -> None:
        await self.begin()
        self.provider.device = ["authorization_pending", "slow_down", "yes ann"]
        status, out, errors = await self.oauth("connect", "ann")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("Open https://login.example.org/device in any browser", out)
        self.assertIn("\n    WDJB-MJHT\n", out)
        self.assertIn("ann@example.org: connected (office)", out)
        asked = self.provider.asked
        self.assertEqual((asked[0]["client_id"], asked[0]["scope"]), (CLIENT, "mail"))
        self.assertEqual([form["device_code"] for form in asked[1:]], ["the device code"] * 3)
        self.assertEqual(self.provider.access[await self.token()], "ann")
        for secret in ("the device code", SECRET, *self.provider.refresh, *self.provider.spent):
            self.assertNotIn(secret, out)

    async def test_who_says_no_is_not_connected(self) -> None:
        await self.begin()
        for said, words in (("access_denied", "access_denied"), ("expired_token", "expired_token")):
            self.provider.device = ["authorization_pending", said]
            status, _, errors = await self.oauth("connect", "ann")
            self.assertEqual((status, words in errors), (1, True))
        with self.assertRaises(AccountUnavailable):
            await self.token()

    async def test_a_browser_brings_its_answer_by_hand(self) -> None:
        await self.begin()
        made: list[connecting.Visit] = []
        visit = connecting.Connecting.visit

        def watched(self: Any) -> connecting.Visit:
            made.append(visit(self))
            return made[-1]

        self.patch(connecting.Connecting, "visit", watched)
        self.patch(connecting.secrets, "token_urlsafe", lambda octets: f"chance-{octets}")
        address = f"{HERE}/?code=the+code&state=chance-24"
        self.provider.challenges["the code"] = _challenge("chance-48")
        status, out, _ = await self.oauth("connect", "ann", "--browser", stdin=address.encode() + b"\n")
        self.assertEqual((status, "connected" in out), (0, True))
        asked = parse_qs(urlsplit(made[0].url).query)
        self.assertEqual((asked["redirect_uri"], asked["code_challenge_method"]), ([HERE], ["S256"]))
        self.assertEqual(asked["code_challenge"], [_challenge("chance-48")])
        self.assertTrue(await self.token())
        for wrong in (f"{HERE}/?code=the+code&state=x", "nonsense", "", f"{HERE}/?error=no&state=chance-24"):
            status, _, errors = await self.oauth("connect", "ann", "--browser", stdin=wrong.encode())
            self.assertEqual((status, bool(errors)), (1, True), wrong)

    async def test_a_refresh_token_from_elsewhere_is_set_listed_tested_and_removed(self) -> None:
        await self.begin()
        self.assertEqual((await self.oauth("list"))[1], "nobody is connected\n")
        token = self.provider.new("refresh", "ann")
        self.assertEqual((await self.oauth("set", "ann", typed=(token,)))[0], 0)
        first = await self.token()
        again = self.provider.new("refresh", "ann")
        await self.oauth("set", "ann", "--token-stdin", stdin=again.encode() + b"\r\n")
        self.assertNotEqual(await self.token(), first)
        status, out, _ = await self.oauth("test", "ann")
        self.assertEqual((status, "access token for 3600 s" in out), (0, True))
        rows = json.loads((await self.oauth("list", "--json"))[1])
        self.assertEqual(
            [(row["name"], row["source"], row["state"]) for row in rows],
            [("ann@example.org", "office", "connected")],
        )
        self.assertNotIn("refresh-", json.dumps(rows))
        self.assertEqual((await self.oauth("remove", "ann"))[1], "ann@example.org: removed (office)\n")
        with self.assertRaises(AccountUnavailable):
            await self.token()
        self.assertIn("is not connected with office", (await self.oauth("remove", "ann"))[2])

    async def test_one_that_the_provider_does_not_take_is_told(self) -> None:
        await self.begin()
        await self.oauth("set", "ann", typed=("nonsense",))
        status, _, errors = await self.oauth("test", "ann")
        self.assertEqual((status, "token-refused" in errors), (1, True))
        self.assertIn("refused", (await self.oauth("list"))[1])
        with self.assertRaises(LoginUnavailable):
            await self.token()

    async def test_what_cannot_be_is_said(self) -> None:
        await self.begin()
        for argv, typed, words in (
            (("set", "ann"), ("",), "a refresh token has"),
            (("set", "ann"), ("a\x01b",), "a refresh token has"),
            (("set", "ann"), (), "nothing was typed"),
            (("set", "bob"), ("x",), "there is nobody"),
            (("test", "ann"), (), "not-connected"),
            (("test", "ann", "--source", "nowhere"), (), "no section [oauth:nowhere]"),
        ):
            status, _, errors = await self.oauth(*argv, typed=typed)
            self.assertEqual((status, words in errors), (1, True), errors)
        self.path.write_text(self.ini + self.section("other"))
        self.assertIn("--source: office, other", (await self.oauth("test", "ann"))[2])
        self.path.write_text(INI)
        self.assertIn("[oauth:office]", (await self.oauth("test", "ann"))[2])


def _challenge(verifier: str) -> str:
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
