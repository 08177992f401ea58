"""An identity provider: its keys rotate, it lies, it is away; and it is asked about tokens."""

import json
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.directories.oauthbearer.directory import check
from mailtwist.auth.directories.oauthbearer.issuer import ASKED_AGAIN, OLD, PAUSE
from mailtwist.auth.directories.oauthbearer.settings import Settings, Url
from mailtwist.config.values import Duration, Secret
from mailtwist.kit.spawn import started, together
from mailtwist.kit.steps import steps_heard
from tests.auth.directories.oauth_case import Case
from tests.auth.directories.oauth_provider import (
    AUDIENCE,
    CLIENT,
    EC,
    NAME,
    OTHER_RSA,
    RSA,
    SECRET,
    as_json,
    jwk,
)


class Keys(Case):
    def questions(self) -> int:
        return self.provider.asked.count("/keys")

    async def test_they_are_asked_for_once(self) -> None:
        await together(*(self.good(self.provider.token()) for _ in range(10)))
        await self.good(self.provider.token())
        self.assertEqual(self.questions(), 1)

    async def test_who_tries_a_token_hears_which_there_are(self) -> None:
        said: list[str] = []
        with steps_heard(said.append):
            await self.good(self.provider.token())
        keys = "rsa1 (RSA), ec1 (EC P-256), ed1 (OKP Ed25519)"
        self.assertIn(f"read 3 keys from {self.provider.host}/keys: {keys}", said)

    async def test_a_new_key_is_found_and_old_ones_are_good_while_they_are_shown(self) -> None:
        old = self.provider.token()
        await self.good(old)
        self.clock.advance(ASKED_AGAIN)
        self.provider.rotate(OTHER_RSA, "rsa2")
        new = self.provider.token(key=OTHER_RSA, header={"kid": "rsa2"})
        await self.good(new)
        await self.good(old)
        self.assertEqual(self.questions(), 2)
        self.provider.rotate(OTHER_RSA, "rsa2", keeps=False)
        self.clock.advance(3601)
        await self.good(self.provider.token(key=OTHER_RSA, header={"kid": "rsa2"}))
        await self.bad(self.provider.token(), "signed it")

    async def test_strangers_do_not_make_us_ask(self) -> None:
        await self.good(self.provider.token())
        for n in range(50):
            await self.bad(self.provider.token(key=OTHER_RSA, header={"kid": f"new{n}"}))
        self.assertEqual(self.questions(), 1)
        self.clock.advance(ASKED_AGAIN)
        for n in range(50):
            await self.bad(self.provider.token(key=OTHER_RSA, header={"kid": f"other{n}"}))
        self.assertEqual(self.questions(), 2)

    async def test_they_are_good_for_a_day_while_their_issuer_is_away(self) -> None:
        await self.good(self.provider.token())
        await self.provider.stop()
        self.clock.advance(7200)
        await self.good(self.provider.token())
        self.assertEqual(self.told("oauthbearer.away"), 1)
        self.clock.advance(OLD)
        await self.away(self.provider.token())
        self.provider.start()
        self.clock.advance(PAUSE)
        await self.good(self.provider.token())

    async def test_one_that_is_away_is_left_alone_for_a_moment(self) -> None:
        self.provider.says = lambda path: (503, {}, b"busy")
        for _ in range(5):
            self.assertIn("503", await self.away(self.provider.token()))
        self.assertEqual(len(self.provider.asked), 1)
        self.provider.says = lambda path: None
        await self.away(self.provider.token())
        self.clock.advance(PAUSE)
        await self.good(self.provider.token())

    async def test_one_that_is_away_may_have_a_new_key(self) -> None:
        """Nobody can say then that a token is not good."""
        await self.good(self.provider.token())
        self.provider.rotate(OTHER_RSA, "rsa2")
        new = self.provider.token(key=OTHER_RSA, header={"kid": "rsa2"})
        self.provider.says = lambda path: (503, {}, b"busy")
        self.clock.advance(ASKED_AGAIN)
        self.assertIn("503", await self.away(new))
        await self.good(self.provider.token())
        self.provider.says = lambda path: None
        await self.away(new)
        self.clock.advance(ASKED_AGAIN)
        await self.good(self.provider.token(key=OTHER_RSA, header={"kid": "rsa2"}))
        await self.bad(self.provider.token(key=OTHER_RSA, header={"kid": "rsa3"}), "signed it")

    async def test_one_that_was_silent_for_long_is_left_alone_for_a_moment(self) -> None:
        self.provider.waits = Deferred()
        waiting = started(self.directory.bearer(NAME, self.provider.token()))
        self.clock.advance(5)
        with self.assertRaises(LoginUnavailable):
            await waiting
        asked = started(self.directory.bearer(NAME, self.provider.token()))
        self.assertTrue(asked.called)
        with self.assertRaises(LoginUnavailable):
            await asked
        self.provider.waits.callback(None)

    async def test_keys_that_are_none_or_not_for_this(self) -> None:
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.provider.served = [
            jwk(RSA, "rsa1", use="enc"),
            jwk(RSA, "rsa1", alg="RS512"),
            *(jwk(RSA, "rsa1", key_ops=does) for does in (["sign"], None, 5, "verify")),
            jwk(small, "small"),
            {"kty": "oct", "kid": "rsa1", "k": "c2VjcmV0"},
            *({"kty": "RSA", "kid": "rsa1", "n": n, "e": "AQAB"} for n in ("", "!", 5, None, "A" * 9000)),
            *({"kty": "EC", "kid": "ec1", "crv": c, "x": "AA", "y": "AA"} for c in ("P-256", "P-1", 5)),
            {"kty": "EC", "kid": "ec1", "crv": "P-256", "x": jwk(EC, "")["x"], "y": jwk(EC, "")["x"]},
            *([], "x", None, {}, {"kty": 1}),
        ]
        await self.bad(self.provider.token(), "signed it")
        token = self.provider.token(key=small, header={"kid": "small"})
        await self.bad(token, "signed it")

    async def test_no_more_than_a_hundred_are_looked_at(self) -> None:
        self.provider.served = [jwk(OTHER_RSA, f"k{n}") for n in range(100)] + [jwk(RSA, "rsa1")]
        await self.bad(self.provider.token(), "signed it")


