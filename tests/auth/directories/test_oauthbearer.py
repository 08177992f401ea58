"""Tokens of an identity provider: those that are good open, and nothing else does."""

import json
import sys
from typing import Any, ClassVar
from unittest.mock import patch

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.oauthbearer.directory import check
from mailtwist.auth.directories.oauthbearer.keys import NO_LIBRARY
from mailtwist.auth.directories.oauthbearer.settings import Algorithms, Claims, Settings, Url
from mailtwist.config.values import Duration, Hostnames, Names, Secret
from tests.auth.directories.oauth_case import Case
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
    b64,
    jwk,
    signed,
)


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


class WithoutTheLibrary(Case):
    def forget_the_library(self) -> None:
        missing = patch.dict(sys.modules, {"joserfc": None})
        missing.start()
        self.addCleanup(missing.stop)

    async def test_it_is_a_clear_problem_of_the_config(self) -> None:
        self.forget_the_library()
        self.assertEqual(await check(self.settings(), self.assembly), [("type", NO_LIBRARY)])
        with self.assertRaises(ValueError) as raised:
            self.build()
        self.assertIn("pip install 'mailtwist[oauth]'", str(raised.exception))

    async def test_who_asks_about_each_token_needs_none(self) -> None:
        self.forget_the_library()
        its = {"client_id": CLIENT, "client_secret": Secret(SECRET)}
        self.build(introspection=Url(f"{self.provider.host}/introspect"), **its)
        self.provider.active["t"] = {"aud": AUDIENCE, "email": NAME, "email_verified": True}
        await self.good(b"t")


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
