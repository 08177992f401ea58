"""What speaks HTTP to clients: a site behind a door, with the limits of all services."""

from mailtwist.config.part import Assembly
from mailtwist.services.door import Visitor
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, mail_service
from mailtwist.web.channel import Channel
from mailtwist.web.site import Site

PORTS = (80, 443)
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n"


class Server(Visitor, Channel):  # type: ignore[override]
    """One connection."""


def http_service(settings: ServiceSettings, assembly: Assembly, site: Site) -> MailService:
    """The service that shows `site`."""
    return mail_service(settings, assembly, ports=PORTS, kind=Server, full=FULL, facts={"site": site})
