"""Mail of strangers, handed to the server behind that takes it for its recipients: the MX, and LMTP."""

from collections.abc import Callable

from zope.interface import implementer

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.names import BadName, canonical
from mailtwist.delivery.pipeline import NoRelaying
from mailtwist.gateway.api import Guest, Kind, Upstream
from mailtwist.gateway.chosen import Chosen
from mailtwist.gateway.transaction import Performance
from mailtwist.gateway.transaction_message import Incoming
from mailtwist.gateway.transaction_words import Head
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.smtp.command import Refusal
from mailtwist.protocols.smtp.door import IReception, Mail

AWAY = "The server behind cannot be reached, try again later"


class Elsewhere(Trouble):
    """One mail goes to one server: the client sends the other recipients another, which it does at once or
    later, and gets an answer for each of them from the server that knows (rfc5321#4.5.3.1.10)."""

    def __init__(self, address: Address) -> None:
        super().__init__("4.5.3", "Send this one a mail of its own", str(address))


class NotKnown(Trouble):
    def __init__(self, detail: str) -> None:
        super().__init__("4.4.3", "Where this mail goes cannot be said now, try again later", detail)


@implementer(IReception)
class Forwarding:
    """A `protocols.smtp.door.Reception` for one client, who did not log in.  Where it is not always the same
    server that takes the mail, the first recipient that is taken decides.  `guest` is asked who the client
    says it is.  The session behind is opened when it is needed, and kept for the client's next mail.

    `head` is said in front of messages to a server that was not told who the client is."""

    login = ""

    def __init__(self, kind: Kind, chosen: Chosen, guest: Callable[[], Guest], head: Head) -> None:
        self._kind = kind
        self._chosen = chosen
        self._guest = guest
        self._head = head
        self._mail: Mail | None = None
        self._there: Upstream | None = None
        self._performance: Performance | None = None
        self._opened: tuple[Upstream, Guest] | None = None

    async def sender(self, address: Address, size: int = 0) -> None:
        await self.mail_from(Mail(address, {"SIZE": str(size)} if size else {}))

    async def recipient(self, address: Address) -> None:
        await self.rcpt_to(Recipient(address))

    async def mail_from(self, mail: Mail) -> None:
        """A new mail: said there at once, where it is known to whom."""
        self._mail, self._there = mail, None
        if self._chosen.always is not None:
            await self._go(self._chosen.always, mail)

    async def rcpt_to(self, recipient: Recipient) -> None:
        """One more who gets it; `Elsewhere`, `NoRelaying`."""
        assert self._mail is not None, "RCPT before MAIL"
        upstream = self._chosen.always or await self._of(recipient.address)
        if upstream is not self._there:
            if self._mail.recipients:
                raise Elsewhere(recipient.address)
            await self._go(upstream, self._mail)
        assert self._performance is not None, "there without a session"
        await self._performance.rcpt_to(recipient)

    async def begin(self, envelope: Envelope, protocol: str) -> Incoming:
        assert self._performance is not None, "a message before RCPT"
        return await self._performance.begin(envelope, protocol)

    async def close(self) -> None:
        """The client has gone."""
        performance, self._performance = self._performance, None
        if performance is not None:
            await performance.close()

    async def _of(self, address: Address) -> Upstream:
        """Who takes its mail.  A bare `postmaster` is the first one's that takes any (rfc5321#4.5.1)."""
        if not address.domain:
            return self._of_us_all(address)
        try:
            found = await self._chosen.upstream(_name(address), self._kind)
        except LoginUnavailable as unavailable:
            raise NotKnown(unavailable.reason) from None
        if found is None or not found.serves(self._kind):
            raise NoRelaying(address)
        return found

    def _of_us_all(self, address: Address) -> Upstream:
        for upstream in self._chosen.possible:
            if upstream.serves(self._kind):
                return upstream
        raise NoRelaying(address)

    async def _go(self, upstream: Upstream, mail: Mail) -> None:
        """MAIL was taken there.  A session that has ended since the mail before is opened anew."""
        self._there = None
        kept = self._kept(upstream)
        if kept is not None:
            try:
                await kept.mail_from(mail)
            except (Refusal, Trouble):
                if not kept.lost:
                    raise
            else:
                self._there = upstream
                return
        await (await self._open(upstream)).mail_from(mail)
        self._there = upstream

    def _kept(self, upstream: Upstream) -> Performance | None:
        """The session that is open, if it is to this server and was opened in this client's present name."""
        performance = self._performance
        if performance is None or performance.lost or self._opened != (upstream, self._guest()):
            return None
        return performance

    async def _open(self, upstream: Upstream) -> Performance:
        await self.close()
        guest = self._guest()
        try:
            session = await upstream.visit(self._kind, guest)
        except LoginUnavailable as unavailable:  # nobody logs in here
            raise Trouble("4.4.1", AWAY, unavailable.reason) from None
        self._opened = upstream, guest
        self._performance = Performance(session, head=None if session.introduced else self._head)
        return self._performance


def _name(address: Address) -> str:
    """As routes know it; what can be no login name may be an address all the same."""
    try:
        return canonical(str(address))
    except BadName:
        return str(address)
