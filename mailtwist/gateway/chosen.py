"""Which server behind us somebody's login goes to: one for all, or by a route."""

from collections.abc import Mapping

from mailtwist.auth.api import Accepted, AccountUnavailable, LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Kind, Route, Session, SupportsReadiness, Upstream
from mailtwist.gateway.errand import errand, guest_of

BOTH = 'say "upstream" or "route", not both: a route names the upstream of each login'


class Nobodys(LoginRefused):
    """The route has no server for this name."""

    def __init__(self) -> None:
        super().__init__("unknown")


class Chosen:
    """What the settings `upstream` and `route` of a section mean.  ValueError when both are set."""

    def __init__(self, assembly: Assembly, upstream: str | None, route: str | None) -> None:
        if upstream and route:
            raise ValueError(BOTH)
        self._only: Upstream | None = assembly.part("upstream", upstream) if upstream else None
        self._route: Route | None = assembly.part("route", route) if route else None
        self._all: Mapping[str, Upstream] = assembly.parts("upstream") if route else {}

    def __bool__(self) -> bool:
        return self._only is not None or self._route is not None

    @property
    def always(self) -> Upstream | None:
        """The one that everybody's logins go to; None where that depends on the name."""
        return self._only

    @property
    def possible(self) -> tuple[Upstream, ...]:
        """Those that somebody may be sent to, in the order of the file."""
        return (self._only,) if self._only is not None else tuple(self._all.values())

    async def upstream(self, name: str, kind: Kind) -> Upstream | None:
        """The one for a canonical login name or address; None when nobody's is."""
        if self._route is None:
            return self._only
        named = await self._route.upstream(name, kind)
        if named is None:
            return None
        if named not in self._all:
            raise LoginUnavailable(f"the route names [upstream:{named}], and there is no such section")
        return self._all[named]

    async def serves(self, name: str, kind: Kind) -> bool:
        """His server does."""
        upstream = await self.upstream(name, kind)
        return upstream is not None and upstream.serves(kind)

    async def place(self, kind: Kind, name: str, request: LoginRequest) -> str:
        """Where `open` would go (`auth.api.SupportsPlaces`), '' when nowhere.  `LoginUnavailable` when that
        is known to be away, or cannot be said."""
        upstream = await self.upstream(name, kind)
        if upstream is None:
            return ""
        if isinstance(upstream, SupportsReadiness):
            await upstream.ready(kind, guest_of(request))
        return f"[upstream:{upstream.name}] {kind}"

    async def open(
        self, kind: Kind, accepted: Accepted, request: LoginRequest, *, judging: bool = False
    ) -> Session:
        """Logged in there.  `LoginRefused`, of which `Nobodys` is one; `LoginUnavailable` when others who are
        sent to the same `place` have the same trouble, `AccountUnavailable` when they need not.  `judging`:
        nobody else has looked at the password."""
        upstream = await self.upstream(accepted.name, kind)
        if upstream is None:
            raise Nobodys
        if judging and not upstream.judges:
            raise AccountUnavailable(f"[upstream:{upstream.name}] does not look at passwords")
        return await upstream.open(errand(kind, accepted, request))
