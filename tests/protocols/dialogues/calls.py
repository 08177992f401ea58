"""A call to a real server, and one to a server whose words are in the test."""

from typing import Any

from twisted.internet import endpoints, reactor
from twisted.trial.unittest import TestCase

from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp

DIALOGUES: dict[str, Any] = {"imap": imap, "pop3": pop3, "submission": smtp, "sieve": sieve}


async def called(test: TestCase, port: int) -> Call:
    """A connection to loopback, which ends with the test."""
    to = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    call = await endpoints.connectProtocol(to, Call(f"127.0.0.1:{port}", patience=20))
    test.addCleanup(call.abort)
    return call


async def offered(kind: str, call: Call) -> Offer:
    """What is offered before a login."""
    greeting = await DIALOGUES[kind].greeted(call)
    if kind == "submission":
        return await smtp.hello(call, "gateway.example.org")
    return greeting if kind == "sieve" else await DIALOGUES[kind].capabilities(call)
