"""txacme's own service, which issues and renews certificates into one of its stores."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from mailtwist.kit.events import Event
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import Solver
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.txacme.client import ClientOfToday, Responder

NOT_ISSUED = Event(
    "tls.txacme_not_issued", "{section}: txacme got no certificate for {name}: {error}", "error"
)


class Issuing:
    """From `start` to `stop`; certificates go into `store`, an `ICertificateStore`.  An authority that is
    away is asked again at the next check."""

    def __init__(
        self,
        section: str,
        store: Any,
        authority: KnownAuthority,
        solvers: Sequence[Solver],
        check_every: float,
    ) -> None:
        self._section = section
        self._store = store
        self._authority = authority
        self._solvers = solvers
        self._check_every = check_every
        self._service: Any = None

    def start(self, reactor: Any) -> None:
        from txacme.interfaces import ICertificateStore, IResponder
        from txacme.service import AcmeIssuingService

        responders = [Responder(solver) for solver in self._solvers]
        for responder in responders:
            alsoProvides(responder, IResponder)
        if not ICertificateStore.providedBy(self._store):
            alsoProvides(self._store, ICertificateStore)
        self._service = AcmeIssuingService(
            cert_store=self._store,
            client_creator=lambda: started(self._client()),
            clock=reactor,
            responders=responders,
            check_interval=timedelta(seconds=self._check_every),
            panic=self._not_issued,
        )
        self._service.startService()

    async def stop(self) -> None:
        if self._service is not None:
            await self._service.stopService()
            self._service = None
        await self._authority.stop()

    def checked(self) -> "Deferred[None]":
        """Fires when the first check has ended, whatever came of it."""
        done: Deferred[None] = self._service.when_certs_valid()
        return done

    async def _client(self) -> ClientOfToday:
        return ClientOfToday(await self._authority.client(), self._solvers)

    def _not_issued(self, failure: Failure, server_name: str) -> None:
        error = failure.value
        words = (getattr(error, "words", "") or error.detail) if isinstance(error, Trouble) else repr(error)
        NOT_ISSUED.log(section=self._section, name=server_name, error=words)
