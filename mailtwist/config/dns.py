"""Who asks DNS for this process, as [resolver] says."""

from mailtwist.config.part import Assembly
from mailtwist.config.resolver import ResolverSettings
from mailtwist.kit.dns import Dns
from mailtwist.kit.dns_records import Server


def the_dns(assembly: Assembly) -> Dns:
    """The one of the process: `assembly.one(the_dns)`."""
    settings = assembly.settings(ResolverSettings)
    servers = [Server(one.address, one.port or settings.port) for one in settings.servers]
    return Dns(
        assembly.clock, servers, settings.port, trust_ad=settings.trust_ad, timeout=float(settings.timeout)
    )
