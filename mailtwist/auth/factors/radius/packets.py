"""Questions to a RADIUS server as octets, and which answers are believed.  rfc2865#3"""

import hmac
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from hashlib import md5
from typing import Any

from mailtwist.config.secret import Secret

NO_LIBRARY = "type = radius needs pyrad: pip install 'mailtwist[radius]'"

LARGEST = 4096
"""Octets of a packet (rfc2865#3)."""

SMALLEST = 20

FOREIGN = "is not signed with our secret; is it the same on the server?"

REPLY_MESSAGE = 18
STATUS = 12


class Fact(IntEnum):
    """What is told about a login, by the numbers of its attributes."""

    USER_NAME = 1
    USER_PASSWORD = 2
    NAS_IP_ADDRESS = 4
    SERVICE_TYPE = 6
    CALLING_STATION_ID = 31
    NAS_IDENTIFIER = 32
    NAS_PORT_TYPE = 61
    NAS_IPV6_ADDRESS = 95


Facts = Sequence[tuple[Fact, bytes]]

LONGEST = 253
"""Octets of an attribute (rfc2865#5); of a password 128."""

LONGEST_PASSWORD = 128


class Code(IntEnum):
    """What an answer can be."""

    ACCEPT = 2
    REJECT = 3
    CHALLENGE = 11


@dataclass(frozen=True, slots=True)
class Answer:
    """From somebody who knows the secret, to this question; `words` are for people."""

    code: Code
    words: str = ""


class NotBelieved(Exception):
    """A datagram that is dropped, as if it had not come (rfc2865#3); `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoLibrary(ValueError):
    def __init__(self) -> None:
        super().__init__(NO_LIBRARY)


@cache
def library() -> Any:
    """`pyrad.packet`.  `NoLibrary`."""
    try:
        return importlib.import_module("pyrad.packet")
    except ImportError:
        raise NoLibrary() from None


class Question:
    """An Access-Request, or with no facts a Status-Server (rfc5997).  Its `octets` are the same as often as
    they are sent (rfc5080#2.2.1); the Message-Authenticator comes first in them.  Neither the password nor
    the secret can be read from it."""

    def __init__(self, identifier: int, secret: Secret, identity: Facts, password: str | None = None) -> None:
        code = library().AccessRequest if password is not None else STATUS
        packet = library().AuthPacket(code=code, id=identifier, secret=secret.reveal_octets())
        packet.authenticator = packet.CreateAuthenticator()
        packet.add_message_authenticator()
        for number, octets in identity:
            packet.setdefault(int(number), []).append(octets)
        if password is not None:
            packet[int(Fact.USER_PASSWORD)] = [packet.PwCrypt(password)]
        self.identifier = identifier
        self.octets: bytes = packet.RequestPacket()
        self._packet = packet
        self._secret = secret

    def answered(self, datagram: bytes) -> Answer:
        """`NotBelieved`, also for whatever the library makes of hostile octets.  Both signatures are
        compared in constant time; one with MD5 alone can be forged (CVE-2024-3596), so that by HMAC has to be
        there (rfc3579#3.2)."""
        length = int.from_bytes(datagram[2:4])
        if not SMALLEST <= length <= len(datagram) <= LARGEST:
            raise NotBelieved("is no RADIUS packet")
        if not self._signed(datagram[:length]):
            raise NotBelieved(FOREIGN)
        try:
            reply = self._packet.CreateReply(packet=datagram)
            believed = self._packet.VerifyReply(reply, datagram)
        except Exception as error:
            raise NotBelieved("is no RADIUS packet") from error
        if not believed:
            raise NotBelieved(FOREIGN)
        if not reply.message_authenticator:
            raise NotBelieved(
                "has no Message-Authenticator, so anybody may have forged it; the server has to send one"
            )
        try:
            code = Code(reply.code)
        except ValueError:
            raise NotBelieved(f"has the code {reply.code}, which is no answer") from None
        said = b" ".join(reply.get(REPLY_MESSAGE, []))
        return Answer(code, said.decode("utf-8", "replace"))

    def _signed(self, packet: bytes) -> bool:
        """By MD5.  Only of such is more looked at: who sends many others costs little."""
        about = packet[:4] + self.octets[4:20] + packet[20:]
        mark = md5(about + self._secret.reveal_octets(), usedforsecurity=False).digest()
        return hmac.compare_digest(mark, packet[4:20])

    def __repr__(self) -> str:
        return f"<Question {self.identifier}>"
