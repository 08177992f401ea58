"""A unit file for systemd, in which the server may do what it needs, and nothing else."""

import re
import sys
from pathlib import Path

from mailtwist.app.tap import TWISTD

STATE = Path("/var/lib/mailtwist")
"""What systemd makes by itself for `StateDirectory=mailtwist`."""

USER = "mailtwist"
"""Whom it runs as where root sets it up."""

_PLAIN = re.compile(r"[A-Za-z0-9._/:=,+@-]+")

UNIT = """\
[Unit]
Description=mailtwist, a second factor in front of {host}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={start}
ExecReload=/bin/kill -HUP $MAINPID
# Nobody whose password is anywhere, and no root.
User={user}
# Ports below 1024, and no other right of root's.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
# The whole system is read-only but for the state.
ProtectSystem=strict
{state}
{home}
UMask=0077
{tmp}
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
LimitNOFILE=65536
# It lets go of its clients in order: longer than shutdown_deadline.
TimeoutStopSec=60
Restart=on-failure
# A config with a mistake in it does not get better by itself.
RestartPreventExitStatus=78

[Install]
WantedBy=multi-user.target
"""


def unit(host: str, config: Path, state: Path, user: str) -> str:
    """The file, for a server with this `config` that runs as `user`; ValueError for a path that cannot stand
    in one."""
    start = [sys.executable, *TWISTD, "--config", str(config)]
    if state == STATE:
        kept = "StateDirectory=mailtwist\nStateDirectoryMode=0700"
    else:
        kept = f"ReadWritePaths={_word(str(state))}"
    homes = (Path("/home"), Path("/root"), Path("/run/user"))
    at_home = any(path.is_relative_to(home) for path in (config, state, Path(sys.prefix)) for home in homes)
    home = "# What it needs is in somebody's home.\nProtectHome=no" if at_home else "ProtectHome=yes"
    tmp = any(path.is_relative_to("/tmp") or path.is_relative_to("/var/tmp") for path in (config, state))
    return UNIT.format(
        tmp="PrivateTmp=no" if tmp else "PrivateTmp=yes",
        host=host,
        start=" ".join(map(_command, start)),
        user=_word(user),
        state=kept,
        home=home,
    )


def _command(text: str) -> str:
    """In ExecStart, where variables are replaced, too."""
    return _word(text).replace("$", "$$")


def _word(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot stand in a unit file")
    text = text.replace("%", "%%")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
