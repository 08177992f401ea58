"""A connection to a server behind us whose client is logged in there."""

from zope.interface import implementer

from mailtwist.gateway.api import IUpstreamSession, Kind
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import Offer


@implementer(IUpstreamSession)
class OpenSession:
    """`gateway.api.Session`."""

    __slots__ = ("call", "introduced", "kind", "offers")

    def __init__(self, kind: Kind, call: Call, offers: Offer, introduced: bool) -> None:
        self.kind = kind
        self.call = call
        self.offers = offers
        self.introduced = introduced

    @property
    def where(self) -> str:
        return self.call.where

    async def close(self) -> None:
        self.call.close()
