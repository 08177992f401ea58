"""What a server said to EHLO, in numbers.  rfc5321#4.1.1.1"""

from mailtwist.protocols.dialogue import Offer

_DIGITS = 18


def binary(offer: Offer) -> bool:
    """It takes messages of any octets (rfc3030#3)."""
    return offer.has("BINARYMIME") and offer.has("CHUNKING")


def largest(offer: Offer) -> int:
    """The most octets of a message; 0 where that is not said (rfc1870#4)."""
    return _number(next(iter(offer.of("SIZE")), ""))


def most(offer: Offer, name: str) -> int:
    """One of its LIMITS, such as RCPTMAX; 0 where it is not said (rfc9422#3)."""
    told = dict(word.partition("=")[::2] for word in offer.of("LIMITS"))
    return _number(told.get(name, ""))


def _number(text: str) -> int:
    """0 for what is none that could be meant."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
