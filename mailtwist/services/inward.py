"""What services for a server in front of us have in common: LMTP, on which few may connect.  rfc2033"""

from dataclasses import dataclass
from typing import Literal

from mailtwist.config.network import Endpoint, Endpoints, Networks
from mailtwist.config.settings import setting
from mailtwist.services.taking import TakingSettings

PORTS = (24, 24)
MODES = {"owner": 0o600, "group": 0o660, "everybody": 0o666}


@dataclass(frozen=True)
class InwardSettings(TakingSettings):
    """The settings of a service on which nobody logs in and everybody is believed."""

    listen: Endpoints = setting(
        Endpoints([Endpoint("localhost", PORTS[0])]),
        words="Where to listen: ports, or Unix sockets.",
        example="unix:/var/spool/postfix/mailtwist/lmtp",
    )
    clients: Networks = setting(
        Networks.parse("127.0.0.0/8, ::1"),
        words="Networks that may connect, beside the trusted ones. It is never port 25 and never the world's:"
        " who connects here is believed.",
    )
    socket_mode: Literal["owner", "group", "everybody"] = setting(
        "group",
        words="Who may connect to a Unix socket: the user of this process, its group too, or everybody.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(place.port == 25 for place in self.listen):
            raise ValueError("listen: LMTP is never spoken on port 25 (rfc2033#5); write another, such as 24")
