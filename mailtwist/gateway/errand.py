"""From a login at one of our doors to the errand behind it: which kind of server, for which guest."""

from collections.abc import Mapping

from mailtwist.auth.api import Accepted, DoorName, LoginRefused, LoginRequest
from mailtwist.gateway.api import Errand, Guest, Kind

KINDS: Mapping[DoorName, Kind] = {"imap": "imap", "pop3": "pop3", "smtp": "submission", "sieve": "sieve"}
"""What is spoken behind a door whose own protocol goes on there."""

STAR = "*"
"""With it a Dovecot that has master users takes a name for two: whose mail, and who asks for it."""


def guest_of(request: LoginRequest) -> Guest:
    return Guest(
        address=request.address,
        peer=request.peer,
        tls=request.tls,
        client=request.client,
        connection=request.connection,
        hops=request.peer.hops,
    )


def errand(kind: Kind, accepted: Accepted, request: LoginRequest) -> Errand:
    """`LoginRefused` for a name that could mean somebody else to the server behind."""
    if STAR in accepted.name or STAR.encode() in request.user:
        raise LoginRefused("bad-name")
    return Errand(
        kind=kind,
        account=accepted.account,
        name=accepted.name,
        typed=request.user,
        password=accepted.password,
        guest=guest_of(request),
        vault=accepted.vault,
        token=request.secret if request.bearer else b"",
    )