class Discovery(Case):
    path = "/realms/main"

    async def test_an_issuer_with_a_path(self) -> None:
        await self.good(self.provider.token())
        self.assertEqual(self.provider.asked[0], "/realms/main/.well-known/openid-configuration")

    async def test_as_rfc8414_has_it(self) -> None:
        """rfc8414#3.1"""
        where = "/.well-known/oauth-authorization-server/realms/main"
        told = {"issuer": self.provider.issuer, "jwks_uri": f"{self.provider.host}/keys"}
        self.provider.says = lambda path: (
            as_json(told) if path == where else (404, {}, b"") if "openid" in path else None
        )
        await self.good(self.provider.token())

    async def test_keys_may_be_named(self) -> None:
        self.build(jwks=Url(f"{self.provider.host}/keys"))
        await self.good(self.provider.token())
        self.assertEqual(self.provider.asked, ["/keys"])

    async def test_whatever_it_answers_it_is_temporary_trouble(self) -> None:
        its = self.provider
        told = {"issuer": its.issuer, "jwks_uri": f"{its.host}/keys"}
        elsewhere = {"Location": f"{its.host}/elsewhere"}
        for said in (
            (200, {}, b"<html>Please log in</html>"),
            (500, {}, b""),
            (404, {}, b""),
            (302, elsewhere, b""),
            (301, elsewhere, json.dumps(told).encode()),
            as_json({**told, "issuer": "https://evil.example"}),
            as_json({**told, "issuer": its.issuer + "/"}),
            as_json({**told, "issuer": None}),
            as_json({**told, "jwks_uri": "http://localhost/keys"}),
            as_json({**told, "jwks_uri": "file:///etc/passwd"}),
            as_json({**told, "jwks_uri": 5}),
            as_json({"issuer": its.issuer}),
            as_json([told]),
            (200, {}, b"{" * 400),
            (200, {}, b'{"issuer": 1, "issuer": 2}'),
            (200, {}, b" " * 300_000),
        ):
            its.says = lambda path, said=said: said if "well-known" in path else None
            self.build()
            await self.away(its.token())
        self.assertNotIn("/elsewhere", its.asked)
        for said in (
            (200, {}, b"<html>"),
            (302, elsewhere, b""),
            as_json({"keys": []}),
            as_json({"keys": {}}),
        ):
            its.says = lambda path, said=said: said if path == "/keys" else None
            self.build()
            await self.away(its.token())

    async def test_a_certificate_that_is_not_right(self) -> None:
        self.build(roots=None)
        self.assertIn("certificate", await self.away(self.provider.token()))

    async def test_one_that_does_not_answer_in_time(self) -> None:
        self.provider.waits = Deferred()
        waiting = started(self.directory.bearer(NAME, self.provider.token()))
        self.clock.advance(5)
        with self.assertRaises(LoginUnavailable):
            await waiting
        self.provider.waits.callback(None)

    async def test_who_leaves_does_not_end_the_question_of_others(self) -> None:
        self.provider.waits = Deferred()
        first = started(self.directory.bearer(NAME, self.provider.token()))
        second = started(self.directory.bearer(NAME, self.provider.token()))
        first.addErrback(lambda gone: None)
        first.cancel()
        self.provider.waits.callback(None)
        self.assertIsNotNone(await second)

    async def test_check_says_what_is_wrong(self) -> None:
        self.assertEqual(await check(self.settings(), self.assembly), [])
        self.provider.says = lambda path: (500, {}, b"")
        ((setting, words),) = await check(self.settings(), self.assembly)
        self.assertEqual(setting, "issuer")
        self.assertIn("500", words)


