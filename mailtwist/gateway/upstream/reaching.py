"""From the settings of an upstream to the pool of its hosts, and to TLS with them."""

from mailtwist.config.part import Assembly
from mailtwist.gateway.dial import Pool, Reach
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.kit.resolver import Resolver
from mailtwist.tls.outbound import Outbound


def outbound(settings: Settings) -> Outbound:
    """Reads files: blocks.  `tls.certificates.BadCertificate`."""
    return Outbound(settings.roots, settings.verify_name, settings.pins, settings.certificate, settings.key)


def pool(settings: Settings, assembly: Assembly, tls: Outbound) -> Pool:
    reach = Reach(
        proxy=settings.proxy,
        connect_time=settings.connect_time,
        check_every=settings.check_every,
        troubles=settings.troubles,
        pause=settings.pause,
        connections=settings.connections,
    )
    names = assembly.one(the_names)
    return Pool(assembly.name, settings.hosts, settings.ways(), reach, tls, names, assembly.clock)


def the_names(assembly: Assembly) -> Resolver:
    """For `assembly.one`."""
    return Resolver(assembly.clock)
