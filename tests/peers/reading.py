"""What tests of reading programs share: two hundred varied messages, and what a program may make of them."""

import email
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import headers, surrogate
from mailtwist.testing.corpus import messages
from tests.peers.host import Person, shared_host


def digests(octets: Iterable[bytes]) -> Counter[str]:
    return Counter(hashlib.sha256(message).hexdigest() for message in octets)


def unix(message: bytes) -> bytes:
    """As a program stores it that has LF lines."""
    return message.replace(b"\r\n", b"\n")


def ended(message: bytes) -> bytes:
    """As POP3 gives it, which cannot say that the last line has no end (rfc1939#3)."""
    return message if not message or message.endswith(b"\n") else message + b"\r\n"


def without_utf8(message: bytes) -> bytes:
    """As POP3 gives it to a program that did not say UTF8 (rfc6856#2.1)."""
    end = headers.end(message)
    head, body = (message, b"") if end < 0 else (message[:end], message[end:])
    return ended(surrogate.made(head) + body if surrogate.wanted(head) else message)


def orderly(message: bytes) -> bool:
    """A header, an empty line and a body with ended lines.  What is less, some programs refuse or repair."""
    head, empty, body = message.partition(b"\r\n\r\n")
    fields = all(re.match(rb"[!-9;-~]+:|[ \t]", line) for line in head.split(b"\r\n"))
    return bool(empty and body) and fields and message.endswith(b"\r\n")


def rewritten(message: bytes) -> bool:
    """Python's `email` writes it otherwise than it was."""
    return email.message_from_bytes(message).as_bytes() != message


def quoted(message: bytes) -> bool:
    """An mbox cannot tell that `>` was the writer's."""
    return b"\n>From " in message


class Program(SynchronousTestCase):
    """What the tests of one reading program share."""

    timeout = 600
    corpus = messages(200)

    def setUp(self) -> None:
        self.host = shared_host()
        self.reader: Person = self.host.person("reader", fill=self.corpus)
        self.folder = Path(self.mktemp()).resolve()

    def assertRead(
        self,
        got: Iterable[bytes],
        but: Callable[[bytes], bool] = lambda message: False,
        given: Callable[[bytes], bytes] = lambda message: message,
    ) -> None:
        """All that is orderly came through as the server has `given` it, `but` for what this program always
        changes."""
        wanted = [unix(given(message)) for message in self.corpus if orderly(message)]
        wanted = [message for message in wanted if not but(message)]
        self.assertGreater(len(wanted), 120)
        self.assertEqual(digests(wanted) - digests(got), Counter())
