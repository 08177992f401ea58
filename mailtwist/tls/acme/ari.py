"""When an authority wants a certificate to be renewed.  rfc9773"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509

from mailtwist.tls.acme.account_key import base64
from mailtwist.tls.acme.problem import nonsense, retry_after
from mailtwist.tls.acme.told import Told
from mailtwist.tls.https import Answer

SOONEST, LATEST = 60.0, 86400.0
"""Seconds: how long it is until the authority is asked again, at least and at most.  rfc9773#4.3"""

AGAIN = 6 * 3600.0
"""Seconds, where the authority says nothing.  rfc9773#4.3.2"""


@dataclass(frozen=True)
class Renewal:
    """The window that is suggested, a page that explains it ('' when there is none), and when to ask again:
    seconds since 1970."""

    start: float
    end: float
    explanation: str
    again: float

    def moment(self, random: Callable[[], float]) -> float:
        """Some time in the window; `random` gives numbers from 0 to 1.  rfc9773#4.2"""
        return self.start + (self.end - self.start) * random()


def certificate_id(certificate: x509.Certificate) -> str:
    """How the authority knows it; '' when it does not say by which key it was issued.  rfc9773#4.1"""
    try:
        known = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    if not known.key_identifier:
        return ""
    serial = certificate.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # DER: the first bit is the sign
    return f"{base64(known.key_identifier)}.{base64(octets)}"


def renewal(answer: Answer, told: Told, now: float) -> Renewal:
    """What `told`, the object in `answer`, says."""
    window = told.inner("suggestedWindow")
    start, end = window.moment("start"), window.moment("end")
    if end <= start:
        raise nonsense(answer.url, "its window for renewal ends before it begins")
    after = retry_after(answer, now)
    wait = AGAIN if after is None else min(max(after, SOONEST), LATEST)
    return Renewal(start, end, told.page("explanationURL"), now + wait)
