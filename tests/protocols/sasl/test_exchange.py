"""An exchange ends with credentials, or blames the client."""

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.credentials import CramMD5Credentials
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import (
    MAX_LINE,
    Cancelled,
    Challenge,
    Credentials,
    Foreign,
    Mechanism,
    converse,
    mechanisms,
)
from mailtwist.protocols.sasl.legacy import of_challengers


class Talk(SynchronousTestCase):
    """`heard` is what the client was asked, base64 undone by nobody."""

    def talk(self, mechanism, initial, *answers):
        self.heard = []
        rest = list(answers)

        async def ask(challenge):
            self.heard.append(challenge)
            return rest.pop(0)

        done = []
        started(converse(mechanism, initial, ask)).addBoth(done.append)
        if isinstance(done[0], Failure):
            done[0].raiseException()
        return done[0]

    def refused(self, mechanism, initial, *answers):
        error = self.assertRaises(Malformed, self.talk, mechanism, initial, *answers)
        self.assertNotIn("\n", str(error))
        return error


class PlainTests(Talk):
    plain = mechanisms()["PLAIN"]

    def test_an_initial_response_is_enough(self):
        end = self.talk(self.plain, b64encode(b"\0ann\0pw@123456"))
        self.assertEqual(end, Credentials(b"ann", b"pw@123456"))
        self.assertEqual(self.heard, [])

    def test_without_one_the_challenge_is_empty(self):
        end = self.talk(self.plain, None, b64encode(b"zoe\0ann\0pw"))
        self.assertEqual(end, Credentials(b"ann", b"pw", authzid=b"zoe"))
        self.assertEqual(self.heard, [b""])

    def test_octets_come_through_unchanged(self):
        secret = bytes(range(1, 256))
        self.assertEqual(self.talk(self.plain, b64encode(b"\0\xff%@+\0" + secret)).secret, secret)

    def test_an_empty_initial_response_is_a_response(self):
        self.refused(self.plain, b"=")
        self.assertEqual(self.heard, [])

    def test_parts_that_are_missing_or_too_many(self):
        for bad in (b"", b"ann", b"\0ann", b"\0\0pw", b"\0ann\0", b"\0ann\0pw\0", b"a\0b\0c\0d"):
            self.refused(self.plain, b64encode(bad))

    def test_a_star_cancels(self):
        self.assertIsInstance(self.refused(self.plain, None, b"*"), Cancelled)

    def test_what_is_not_base64(self):
        for bad in (b"!!", b"AGFubgBwdw", b"AGFu bgBwdw==", b"AGFubgBwdw==\n", b"====", b"\xff\xfe"):
            self.refused(self.plain, None, bad)

    def test_a_response_without_end(self):
        self.refused(self.plain, None, b"A" * (MAX_LINE + 4))

    def test_the_secret_is_in_no_repr(self):
        self.assertNotIn("sesame", repr(self.talk(self.plain, b64encode(b"\0ann\0sesame"))))


class LoginTests(Talk):
    login = mechanisms()["LOGIN"]

    def test_two_questions(self):
        end = self.talk(self.login, None, b64encode(b"ann"), b64encode(b"pw"))
        self.assertEqual(end, Credentials(b"ann", b"pw"))
        self.assertEqual(self.heard, [b64encode(b"Username:"), b64encode(b"Password:")])

    def test_the_name_as_initial_response(self):
        self.assertEqual(
            self.talk(self.login, b64encode(b"ann"), b64encode(b"pw")), Credentials(b"ann", b"pw")
        )

    def test_nothing_may_be_empty(self):
        self.refused(self.login, None, b"")
        self.refused(self.login, b"=")
        self.refused(self.login, b64encode(b"ann"), b"")

    def test_a_star_cancels_at_both_questions(self):
        self.assertIsInstance(self.refused(self.login, None, b"*"), Cancelled)
        self.assertIsInstance(self.refused(self.login, None, b64encode(b"ann"), b"*"), Cancelled)


class StockTests(Talk):
    """`challengers` as twisted.mail documents them."""

    stock = of_challengers(
        {
            b"PLAIN": PLAINCredentials,
            b"login": LOGINCredentials,
            b"CRAM-MD5": lambda: CramMD5Credentials(b"here"),
        }
    )

    def test_plain(self):
        end = self.talk(self.stock["PLAIN"], b64encode(b"\0ann\0pw"))
        self.assertIsInstance(end, Foreign)
        self.assertTrue(end.credentials.checkPassword(b"pw"))
        self.assertNotIn("pw", repr(end))

    def test_login_both_ways(self):
        for initial, answers in ((None, [b"ann", b"pw"]), (b64encode(b"ann"), [b"pw"])):
            end = self.talk(self.stock["LOGIN"], initial, *map(b64encode, answers))
            self.assertEqual((end.credentials.username, end.credentials.password), (b"ann", b"pw"))

    def test_cram_md5_speaks_first(self):
        self.refused(self.stock["CRAM-MD5"], b64encode(b"ann 0"))
        end = self.talk(self.stock["CRAM-MD5"], None, b64encode(b"ann 0123"))
        self.assertEqual(end.credentials.username, b"ann")
        self.assertEqual(len(self.heard), 1)

    def test_a_response_it_cannot_take_is_the_clients_fault(self):
        self.refused(self.stock["PLAIN"], b64encode(b"ann"))
        self.refused(self.stock["CRAM-MD5"], None, b64encode(b"ann"))


class BoundsTests(Talk):
    def test_an_exchange_that_never_ends_is_ended(self):
        class Endless:
            def step(self, response):
                return Challenge(b"more")

        self.refused(Mechanism("X", Endless), None, *[b"QQ=="] * 20)
        self.assertLess(len(self.heard), 20)

    @given(st.none() | st.binary(max_size=40), st.lists(st.binary(max_size=40), min_size=20, max_size=20))
    def test_any_octets_end_or_blame_the_client(self, initial, answers):
        for one in [*mechanisms().values(), *StockTests.stock.values()]:
            for code in (bytes, b64encode):
                try:
                    self.talk(one, initial if initial is None else code(initial), *map(code, answers))
                except Malformed:
                    pass
