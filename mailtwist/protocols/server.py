"""What a server knows of its connection besides the octets: where it comes from, what TLS says.  rfc6066#3"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import ISSLTransport

from mailtwist.auth.api import Peer
from mailtwist.kit import outgoing
from mailtwist.protocols.proxy import Header


def front(transport: Any) -> Header | None:
    """What a listed proxy in front of us has said of the client; None when there is none, or when it has said
    nothing.  Its `tls` is there only if the proxy's word counts for TLS."""
    found: Header | None = getattr(transport, "front", None)
    return found


def encrypted(transport: Any) -> bool:
    """The client speaks TLS: with us, or with a proxy whose word counts for that."""
    if ISSLTransport.providedBy(transport):
        return True
    said = front(transport)
    return said is not None and said.tls is not None and said.tls.encrypted


def in_handshake(transport: Any) -> bool:
    """TLS has begun on this connection, and the client has not done its part yet."""
    handle = _handle(transport)
    return handle is not None and handle.get_peer_finished() is None


def spoken_tls(transport: Any) -> str:
    """Version and cipher, as OpenSSL calls them; '' when they are not known."""
    handle = _handle(transport)
    if handle is not None:
        return f"{handle.get_protocol_version_name()} {handle.get_cipher_name()}"
    said = front(transport)
    return "" if said is None or said.tls is None else f"{said.tls.version} {said.tls.cipher}".strip()


def peer(transport: Any, hops: int = 0) -> Peer:
    """For `LoginRequest.peer`.  `hops` is through how many gateways the client says that it has come; who
    comes from ourselves, or from a proxy that knows better, cannot make them fewer."""
    there, here = transport.getPeer(), transport.getHost()
    said = front(transport)
    ours = outgoing.hops(getattr(there, "host", ""), getattr(there, "port", 0))
    return Peer(
        port=getattr(there, "port", 0),
        server_address=getattr(here, "host", ""),
        server_port=getattr(here, "port", 0),
        server_name=_server_name(transport) or ("" if said is None else said.authority),
        hops=max(hops, ours, 0 if said is None else said.hops),
    )


def _server_name(transport: Any) -> str:
    asked: Callable[[], bytes | None] = getattr(_handle(transport), "get_servername", lambda: None)
    name = asked() or b""
    text = name.decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else ""


def _handle(transport: Any) -> Any:
    """OpenSSL's connection; None when TLS is not spoken with us."""
    if not ISSLTransport.providedBy(transport):
        return None
    return getattr(transport, "getHandle", lambda: None)()
