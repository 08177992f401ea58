"""Tokens of an identity provider: those that are good open, and nothing else does."""

import json
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Bearer, LoginUnavailable, Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.oauthbearer.directory import OAuthBearer, check
from mailtwist.auth.directories.oauthbearer.issuer import ASKED_AGAIN, OLD, PAUSE
from mailtwist.auth.directories.oauthbearer.settings import Algorithms, Claims, Settings, Url
from mailtwist.config.values import Duration, File, Hostnames, Names, Secret
from mailtwist.kit.spawn import started, together
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from tests.auth.directories.oauth_provider import (
    AUDIENCE,
    CLIENT,
    EC,
    EC384,
    ED,
    NAME,
    OTHER_RSA,
    RSA,
    SECRET,
    Provider,
    as_json,
    b64,
    jwk,
    signed,
)


class Case(TestCase):
    """A provider, and a directory that believes it."""

    path = ""
    usual: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.provider = Provider(self.folder, self.clock.now, self.path)
        self.provider.start()
        self.addCleanup(lambda: started(self.provider.stop()))
        self.build()

    def settings(self, **more: Any) -> Settings:
        usual = {
            "issuer": Url(self.provider.issuer),
            "audience": Names((AUDIENCE,)),
            "roots": File(self.provider.certificate.root),
            **self.usual,
        }
        return Settings(**{**usual, **more})

    def build(self, **more: Any) -> OAuthBearer:
        self.assembly = OnePart(self.folder, clock=self.clock, name="idp")
        self.directory = OAuthBearer(self.settings(**more), self.assembly)
        self.addCleanup(lambda directory: started(directory.stop()), self.directory)
        return self.directory

    async def good(self, token: bytes, name: str = NAME) -> Bearer:
        bearer = await self.directory.bearer(name, token)
        self.assertIsNotNone(bearer)
        assert bearer is not None
        return bearer

    async def bad(self, token: bytes, why: str = "") -> None:
        said: list[str] = []
        with steps_heard(said.append):
            self.assertIsNone(await self.directory.bearer(NAME, token))
        self.assertIn(why, said[-1])
        self.assertNotIn(token.decode("latin-1").partition(".")[2][:30] or "no part", "".join(said))

    async def away(self, token: bytes) -> str:
        with self.assertRaises(LoginUnavailable) as raised:
            await self.directory.bearer(NAME, token)
        return raised.exception.reason

    def told(self, event: str) -> int:
        return len([one for one in self.events if one.get("event_id") == event])


