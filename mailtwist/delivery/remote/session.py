"""An SMTP session with another server, opened as far as MAIL, under the policies of its destination.

What is said up to there, and what was refused, no mail knows anything of: any server of the destination, or
the same one later, can be asked instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from mailtwist.kit.clock import Clock
from mailtwist.kit.connecting import connected
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call, NotAnswered
from mailtwist.protocols.dialogue import NotServed, Offer
from mailtwist.protocols.smtp.answers import answer
from mailtwist.protocols.smtp.dialogue import greeted, hello
from mailtwist.tls.looking import Looking
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.policy import (
    NOT_OFFERED,
    Note,
    NotGoodEnough,
    Policy,
    Record,
    Seen,
    asked_name,
    asks_tls,
    bears_clear,
    judged,
)
from mailtwist.tls.verdict import Finding, Shown, safe

INJECTED = "4.7.0"
"""The status of `Call.start_tls` when there were octets in clear behind the answer to STARTTLS."""

GOODBYE = 5.0
"""Seconds for the end of a session when all is said."""


@dataclass(frozen=True, slots=True)
class There:
    """One address of one host.  `implicit`: TLS comes first."""

    host: str
    address: str
    port: int = 25
    implicit: bool = False

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.host} ({address}:{self.port})"


@dataclass(frozen=True, slots=True)
class Ours:
    """How we come: the name that we say in EHLO, TLS, and how many seconds a connection, then each answer,
    and all up to MAIL may take (rfc5321#4.5.3.2.1 has five minutes for the greeting)."""

    hostname: str
    outbound: Outbound
    clock: Clock
    connect_time: float = 30.0
    answer_time: float = 300.0
    opening_time: float = 900.0


@dataclass(slots=True)
class RemoteSession:
    """Ready for MAIL.  `offers` is what the server offers now.  Whoever has it ends it by `quit`, or aborts
    its `call`."""

    there: There
    call: Call
    offers: Offer
    record: Record

    async def quit(self) -> None:
        """Goodbye, and the connection has ended; who does not hang up in time is cut off."""
        call = self.call
        try:
            call.write(b"QUIT\r\n")
            call.until = call.clock.seconds() + GOODBYE
            while not call.over:
                await call.line()
        except Trouble:
            pass
        finally:
            call.abort()


async def opened(
    there: There, policies: Sequence[Policy], ours: Ours, note: Note | None = None
) -> RemoteSession:
    """A session that all policies agree to.  Where none minds, a server that offers TLS and does not manage
    it is asked again in clear.  `note` gets the record of what was seen, and so does the log, also when it
    is refused: `NotGoodEnough`, before anything was said of a mail.  Any other `Trouble` when there is no
    session at all.

    Octets in clear behind the answer to STARTTLS end it under every policy that asks for TLS: somebody wants
    them to be taken for the server's own under TLS (rfc3207#4.2)."""
    opening = _Opening(there, policies, ours, note)
    try:
        return await opening.attempted()
    except _NoTls as failed:
        if there.implicit or not bears_clear(policies):
            raise NotGoodEnough(opening.judged(failed.seen)) from None
        opening.lacks = failed.seen.lacks
        return await opening.attempted()


class _NoTls(Exception):
    """The handshake came to nothing, and the connection with it."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen.lacks)
        self.seen = seen


class _Opening:
    """`lacks`: why TLS is not tried any more."""

    def __init__(self, there: There, policies: Sequence[Policy], ours: Ours, note: Note | None) -> None:
        self.lacks: Finding | None = None
        self._from = ""
        self._there = there
        self._policies = policies
        self._ours = ours
        self._note = note
        try:
            self._host = ours.outbound.context(there.host).host
            self._towards = ours.outbound.context(asked_name(policies, there.host))
        except ValueError as error:
            raise NotServed(f"{there}: {error}") from None

    async def attempted(self) -> RemoteSession:
        """One connection; `_NoTls`."""
        there, ours = self._there, self._ours
        call = Call(str(there), ours.clock, ours.answer_time)
        await connected(call, there.address, there.port, ours.connect_time)
        try:
            call.until = ours.clock.seconds() + ours.opening_time
            self._from = call.transport.getHost().host
            shown, offers = await self._introduced(call)
            record = self.judged(self._seen(offers, shown))
        except BaseException:
            call.abort()
            raise
        call.until = inf
        session = RemoteSession(there, call, offers, record)
        if record.refusing:
            await session.quit()
            raise NotGoodEnough(record)
        return session

    def judged(self, seen: Seen) -> Record:
        """Told to whoever wants to know."""
        record = judged(seen, self._policies)
        record.log()
        if self._note is not None:
            self._note(record)
        return record

    async def _introduced(self, call: Call) -> tuple[Shown | None, Offer]:
        """Greeted, and TLS is there if it is wanted and can be had; what was shown, and what is offered."""
        shown: Shown | None = None
        if self._there.implicit:
            shown = await self._handshake(call)
        await greeted(call)
        offers = await hello(call, self._ours.hostname)
        if shown is not None or self.lacks is not None or not asks_tls(self._policies):
            return shown, offers
        if not offers.has("STARTTLS"):
            self.lacks = NOT_OFFERED
        elif await self._agreed(call):
            return await self._handshake(call), await self._anew(call)
        return None, offers

    async def _agreed(self, call: Call) -> bool:
        """The server begins TLS now; a refusal leaves the session as it is (rfc3207#4.1)."""
        call.write(b"STARTTLS\r\n")
        reply = await answer(call)
        if reply.code == 220:
            return True
        self.lacks = Finding(
            "starttls-not-supported", f"the server refuses STARTTLS: {safe(str(reply), 200)}"
        )
        if call.unread or reply.code == 421:
            raise NotAnswered(str(self._there), self.lacks.words)
        return False

    async def _handshake(self, call: Call) -> Shown:
        looking = Looking(self._towards)
        try:
            await call.start_tls(looking)
        except NotAnswered as failed:
            if failed.status == INJECTED:
                raise
            raise self._without_tls(call, failed) from None
        assert looking.shown is not None, "start_tls has judged"
        return looking.shown

    async def _anew(self, call: Call) -> Offer:
        """EHLO under TLS.  With TLS 1.3 a server that does not want our handshake says so only now."""
        try:
            return await hello(call, self._ours.hostname)
        except NotAnswered as failed:
            if failed.status == "4.7.5":
                raise self._without_tls(call, failed) from None
            raise

    def _without_tls(self, call: Call, failed: NotAnswered) -> _NoTls:
        call.abort()
        lacks = Finding("validation-failure", failed.why)
        return _NoTls(self._seen((), None, lacks))

    def _seen(self, offers: Sequence[str], shown: Shown | None, lacks: Finding | None = None) -> Seen:
        there, lacks = self._there, lacks or self.lacks
        return Seen(self._host, there.address, there.port, self._from, tuple(offers), shown, lacks)
