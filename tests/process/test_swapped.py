"""Certificates change while a whole server serves: no handshake fails, and who is connected stays."""

import ssl
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from tests.process.secured import MX, secured
from tests.process.site import USER, eventually
from tests.process.talk import DEADLINE, Talker, deliver, trusting

HANDSHAKES = 1_000
IDLING = 200


class Swapped(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = secured()
        self.port = self.site.server.port("imaps")
        self.addCleanup(self.back)

    def back(self) -> None:
        """The subject is `mx` again, for other tests."""
        self.swap("mx")
        self.assertTrue(eventually(lambda: self.shown() == "mx"))

    def swap(self, common: str) -> None:
        self.site.new("mx", MX, common=common)
        self.site.reload()

    def shown(self, context: ssl.SSLContext | None = None, name: str | None = None) -> str:
        """The subject's common name."""
        plain = create_connection(("127.0.0.1", self.port), DEADLINE)
        with (context or trusting()).wrap_socket(plain, server_hostname=name) as tls:
            certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        return certificate.subject.rfc4514_string().removeprefix("CN=")

    def test_a_thousand_handshakes_while_certificates_change_all_the_time(self) -> None:
        over = threading.Event()

        def swapping() -> None:
            number = 0
            while not over.wait(0.02):
                number += 1
                self.swap(f"swap {number}")

        def some(worker: int) -> Counter[str]:
            context = trusting()
            if worker % 2:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            names = (MX, None)
            return Counter(self.shown(context, names[turn % 2]) for turn in range(HANDSHAKES // 4))

        thread = threading.Thread(target=swapping)
        thread.start()
        try:
            with ThreadPoolExecutor(4) as pool:
                seen = sum(pool.map(some, range(4)), Counter[str]())
        finally:
            over.set()
            thread.join()
        self.assertEqual(seen.total(), HANDSHAKES)
        self.assertGreater(len(seen), 10)
        self.site.healthy()

    def test_two_hundred_that_idle_stay_and_hear_of_new_mail(self) -> None:
        idling = [self.idling() for _ in range(IDLING)]
        try:
            self.swap("later")
            self.assertTrue(eventually(lambda: self.shown() == "later"))
            with self.site.smtp() as smtp:
                mail = b"Subject: hello\r\n\r\nhello\r\n"
                self.assertTrue(deliver(smtp, "a@example.net", [USER], mail).startswith(b"250 "))
            for talker in idling:
                while not talker.line().endswith(b" EXISTS"):
                    pass
                talker.send(b"DONE\r\n")
                while not (line := talker.line()).startswith(b"i "):
                    pass
                self.assertTrue(line.startswith(b"i OK"), line)
                self.assertEqual(_common(talker), "mx")
        finally:
            for talker in idling:
                talker.close()
        self.site.healthy()

    def idling(self) -> Talker:
        talker = Talker(self.port, tls=True)
        talker.line()
        for command in (self.site.login, b"SELECT INBOX"):
            answer = talker.imap(command)
            self.assertTrue(answer[-1].startswith(b"OK "), answer)
        talker.send(b"i IDLE\r\n")
        self.assertTrue(talker.line().startswith(b"+ "))
        return talker


def _common(talker: Talker) -> str:
    certificate = x509.load_der_x509_certificate(talker.certificate)
    return certificate.subject.rfc4514_string().removeprefix("CN=")
