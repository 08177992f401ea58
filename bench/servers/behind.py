"""The one Dovecot behind all proxies that are measured: started by the first of them, stopped by the last."""

from pathlib import Path

from bench.servers.dovecot import Dovecot

STAYING = """\
service imap-login {
  service_count = 0
  process_min_avail = 1
  client_limit = 8192
}
service imap {
  service_count = 1000
  process_min_avail = 12
}
"""


class Staying(Dovecot):
    """Its processes serve one client after the other: at a new one for each login, what is in front of it
    would hardly count."""

    def passdbs(self) -> str:
        return super().passdbs() + STAYING


class _Behind:
    def __init__(self) -> None:
        self._server: Staying | None = None
        self._users = 0

    def begin(self, certificate: Path, key: Path) -> Staying:
        """It runs; any name has the password `secret` there."""
        if self._server is None:
            server = Staying(certificate, key)
            try:
                server.start()
            except BaseException:
                server.stop()
                raise
            self._server = server
        self._users += 1
        return self._server

    @property
    def running(self) -> Staying:
        assert self._server is not None
        return self._server

    def end(self) -> None:
        """One of those who began it is gone."""
        self._users -= 1
        if self._server is not None and not self._users:
            self._server.stop()
            self._server = None


behind = _Behind()
