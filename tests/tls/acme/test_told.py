"""What an authority has written is read, or told to be nonsense; whatever it is."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.acme import resources
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.told import Told, leads
from mailtwist.tls.https import Answer

URL = "https://ca.example/dir"
HOSTS = frozenset({"ca.example"})
DIRECTORY = {
    "newNonce": "https://ca.example/nonce",
    "newAccount": "https://ca.example/account",
    "newOrder": "https://ca.example/order",
}
ORDER = {
    "status": "pending",
    "identifiers": [{"type": "dns", "value": "b.test"}, {"type": "dns", "value": "A.test"}],
    "authorizations": ["https://ca.example/authz/1"],
    "finalize": "https://ca.example/finalize",
}
CHALLENGE = {"type": "http-01", "url": "https://ca.example/chall/1", "token": "tok_-1"}
AUTHORIZATION = {
    "status": "pending",
    "identifier": {"type": "dns", "value": "a.test"},
    "challenges": [CHALLENGE],
}
NAMES = st.sampled_from(
    [*DIRECTORY, *ORDER, *CHALLENGE, *AUTHORIZATION, "meta", "value", "error", "profiles"]
)
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("https://ca.example/x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
)


def told(body: Any) -> Told:
    return Told.by(Answer(URL, 200, {}, json.dumps(body).encode()), HOSTS)


def directory(body: Any) -> resources.Directory:
    return resources.directory(URL, told(body))


def order(body: Any) -> resources.Order:
    return resources.order(URL, told(body), None)


def authorization(body: Any) -> resources.Authorization:
    return resources.authorization(URL, told(body), None)


class ToldCase(SynchronousTestCase):
    def nonsense(self, read: Any, body: Any, *words: str) -> None:
        with self.assertRaises(NotIssued, msg=str(body)[:200]) as caught:
            read(body)
        self.assertEqual(caught.exception.kind, "nonsense")
        for one in ("ca.example", *words):
            self.assertIn(one, caught.exception.words)


class DirectoryTests(ToldCase):
    def test_little_is_enough(self) -> None:
        found = directory(DIRECTORY)
        self.assertEqual(found.new_order, "https://ca.example/order")
        self.assertEqual((found.revoke, found.terms, found.profiles, found.external), ("", "", {}, False))
        self.assertFalse(found.has_renewal)

    def test_what_it_says_of_itself_is_read(self) -> None:
        meta = {
            "termsOfService": "data:text/plain,be%20good",
            "website": "https://ca.example",
            "caaIdentities": ["ca.example"],
            "externalAccountRequired": True,
            "profiles": {"short": "six days", "evil\n": "a\nb", "none": 5},
        }
        found = directory(DIRECTORY | {"meta": meta, "renewalInfo": "https://ca.example/ari"})
        self.assertEqual((found.terms, found.website), ("data:text/plain,be%20good", "https://ca.example"))
        self.assertEqual((found.caa, found.external), (("ca.example",), True))
        self.assertEqual(found.profiles, {"short": "six days", "evil": "a b"})
        self.assertTrue(found.has_renewal)

    def test_what_is_missing_is_named(self) -> None:
        for name in DIRECTORY:
            body = {key: value for key, value in DIRECTORY.items() if key != name}
            self.nonsense(directory, body, f'"{name}"', "is missing")

    def test_urls_stay_with_the_authority(self) -> None:
        for url in (
            "http://ca.example/x",
            "https://evil.example/x",
            "https://ca.example@evil.example/",
            "/x",
            "https://[",
            "https://ca.example/\x1b[2J",
            "https://ca.example/a\nb",
            "https://ca.example/a b",
            "https://ca.example/\u202e",
        ):
            self.nonsense(directory, DIRECTORY | {"newOrder": url}, '"newOrder"', "none of its own")

    def test_what_is_to_stand_in_caa_records_is_a_domain(self) -> None:
        names = ["ca.example", "CA.example", "x; accounturi=y", 'a" b', "", "a..b"]
        found = directory(DIRECTORY | {"meta": {"caaIdentities": names}})
        self.assertEqual(found.caa, ("ca.example", "CA.example"))

    def test_no_object_is_nonsense(self) -> None:
        for body in (b"", b"[]", b"<html>", b"\xff\xfe", b"1" * 5000, b"[" * 100_000):
            with self.assertRaises(NotIssued):
                Told.by(Answer(URL, 200, {}, body), HOSTS)


class OrderTests(ToldCase):
    def test_names_are_in_lower_case_and_in_order(self) -> None:
        found = order(ORDER)
        self.assertEqual((found.names, found.status), (("a.test", "b.test"), "pending"))

    def test_its_error_is_a_refusal(self) -> None:
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "no"}
        found = order(ORDER | {"status": "invalid", "error": error}).error
        assert found is not None
        self.assertEqual(found.kind, "caa")

    def test_wrong_shapes_are_nonsense(self) -> None:
        for name, wrong in (
            ("status", "done"),
            ("status", 5),
            ("identifiers", {}),
            ("identifiers", []),
            ("identifiers", ["a.test"]),
            ("identifiers", [{"value": ["a"]}]),
            ("authorizations", "https://ca.example/authz/1"),
            ("authorizations", [5]),
            ("authorizations", ["https://evil.example/"]),
            ("authorizations", ["https://ca.example/"] * 5000),
            ("finalize", None),
            ("finalize", "x" * 5000),
            ("certificate", "https://evil.example/"),
        ):
            self.nonsense(
                order,
                ORDER | {name: wrong},
                f'"{"value" if name == "identifiers" and wrong == [{"value": ["a"]}] else name}"',
            )


class AuthorizationTests(ToldCase):
    def test_a_wildcard_is_told_by_its_identifier(self) -> None:
        found = authorization(AUTHORIZATION | {"wildcard": True})
        self.assertEqual((found.name, found.wildcard, found.identifier), ("a.test", True, "*.a.test"))

    def test_a_challenge_by_the_account_has_no_token(self) -> None:
        by_account = {
            "type": "dns-persist-01",
            "url": "https://ca.example/chall/2",
            "issuer-domain-names": ["ca.example", "Evil; policy=wildcard", "x" * 300, "ca-2.example"],
            "accounturi": "https://ca.example/acct/1",
        }
        (found,) = authorization(AUTHORIZATION | {"challenges": [by_account]}).challenges
        self.assertEqual((found.token, found.issuers), ("", ("ca.example", "ca-2.example")))
        self.assertEqual(found.account, "https://ca.example/acct/1")

    def test_tokens_are_no_paths(self) -> None:
        for token in ("../../etc/passwd", "a/b", "a b", "ü", "x" * 600, 5, "a\n", "", None):
            body = AUTHORIZATION | {"challenges": [CHALLENGE | {"token": token}]}
            self.nonsense(authorization, body, '"token"')

    def test_tokens_do_not_show_themselves(self) -> None:
        self.assertNotIn("tok_-1", repr(authorization(AUTHORIZATION)))


class WhateverTests(SynchronousTestCase):
    @given(THINGS)
    def test_whatever_it_is_it_is_read_or_nonsense(self, body: Any) -> None:
        for read in (directory, order, authorization):
            for one in (
                body,
                *(good | body for good in (DIRECTORY, ORDER, AUTHORIZATION) if isinstance(body, dict)),
            ):
                try:
                    read(one)
                except NotIssued:
                    pass

    @given(st.text())
    def test_whatever_is_asked_it_leads_somewhere_or_not(self, url: str) -> None:
        self.assertFalse(leads(url, HOSTS) and not url.lower().startswith("https://"))