class Good(Case):
    async def test_a_token_is_its_owners(self) -> None:
        bearer = await self.good(self.provider.token())
        self.assertEqual(bearer.person, Person(account_of(NAME), NAME, (NAME,)))
        self.assertEqual((bearer.factor, bearer.ends), (False, False))
        self.assertEqual(bearer.expires, int(self.clock.now()) + 3600 + 60)

    async def test_by_every_kind_of_key(self) -> None:
        self.build(algorithms=Algorithms.parse("RS256, PS256, ES256, EdDSA"))
        for key, algorithm in ((RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")):
            await self.good(self.provider.token(key=key, algorithm=algorithm))
            await self.good(self.provider.token(key=key, algorithm=algorithm, header={"kid": None}))

    async def test_as_rfc9068_has_it(self) -> None:
        for type in ("at+jwt", "application/at+JWT", None):
            await self.good(self.provider.token(header={"typ": type}))

    async def test_the_audience_may_be_one_of_several(self) -> None:
        await self.good(self.provider.token(aud=["account", AUDIENCE]))

    async def test_one_that_is_over_is_said_to_be_over(self) -> None:
        """So that it is no guess."""
        bearer = await self.good(self.provider.token(exp=int(self.clock.now()) - 1000))
        self.assertLess(bearer.expires, self.clock.now())

    async def test_clocks_may_differ_a_little(self) -> None:
        now = int(self.clock.now())
        bearer = await self.good(self.provider.token(exp=now - 30, nbf=now + 30, iat=now + 30))
        self.assertGreater(bearer.expires, now)

    async def test_a_long_one(self) -> None:
        token = self.provider.token(groups=["x" * 60] * 80)
        self.assertGreater(len(token), 6000)
        await self.good(token)

    async def test_what_it_is_for(self) -> None:
        self.build(scope=Names(("mail", "imap")), required_claims=Claims.parse("tid: 7, roles: mail"))
        right: dict[str, Any] = {"scope": "mail imap", "tid": 7, "roles": ["a", "mail"]}
        await self.good(self.provider.token(**right))
        await self.good(self.provider.token(**{**right, "scope": None, "scp": ["imap", "mail"]}))
        for wrong in (
            {"scope": "mail"},
            {"scope": "mailimap"},
            {"tid": "8"},
            {"roles": "amail"},
            {"tid": None},
        ):
            await self.bad(
                self.provider.token(**{**right, **wrong}), "claim" if "scope" not in wrong else "scope"
            )

    async def test_sessions_end_with_it_where_that_is_set(self) -> None:
        self.build(end_at_expiry=True)
        self.assertTrue((await self.good(self.provider.token())).ends)


class Bad(Case):
    async def test_tokens_of_other_times(self) -> None:
        now = int(self.clock.now())
        await self.bad(self.provider.token(nbf=now + 120), "not good yet")
        await self.bad(self.provider.token(iat=now + 120), "not good yet")
        for exp in ("soon", str(now + 60), -1, True, [now], 1e300, 10**40):
            await self.bad(self.provider.token(exp=exp), "exp is no time")
        await self.bad(self.provider.token(exp=None), "until when")
        for name in ("nbf", "iat"):
            await self.bad(self.provider.token(**{name: "x"}), f"{name} is no time")

    async def test_tokens_for_others(self) -> None:
        for audience in (None, "", "other", [], ["other"], [[AUDIENCE]], {AUDIENCE: 1}, AUDIENCE + "x", 5):
            await self.bad(self.provider.token(aud=audience), "not for us")

    async def test_tokens_of_others_make_nobody_ask_for_keys(self) -> None:
        for issuer in (
            "https://evil.example",
            self.provider.issuer + "/",
            self.provider.issuer.upper(),
            None,
            1,
        ):
            await self.bad(self.provider.token(iss=issuer), "another issuer's")
        await self.bad(self.provider.token(aud="other"))
        self.assertEqual(self.provider.asked, [])

    async def test_no_signature(self) -> None:
        for algorithm in ("none", "None", "NONE", "nOnE", ""):
            token = self.provider.token(algorithm=algorithm or "none", header={"alg": algorithm})
            await self.bad(token)
            await self.bad(token + b"eA", "algorithm")
        self.assertEqual(self.provider.asked, [])

    async def test_a_public_key_is_nobodys_secret(self) -> None:
        """HS256 with what everybody may read."""
        public = RSA.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for secret in (pem, pem.strip(), json.dumps(jwk(RSA, "rsa1")).encode(), b""):
            for kid in ("rsa1", None):
                token = self.provider.token(key=secret, algorithm="HS256", header={"kid": kid})
                await self.bad(token, "algorithm")
        with self.assertRaises(ValueError):
            Algorithms.parse("RS256, HS256")
        with self.assertRaises(ValueError):
            Algorithms.parse("none")

    async def test_a_key_signs_by_no_algorithm_of_another(self) -> None:
        self.build(algorithms=Algorithms.parse("RS256, ES256, ES384, EdDSA"))
        self.provider.served.append(jwk(EC384, "ec384"))
        rs = self.provider.token()
        for algorithm, kid in (("ES256", "rsa1"), ("EdDSA", "rsa1"), ("RS256", "ec1"), ("ES256", "ec384")):
            await self.bad(self.provider.token(header={"alg": algorithm, "kid": kid}), "signed it")
        token = self.provider.token(key=EC384, algorithm="ES256", header={"kid": "ec384"})
        await self.bad(token, "signed it")
        head, claims, sign = rs.split(b".")
        await self.bad(b".".join((head, claims, sign[:-4])), "signed it")
        await self.bad(b".".join((head, claims, b"A" * len(sign))), "signed it")

    async def test_one_that_was_changed(self) -> None:
        head, _, sign = self.provider.token().split(b".")
        other = b64(json.dumps(self.provider.claims(email="zoe@example.org")).encode()).encode()
        await self.bad(b".".join((head, other, sign)), "signed it")

    async def test_somebody_elses_key_whatever_it_is_called(self) -> None:
        mine = jwk(OTHER_RSA, "rsa1")
        for header in (
            {},
            {"kid": "rsa2"},
            {"kid": "../../../../dev/null"},
            {"kid": "' OR 1=1 --"},
            {"kid": "https://evil.example/key"},
            {"kid": None},
            {"jwk": mine},
            {"jwk": mine, "kid": None},
            {"jku": "https://evil.example/keys"},
            {"x5u": "https://evil.example/chain", "x5c": ["MIIB"]},
        ):
            await self.bad(self.provider.token(key=OTHER_RSA, header=header), "signed it")
        self.assertEqual(set(self.provider.asked), {"/.well-known/openid-configuration", "/keys"})

    async def test_headers_that_nobody_can_have(self) -> None:
        headers: list[dict[str, Any]] = [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}]
        headers += [
            {"zip": "DEF"},
            {"kid": 5},
            {"kid": ["rsa1"]},
            {"kid": "x" * 300},
            {"alg": 5},
            {"alg": None},
        ]
        headers += [{"typ": "logout+jwt"}, {"typ": "JOSE"}, {"typ": 1}, {"x": "y" * 3000}]
        for header in headers:
            await self.bad(self.provider.token(header=header))

    async def test_a_name_that_is_there_twice(self) -> None:
        claims = json.dumps(self.provider.claims()).encode()
        twice = claims[:-1] + b', "email": "zoe@example.org"}'
        head = b'{"alg": "RS256", "kid": "rsa1"}'
        await self.bad(signed(head, twice, RSA, "RS256"), "twice")
        await self.bad(signed(head[:-1] + b', "alg": "RS256"}', claims, RSA, "RS256"), "twice")

    async def test_what_is_no_token_at_all(self) -> None:
        good = self.provider.token()
        head, claims, sign = good.split(b".")
        wrong = [
            b"x",
            b"..",
            b"a.b.c",
            good + b".x",
            head + b"." + claims,
            good + b"=",
            b" " + good,
            b"\xff" + good,
        ]
        wrong += [
            b".".join((head, claims, b"")),
            b".".join((b"e30", claims, sign)),
            good.replace(b".", b".."),
        ]
        wrong += [
            b"A" * 9216,
            b"." * 9216,
            b64(b"[" * 3000).encode() + b".e30.eA",
            head + b"." + b"W" * 9000 + b".eA",
        ]
        for text in (
            b"[]",
            b"null",
            b"{",
            b'"x"',
            b"\xff",
            b'{"exp": NaN}',
            b'{"exp": Infinity}',
            b"[" * 2000,
        ):
            wrong.append(signed(b'{"alg": "RS256", "kid": "rsa1"}', text, RSA, "RS256"))
        deep = b'{"a": ' + b"[" * 600 + b"]" * 600 + b"}"
        huge = b'{"exp": ' + b"9" * 5000 + b"}"
        wrong += [signed(b'{"alg": "RS256"}', one, RSA, "RS256") for one in (deep, huge)]
        for token in wrong:
            await self.bad(token)
        self.assertEqual(self.provider.asked, [])

    async def test_tokens_that_are_for_the_mail_program(self) -> None:
        """ID tokens, refresh tokens: whoever shows one of those has not been let in to mail."""
        for more in (
            {"nonce": "n"},
            {"at_hash": "x"},
            {"typ": "ID"},
            {"typ": "Refresh"},
            {"token_use": "id"},
        ):
            await self.bad(self.provider.token(**more), "access token")
        await self.good(self.provider.token(typ="Bearer", nonce="n"))  # Keycloak, for a long time
        await self.good(self.provider.token(token_use="access"))
        await self.good(self.provider.token(header={"typ": "at+jwt"}, nonce="n"))


class NamesOfPeople(Case):
    async def test_an_address_counts_when_it_was_verified(self) -> None:
        for verified in (False, None, "false", 1, "yes", ["true"]):
            await self.bad(self.provider.token(email_verified=verified), "verified")
        self.build(unverified_email=True)
        await self.good(self.provider.token(email_verified=False))

    async def test_another_claim_may_have_the_name(self) -> None:
        self.build(name_claim="upn")
        bearer = await self.good(self.provider.token(upn="Ann@EXAMPLE.org", email="zoe@example.org"))
        self.assertEqual(bearer.person.name, NAME)
        await self.bad(self.provider.token(), "no name")

    async def test_names_that_can_be_nobodys(self) -> None:
        for name in ("", " ", 5, ["ann@example.org"], "a\0b@example.org", "x" * 600, "@", "ann@", "a\\b"):
            await self.bad(self.provider.token(email=name))

    async def test_names_of_other_domains_are_not_believed(self) -> None:
        self.build(domains=Hostnames(("example.org",)))
        await self.good(self.provider.token())
        for name in ("ann@example.net", "ann@sub.example.org", "ann"):
            await self.bad(self.provider.token(email=name), "domains")

    async def test_people_of_its_domains_are_there_before_they_come(self) -> None:
        self.build(domains=Hostnames(("example.org",)))
        found = await self.directory.find(NAME)
        self.assertEqual(found, (await self.good(self.provider.token())).person)
        self.assertEqual(await self.directory.recipient(NAME), found)
        self.assertEqual(set(await self.directory.domains()), {"example.org"})
        for name in ("ann", "ann@example.net", ""):
            self.assertIsNone(await self.directory.find(name))
            self.assertIsNone(await self.directory.recipient(name))
        self.build()
        self.assertIsNone(await self.directory.find(NAME))

    async def test_nobody_has_a_password(self) -> None:
        self.build(domains=Hostnames(("example.org",)))
        token = self.provider.token()
        for person in (await self.directory.find(NAME), Person("?", "nobody@example.org")):
            assert person is not None
            for password in (b"x", token, b""):
                self.assertIs(await self.directory.accepts(person, password), False)


class SecondFactor(Case):
    usual: ClassVar[dict[str, Any]] = {"second_factor": True, "amr": Names(("mfa", "otp"))}

    async def factor(self, **claims: Any) -> bool:
        return (await self.good(self.provider.token(**claims))).factor

    async def test_amr(self) -> None:
        self.assertTrue(await self.factor(amr=["pwd", "otp"]))
        for amr in (None, [], ["pwd"], "pwd otp", ["otp2"], {"otp": 1}, [["otp"]], True):
            self.assertFalse(await self.factor(amr=amr), amr)

    async def test_acr(self) -> None:
        self.build(amr=Names(), acr=Names(("c1", "gold")))
        for said in ({"acr": "gold"}, {"acrs": ["c0", "c1"]}, {"acr": "0", "acrs": ["c1"]}):
            self.assertTrue(await self.factor(**said), said)
        for said in ({}, {"acr": "silver"}, {"acr": "goldc1"}, {"acr": 1}, {"amr": ["otp"]}):
            self.assertFalse(await self.factor(**said), said)

    async def test_both_where_both_are_demanded(self) -> None:
        self.build(acr=Names(("gold",)))
        self.assertTrue(await self.factor(acr="gold", amr=["mfa"]))
        self.assertFalse(await self.factor(acr="gold"))
        self.assertFalse(await self.factor(amr=["mfa"]))

    async def test_it_may_be_too_long_ago(self) -> None:
        self.build(factor_age=Duration(3600))
        now = int(self.clock.now())
        self.assertTrue(await self.factor(amr=["mfa"], auth_time=now - 3600))
        for when in (now - 3700, None, now + 1000):
            self.assertFalse(await self.factor(amr=["mfa"], auth_time=when))
        await self.bad(self.provider.token(amr=["mfa"], auth_time="now"), "auth_time")

    async def test_an_issuer_that_is_not_believed(self) -> None:
        self.build(second_factor=False, amr=Names())
        self.assertFalse(await self.factor(amr=["mfa", "otp"], acr="gold"))


class Keys(Case):
    def questions(self) -> int:
        return self.provider.asked.count("/keys")

    async def test_they_are_asked_for_once(self) -> None:
        await together(*(self.good(self.provider.token()) for _ in range(10)))
        await self.good(self.provider.token())
        self.assertEqual(self.questions(), 1)

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

    async def test_keys_that_are_none_or_not_for_this(self) -> None:
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.provider.served = [
            jwk(RSA, "rsa1", use="enc"),
            jwk(RSA, "rsa1", alg="RS512"),
            jwk(RSA, "rsa1", key_ops=["sign"]),
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


class SettingsTests(TestCase):
    def test_what_cannot_be_meant_together(self) -> None:
        usual: dict[str, Any] = {"issuer": Url("https://a.example"), "audience": Names(("x",))}
        for wrong, setting in (
            ({"audience": Names()}, "audience"),
            ({"second_factor": True}, "second_factor"),
            ({"amr": Names(("mfa",))}, "amr"),
            ({"acr": Names(("mfa",))}, "acr"),
            ({"factor_age": Duration(5)}, "factor_age"),
            ({"client_id": "x"}, "client_id"),
            ({"introspection": Url("https://a.example/i")}, "client_id"),
        ):
            with self.assertRaises(ValueError) as raised:
                Settings(**{**usual, **wrong})
            self.assertTrue(str(raised.exception).startswith(f"{setting}: "), raised.exception)

    def test_addresses_are_of_https(self) -> None:
        for text in ("http://a.example", "a.example", "https://u:p@a.example", "https://"):
            with self.assertRaises(ValueError):
                Url.parse(text)

    def test_claims(self) -> None:
        self.assertEqual(str(Claims.parse("tid: a:b, x: y")), "tid: a:b, x: y")
        for text in ("tid", "tid:", ": x"):
            with self.assertRaises(ValueError):
                Claims.parse(text)
