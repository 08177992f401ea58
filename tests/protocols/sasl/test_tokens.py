"""An access token comes as rfc7628#3.1 says, or as Google and Microsoft have it, and as nothing else."""

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.kit.spawn import started
from mailtwist.protocols.errors import LineTooLong, Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Credentials, mechanisms, signed_in
from mailtwist.protocols.sasl.tokens import MOST, REFUSAL

WITH = mechanisms(tokens=True)
TOKEN = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


def ended(name: str, response: bytes) -> Credentials:
    end = WITH[name].exchange().step(response)
    assert isinstance(end, Credentials)
    return end


class Forms(SynchronousTestCase):
    def test_they_are_there_for_those_who_can_judge_them(self) -> None:
        self.assertEqual([*mechanisms()], ["PLAIN", "LOGIN"])
        self.assertEqual([*WITH], ["PLAIN", "OAUTHBEARER", "XOAUTH2", "LOGIN"])

    def test_without_an_initial_response_the_challenge_is_empty(self) -> None:
        for name in ("OAUTHBEARER", "XOAUTH2"):
            self.assertEqual(WITH[name].exchange().step(None), Challenge(b""))

    def test_the_example(self) -> None:
        """rfc7628#4.1"""
        end = ended(
            "OAUTHBEARER",
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer %b\x01\x01" % TOKEN,
        )
        self.assertEqual(end, Credentials(b"user@example.com", TOKEN, bearer=True, refusal=REFUSAL))
        self.assertNotIn(TOKEN.decode(), repr(end))

    def test_the_name_may_be_in_the_token_alone(self) -> None:
        for header in (b"n,,", b"y,,", b"n,a=,"):
            self.assertEqual(ended("OAUTHBEARER", header + b"\x01auth=Bearer t\x01\x01").user, b"")

    def test_a_name_may_have_commas(self) -> None:
        """rfc5801#4"""
        self.assertEqual(ended("OAUTHBEARER", b"n,a=a=2Cb=3D,\x01auth=bearer t\x01\x01").user, b"a,b=")

    def test_unknown_pairs_mean_nothing(self) -> None:
        end = ended("OAUTHBEARER", b"n,a=u,\x01mthd=POST\x01qs=a b\r\n\x01auth=BEARER  t \x01\x01")
        self.assertEqual((end.user, end.secret), (b"u", b"t"))

    def test_xoauth2(self) -> None:
        end = ended("XOAUTH2", b"user=ann@example.org\x01auth=Bearer %b\x01\x01" % TOKEN)
        self.assertEqual((end.user, end.secret, end.bearer), (b"ann@example.org", TOKEN, True))

    def test_nothing_else_is_one(self) -> None:
        many = b"".join(b"%b=1\x01" % bytes([65 + n, 65]) for n in range(MOST + 1))
        wrong = [
            *(b"", b"\x01", b"\x01\x01", b"n,,", b"n,,\x01", b"n,,\x01\x01", b"n,,\x01auth=Bearer t"),
            *(
                b"n,,\x01auth=Bearer t\x01",
                b"n,,\x01auth=Bearer t\x01\x01\x01",
                b"n,,\x01auth=Bearer t\x01\x01x",
            ),
            *(b"p=tls-exporter,,\x01auth=Bearer t\x01\x01", b"F,n,,\x01auth=Bearer t\x01\x01"),
            *(b"n,a=x=,\x01auth=Bearer t\x01\x01", b"n,a=x=2c,\x01auth=Bearer t\x01\x01"),
            *(
                b"n,a=\0,\x01auth=Bearer t\x01\x01",
                b"n,,\x01auth=Basic t\x01\x01",
                b"n,,\x01auth=Bearer\x01\x01",
            ),
            *(
                b"n,,\x01auth=Bearer a b\x01\x01",
                b"n,,\x01auth=Bearer =\x01\x01",
                b"n,,\x01auth=Bearer \xff\x01\x01",
            ),
            *(b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01", b"n,,\x01auth=Bearer a\x01AUTH=x\x01\x01"),
            *(b"n,,\x01" + many + b"auth=Bearer t\x01\x01", b"user=u\x01auth=Bearer t\x01\x01"),
        ]
        for one in wrong:
            self.assertRaises(Malformed, WITH["OAUTHBEARER"].exchange().step, one)
        for one in (
            b"user=\x01auth=Bearer t\x01\x01",
            b"auth=Bearer t\x01\x01",
            b"n,,\x01auth=Bearer t\x01\x01",
        ):
            self.assertRaises(Malformed, WITH["XOAUTH2"].exchange().step, one)

    @given(st.binary(max_size=80), st.sampled_from(("OAUTHBEARER", "XOAUTH2")))
    def test_any_octets_end_or_blame_the_client(self, octets: bytes, name: str) -> None:
        for response in (octets, b"n,a=u,\x01auth=Bearer t\x01" + octets, b"user=u\x01" + octets):
            try:
                self.assertTrue(ended(name, response).secret)
            except Malformed as error:
                self.assertNotIn("\n", str(error))


class Refusals(SynchronousTestCase):
    """rfc7628#3.2.3"""

    def sign_in(self, error: Exception | None, credentials: Credentials) -> list[bytes]:
        heard: list[bytes] = []

        async def ask(challenge: bytes) -> bytes:
            heard.append(challenge)
            return b"no base64 at all"

        async def refuse(_: object) -> None:
            if error is not None:
                raise error

        waiting = started(signed_in(credentials, refuse, ask))
        if error is None:
            self.successResultOf(waiting)
        else:
            self.assertIs(self.failureResultOf(waiting).value, error)
        return heard

    def test_the_client_hears_why_before_it_fails(self) -> None:
        bearer = Credentials(b"u", b"t", bearer=True, refusal=REFUSAL)
        self.assertEqual(self.sign_in(LoginRefused("any"), bearer), [b64encode(REFUSAL)])

    def test_who_gets_in_hears_nothing_and_temporary_trouble_is_no_refusal(self) -> None:
        bearer = Credentials(b"u", b"t", bearer=True, refusal=REFUSAL)
        self.assertEqual(self.sign_in(None, bearer), [])
        self.assertEqual(self.sign_in(LoginUnavailable("away"), bearer), [])

    def test_an_answer_that_makes_no_sense_changes_nothing(self) -> None:
        async def ask(challenge: bytes) -> bytes:
            raise LineTooLong("Line too long")

        async def refuse(_: object) -> None:
            raise LoginRefused("any")

        bearer = Credentials(b"u", b"t", bearer=True, refusal=REFUSAL)
        self.failureResultOf(started(signed_in(bearer, refuse, ask)), LoginRefused)

    def test_a_password_is_refused_without_a_word(self) -> None:
        self.assertEqual(self.sign_in(LoginRefused("any"), Credentials(b"u", b"p")), [])
