"""The one TLS context factory: a certificate for each name, changed while running.  rfc6066#3 rfc7301"""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any
from weakref import WeakSet

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from mailtwist.kit.clock import Clock, process_clock
from mailtwist.tls.certificates import Bundle, read_bundle
from mailtwist.tls.listener import Listener, Policy, equip, equip_for_proof
from mailtwist.tls.nameless import Nameless
from mailtwist.tls.names import asked_name, server_name
from mailtwist.tls.table import Contents, Found, Table, building, new_context

STEPS = 4
"""Of `change`, before others have their turn: a step is less than a millisecond."""


@implementer(IOpenSSLServerConnectionCreator)
class ServerContexts:
    """The certificates of one [tls:...] section, for all listeners; `listener` is what a service gives to
    Twisted.  It goes by itself, too, wherever Twisted wants a server's context factory, and rejects nothing
    then: `transport.startTLS(contexts)`, `TLSMemoryBIOFactory(contexts, False, factory)`.

    `default_name` is shown to clients that ask for no name or for one we do not have; "" is the first name
    of the first bundle.  `serve` changes what is shown to those who connect from then on; who is connected
    stays.  `found` counts how names were found, `nameless` says for whom they were not.

    A server class that says `alpn = (b"imap",)` is offered to clients as that; one that says nothing takes
    whichever of `listener.ALPN` the client prefers.
    """

    def __init__(
        self, default_name: str = "", session_tickets: bool = True, clock: Clock | None = None
    ) -> None:
        self.default_name = default_name
        self.session_tickets = session_tickets
        self.found: Counter[Found] = Counter()
        self.nameless = Nameless(clock)
        self.bundles: Sequence[Bundle] = ()
        self.asked: Callable[[str], None] | None = None
        """Hears the names that clients ask for and that are not here; in a handshake, which waits for
        nothing."""
        self._clock = clock or process_clock()
        self._table: Table | None = None
        self._proofs: dict[str, SSL.Context] = {}
        self._changes = count(1)
        self._newest = 0
        self._listeners: list[Callable[[], None]] = []
        self._fronts: WeakSet[Listener] = WeakSet()
        self._plain = self.listener(Policy())

    # -- what is shown
    def serve(self, bundles: Sequence[Bundle]) -> None:
        """From now on these and no others.  `BadCertificate` when that cannot be: nothing has changed."""
        number = next(self._changes)
        steps = self._building(bundles)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                return self._switch(number, bundles, done.value)

    async def change(self, bundles: Sequence[Bundle]) -> None:
        """As `serve`, for any number of certificates: nobody waits for all of them to be loaded.  Of two that
        overlap the one that was asked for later stays."""
        number = next(self._changes)
        steps = self._building(bundles)
        for step in count(1):
            try:
                next(steps)
            except StopIteration as done:
                return self._switch(number, bundles, done.value)
            if step % STEPS == 0:
                await self._turn()

    def _building(self, bundles: Sequence[Bundle]) -> Generator[None, None, Table]:
        return building(bundles, self.default_name, self.made, equip)

    def _turn(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred(lambda turn: later.cancel())
        later = self._clock.later(0, lambda: turn.callback(None))
        return turn

    def _switch(self, number: int, bundles: Sequence[Bundle], table: Table) -> None:
        if number < self._newest:
            return
        self._newest = number
        for front in self._fronts:
            front.renew(table)
        self._table, self.bundles = table, tuple(bundles)
        for changed in list(self._listeners):
            changed()

    @property
    def made(self) -> Mapping[Contents, SSL.Context]:
        """Contexts that need not be made again."""
        return {} if self._table is None else self._table.made

    @property
    def table(self) -> Table:
        if self._table is None:
            raise RuntimeError("serving TLS before there is a certificate")
        return self._table

    @property
    def bootstrapping(self) -> bool:
        """The certificate that is shown by default is only there until there is a real one."""
        return self._table is not None and any(bundle.bootstrap for bundle in self._table.shown)

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """`changed` is called after each change of what is served; the answer ends that."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    # -- to whom
    @property
    def listeners(self) -> Sequence[Listener]:
        """Of all services that show these certificates."""
        return list(self._fronts)

    def listener(self, policy: Policy, service: str = "", alpn: Sequence[bytes] = ()) -> Listener:
        """For one service, whose name the log has; `alpn` is for servers of it that do not say what they
        speak, such as those that only refuse."""
        if policy.tickets and not self.session_tickets:
            policy = replace(policy, tickets=False)
        made = Listener(self, policy, service, alpn)
        self._fronts.add(made)
        return made

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return self._plain.serverConnectionForTLS(protocol)

    # -- proofs for a CA
    def prove(self, name: str, pem: bytes) -> None:
        """Until `proved`, a hello that asks for `name` and offers acme-tls/1 and nothing else is shown this
        certificate, whose key is in the same PEM text, where connections begin with TLS.  Nobody else sees it
        (rfc8737).  `BadCertificate`, ValueError."""
        bundle = read_bundle(pem, pem, named=False)
        self._proofs[server_name(name)] = new_context((bundle,), equip_for_proof, tickets=False)

    def proved(self, name: str) -> None:
        """It is shown no more, if it was."""
        self._proofs.pop(server_name(name), None)

    @property
    def proving(self) -> bool:
        return bool(self._proofs)

    def proof(self, name: bytes) -> SSL.Context | None:
        return self._proofs.get(asked_name(name))
