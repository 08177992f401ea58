"""Signatures as Standard Webhooks writes them."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.factors.signing import SigningKey
from mailtwist.tls.https import Answer

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


class SigningTests(SynchronousTestCase):
    def test_the_example_of_the_specification(self) -> None:
        signed = SigningKey(KEY).headers(ID, AT, BODY)
        self.assertEqual(
            signed,
            {
                "webhook-id": ID,
                "webhook-timestamp": str(AT),
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
        )

    def answer(self, body: bytes = BODY, **changed: str) -> Answer:
        headers = SigningKey(KEY).headers(ID, AT, BODY)
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        return Answer("", 200, {name: (value,) for name, value in headers.items()}, body)

    def test_it_vouches_for_one_answer_to_one_question(self) -> None:
        key = SigningKey(KEY)
        self.assertTrue(key.vouches_for(self.answer(), ID))
        right = self.answer().header("webhook-signature")
        for other in (
            self.answer(BODY + b" "),
            self.answer(webhook_id="another"),
            self.answer(webhook_timestamp=str(AT + 1)),
            self.answer(webhook_signature="v1,"),
            self.answer(webhook_signature=""),
            self.answer(webhook_signature="v1a," + right[3:]),
            self.answer(webhook_signature=" ".join(["v1,x"] * 8 + [right])),
            self.answer(webhook_signature="\xe9"),
            Answer("", 200, {}, BODY),
        ):
            self.assertFalse(key.vouches_for(other, ID), other.headers)
        self.assertFalse(key.vouches_for(self.answer(), "another"))
        self.assertTrue(key.vouches_for(self.answer(webhook_signature=f"v1,old {right}"), ID))

    def test_keys_that_are_none_are_told_when_the_config_is_read(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "good").write_text(KEY + "\n")
        (folder / "short").write_text("whsec_c2hvcnQ=\n")
        self.assertEqual(SigningKey.parse("file:good").within(folder).reveal(), KEY)
        with self.assertRaisesRegex(ValueError, "a signing key is"):
            SigningKey.parse("file:short").within(folder)
        for text in ("hunter2", KEY[6:], "whsec_", "whsec_!!!", "whsec_" + "A" * 88):
            with self.assertRaisesRegex(ValueError, "openssl rand") as error:
                SigningKey.parse(text)
            if text != "whsec_":
                self.assertNotIn(text, str(error.exception))

    def test_it_does_not_show_itself(self) -> None:
        self.assertNotIn(KEY[6:], repr(SigningKey(KEY)))
