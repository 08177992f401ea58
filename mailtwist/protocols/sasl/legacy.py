"""Mechanisms of twisted.mail: any `IChallengeResponse` serves as one of ours.  rfc4422"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.mail.imap4 import IllegalClientResponse

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Foreign, Mechanism, ServerFirst, Step


def of_challengers(challengers: Mapping[bytes, Callable[[], Any]]) -> dict[str, Mechanism]:
    """The mechanisms of a stock server's `challengers`, by upper-case name.  The credentials they end with
    are the challenge objects themselves, for a checker that knows them."""
    return {_name(key): Mechanism(_name(key), _begin(_name(key), make)) for key, make in challengers.items()}


def _name(key: bytes | str) -> str:
    return (key.decode("ascii") if isinstance(key, bytes) else key).upper()


def _begin(name: str, make: Callable[[], Any]) -> Callable[[], "StockExchange"]:
    return lambda: StockExchange(make(), lenient=name == "LOGIN")


class StockExchange:
    """One `IChallengeResponse`.  Its first challenge is asked for even when the client already answered:
    challengers count on it.  An answer to a challenge that was never seen is refused, but for LOGIN."""

    def __init__(self, challenger: Any, lenient: bool) -> None:
        self._challenger = challenger
        self._lenient = lenient
        self._begun = False

    def step(self, response: bytes | None) -> Step:
        if not self._begun:
            self._begun = True
            challenge = self._challenger.getChallenge()
            if response is None:
                return Challenge(challenge)
            if challenge and not self._lenient:
                raise ServerFirst("This mechanism takes no initial response")
        try:
            self._challenger.setResponse(response)
        except (IllegalClientResponse, ValueError):  # CramMD5Credentials unpacks what it splits
            raise Malformed("Not a response of this mechanism") from None
        if self._challenger.moreChallenges():
            return Challenge(self._challenger.getChallenge())
        return Foreign(self._challenger)