class Introspection(Case):
    usual: ClassVar[dict[str, Any]] = {"client_id": CLIENT, "client_secret": Secret(SECRET)}

    def settings(self, **more: Any) -> Settings:
        return super().settings(introspection=Url(f"{self.provider.host}/introspect"), **more)

    def active(self, token: str = "opaque", **more: Any) -> bytes:
        told = {
            "aud": AUDIENCE,
            "email": NAME,
            "email_verified": True,
            "exp": int(self.clock.now()) + 600,
            **more,
        }
        self.provider.active[token] = {name: value for name, value in told.items() if value is not None}
        return token.encode()

    async def test_a_token_that_is_good(self) -> None:
        bearer = await self.good(self.active())
        self.assertEqual(bearer.person.name, NAME)
        (form,) = self.provider.introspected
        self.assertEqual((form["token"], form["token_type_hint"]), ("opaque", "access_token"))

    async def test_it_needs_no_keys(self) -> None:
        await self.good(self.active())
        self.assertEqual(self.provider.asked, ["/introspect"])

    async def test_one_that_is_not(self) -> None:
        await self.bad(b"unknown", "not good")
        await self.bad(self.active(aud="other"), "audience")
        await self.bad(self.active(iss="https://evil.example"), "issuer")
        await self.bad(self.active(email_verified=None), "verified")
        await self.bad(self.active(aud=None), "audience")
        await self.bad(self.active(exp="soon"), "exp")
        await self.good(self.active(aud=None, client_id=AUDIENCE))
        await self.good(self.active(iss=self.provider.issuer))

    async def test_one_that_is_for_its_issuer_alone(self) -> None:
        """It says that a refresh token is good, too."""
        for more in ({"typ": "Refresh"}, {"typ": "Offline"}, {"token_use": "refresh_token"}, {"typ": "ID"}):
            await self.bad(self.active(**more), "no access token")
        for more in ({"typ": "Bearer"}, {"token_use": "access_token"}, {"nonce": "n"}):
            await self.good(self.active(**more))

    async def test_without_an_end_a_session_has_none(self) -> None:
        self.build(end_at_expiry=True)
        bearer = await self.good(self.active(exp=None))
        self.assertEqual((bearer.expires, bearer.ends), (float("inf"), False))

    async def test_nothing_is_remembered_by_default(self) -> None:
        token = self.active()
        await self.good(token)
        del self.provider.active["opaque"]
        await self.bad(token)

    async def test_it_is_remembered_for_as_long_as_is_set(self) -> None:
        self.build(remembered=Duration(100))
        token = self.active()
        await self.good(token)
        del self.provider.active["opaque"]
        self.clock.advance(99)
        await self.good(token)
        self.clock.advance(1)
        await self.bad(token)
        short = self.active("short", exp=int(self.clock.now()) + 10)
        await self.good(short)
        self.clock.advance(90)
        self.assertLess((await self.good(short)).expires, self.clock.now())

    async def test_who_we_are_may_be_refused(self) -> None:
        """Our own trouble, and nobody's who logs in."""
        self.build(client_secret=Secret("another"))
        await self.away(self.active())
        self.assertEqual(self.told("oauthbearer.refused"), 1)
        self.assertNotIn("another", str(self.events))
        self.assertEqual(
            (await check(self.settings(client_secret=Secret("x")), self.assembly))[0][0], "introspection"
        )

    async def test_whatever_it_answers_it_is_temporary_trouble(self) -> None:
        for said in (
            (200, {}, b"<html>"),
            (500, {}, b""),
            (302, {"Location": f"{self.provider.host}/elsewhere"}, b""),
            as_json({}),
            as_json({"active": "true"}),
            as_json({"active": 1}),
            as_json([]),
            (403, {}, b""),
        ):
            self.provider.says = lambda path, said=said: said
            await self.away(self.active())
        await self.provider.stop()
        await self.away(self.active())
