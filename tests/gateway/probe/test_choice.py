"""Which ports a gateway is made of, and how the server is known again."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.probe.choice import Choice, chosen
from mailtwist.gateway.probe.found import Certificate, Port, Report
from mailtwist.gateway.probe.ini import Wishes, gateway_ini
from mailtwist.protocols.dialogue import Offer
from mailtwist.tls.verdict import Finding

MISNAMED = Finding("certificate-host-mismatch", "certificate is valid for mail.example.org, not localhost")
SELF_SIGNED = Finding("certificate-not-trusted", "certificate is self-signed")
OFFERS = {
    "imap": Offer(["IMAP4rev1", "AUTH=PLAIN"]),
    "pop3": Offer(["USER"]),
    "submission": Offer(["AUTH PLAIN"]),
    "smtp": Offer(["SIZE 1"]),
    "sieve": Offer(["SASL PLAIN"]),
}


def certificate(*findings: Finding, pin: str = "sha256//a", names: tuple[str, ...] = ()) -> Certificate:
    return Certificate(names, "CN=x", None, pin, findings)


RIGHT = certificate()


def port(kind, number, security, shown=RIGHT, **more) -> Port:
    more.setdefault("offer", OFFERS[kind])
    more.setdefault("address", "192.0.2.1")
    return Port(
        kind,
        number,
        reached=True,
        served=True,
        security=security,
        certificate=None if security == "plain" else shown,
        **more,
    )


def made(*ports: Port, compared: tuple[str, ...] = ()) -> Choice:
    return chosen(Report("localhost", ("192.0.2.1",), list(ports)), compared)


class Choices(SynchronousTestCase):
    def test_tls_from_the_start_comes_before_starttls(self) -> None:
        choice = made(port("imap", 143, "starttls"), port("imap", 993, "implicit"))
        self.assertEqual(choice.ways["imap"].number, 993)

    def test_a_right_certificate_comes_before_tls_from_the_start(self) -> None:
        choice = made(port("imap", 993, "implicit", certificate(SELF_SIGNED)), port("imap", 143, "starttls"))
        self.assertEqual((choice.ways["imap"].number, choice.pins), (143, ()))

    def test_one_wrong_certificate_does_not_make_the_others_less_safe(self) -> None:
        wrong = port("pop3", 995, "implicit", certificate(SELF_SIGNED, pin="sha256//b"))
        choice = made(port("imap", 993, "implicit"), wrong)
        self.assertEqual((choice.doors, choice.pins), (["imap"], ()))
        self.assertIn("POP3 995: its certificate is not right", choice.left[0])

    def test_port_25_has_no_say_in_how_the_server_is_known(self) -> None:
        wrong = port("smtp", 25, "starttls", certificate(SELF_SIGNED, pin="sha256//b"))
        self.assertEqual(made(port("imap", 993, "implicit"), wrong).pins, ())

    def test_all_wrong_ones_are_pinned_each_once(self) -> None:
        one, other = certificate(SELF_SIGNED, pin="sha256//b"), certificate(SELF_SIGNED, pin="sha256//c")
        choice = made(
            port("imap", 993, "implicit", one),
            port("pop3", 995, "implicit", other),
            port("sieve", 4190, "starttls", one),
        )
        self.assertEqual(choice.pins, ("sha256//b", "sha256//c"))

    def test_another_name_is_enough_where_the_chain_is_right(self) -> None:
        names = ("*.example.org", "127.0.0.1", "mail.example.org")
        choice = made(port("imap", 993, "implicit", certificate(MISNAMED, names=names)))
        self.assertEqual((choice.verify_name, choice.pins), ("mail.example.org", ()))

    def test_a_name_that_is_none_is_never_taken(self) -> None:
        for names in (
            (),
            ("*.example.org",),
            ("10.0.0.1",),
            ("a b",),
            ("x\nevil = yes",),
            ("Mail.example.org",),
        ):
            choice = made(port("imap", 993, "implicit", certificate(MISNAMED, names=names)))
            self.assertEqual((choice.verify_name, choice.pins), ("", ("sha256//a",)), names)

    def test_keys_that_were_compared_are_all_that_counts(self) -> None:
        other = port("pop3", 995, "implicit", certificate(pin="sha256//b"))
        choice = made(port("imap", 993, "implicit"), other, compared=("sha256//b",))
        self.assertEqual((choice.doors, choice.pins), (["pop3"], ("sha256//b",)))

    def test_a_key_that_cannot_be_read_cannot_be_known_again(self) -> None:
        self.assertFalse(made(port("imap", 993, "implicit", certificate(SELF_SIGNED, pin=""))).possible)

    def test_no_password_goes_in_clear_through_other_peoples_networks(self) -> None:
        far = port("imap", 143, "plain", address="198.51.100.1")
        near = port("imap", 143, "plain", address="10.0.0.1")
        public = port("imap", 143, "plain", address="8.8.8.8")
        self.assertFalse(made(public).possible)
        self.assertTrue(made(near).possible)
        self.assertFalse(made(far).possible)

    def test_tokens_alone_make_no_gateway(self) -> None:
        choice = made(port("submission", 587, "starttls", offer=Offer(["AUTH XOAUTH2"])))
        self.assertFalse(choice.possible)
        self.assertIn("access tokens only", choice.left[0])

    def test_port_25_takes_submissions_where_nothing_else_does(self) -> None:
        login = Offer(["AUTH LOGIN"])
        choice = made(port("imap", 993, "implicit"), port("smtp", 25, "starttls", offer=login))
        self.assertEqual(choice.ways["submission"].number, 25)
        text = gateway_ini(choice, Wishes("localhost", "gw.example.test"))
        self.assertIn("\nsubmission = 25 starttls\n", text)
        self.assertIn("\n#smtp = 25 starttls\n", text)
