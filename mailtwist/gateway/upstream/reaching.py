"""From the settings of an upstream to the pool of its hosts, and to TLS with them."""

from collections.abc import Callable
from functools import partial

from mailtwist.config.part import Assembly
from mailtwist.gateway.dial import Pool, Reach
from mailtwist.gateway.drained import drained, names
from mailtwist.gateway.upstream.opportunistic import Opportunistically
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.tls.outbound import Outbound


def outbound(settings: Settings) -> Outbound:
    """Reads files: blocks.  `tls.certificates.BadCertificate`."""
    kind = Outbound if settings.tls_policy == "verify" else Opportunistically
    return kind(settings.roots, settings.verify_name, settings.pins, settings.certificate, settings.key)


def pool(settings: Settings, assembly: Assembly) -> Callable[[Outbound], Pool]:
    """All but TLS, for which files have to be read."""
    reach = Reach(
        proxy=settings.proxy,
        connect_time=settings.connect_time,
        check_every=settings.check_every,
        troubles=settings.troubles,
        pause=settings.pause,
        connections=settings.connections,
    )
    admins = assembly.one(drained)
    return partial(
        Pool,
        assembly.name,
        settings.hosts,
        settings.ways(),
        reach,
        resolver=assembly.one(names),
        clock=assembly.clock,
        drained=admins.hosts,
        note=admins.note(assembly.name),
    )
